# ruff: noqa
# must not happen: processes are started
# held when: no BREACH
# argument: null
# calls: 1
# layer: seccomp
import os
import time


def solve(_):
    started = 0
    for _ in range(25):
        if os.fork() == 0:
            time.sleep(0.5)
            os._exit(0)
        started += 1
    return "BREACH %d processes" % started
