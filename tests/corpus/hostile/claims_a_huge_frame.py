# ruff: noqa
# must not happen: a length is believed before the bytes are there
# held when: failed
# argument: null
# calls: 1
import os


def solve(_):
    os.write(3, b"\xff\xff\xff\xff" + b"x" * 1000)
    os._exit(0)
