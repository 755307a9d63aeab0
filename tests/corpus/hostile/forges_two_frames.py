# ruff: noqa
# must not happen: bytes after the reply are taken
# held when: failed
# argument: null
# calls: 1
import os
import struct


def solve(_):
    body = b'{"ok": true, "value": 1}'
    os.write(3, (struct.pack(">I", len(body)) + body) * 2)
    os._exit(0)
