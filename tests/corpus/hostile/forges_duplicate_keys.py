# ruff: noqa
# must not happen: the second of two equal keys wins
# held when: failed
# argument: null
# calls: 1
import os
import struct


def solve(_):
    body = b'{"ok": false, "ok": true, "value": 1}'
    os.write(3, struct.pack(">I", len(body)) + body)
    os._exit(0)
