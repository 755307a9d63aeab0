# ruff: noqa
# must not happen: a number that is none passes the parser
# held when: failed
# argument: null
# calls: 1
# layer: strict-reply
import os
import struct


def solve(_):
    body = b'{"ok": true, "value": NaN}'
    os.write(3, struct.pack(">I", len(body)) + body)
    os._exit(0)
