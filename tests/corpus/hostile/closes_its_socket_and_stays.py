# ruff: noqa
# must not happen: a process goes on after its reply is closed
# held when: failed
# argument: null
# calls: 1
import os


def solve(_):
    os.closerange(3, 64)
    while True:
        pass
