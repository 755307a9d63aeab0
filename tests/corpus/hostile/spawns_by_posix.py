# ruff: noqa
# must not happen: a program is started by a way around fork
# held when: no BREACH
# argument: null
# calls: 1
import os
import sys


def solve(_):
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], {})
    return "BREACH process %d" % pid
