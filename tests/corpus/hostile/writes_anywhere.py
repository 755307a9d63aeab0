# ruff: noqa
# must not happen: a file is left behind
# held when: no BREACH
# argument: @FOLDER@
# calls: 1
import os
import sys


def solve(folder):
    got = []
    for where in (folder, "/", "/tmp", "/dev/shm", "/run", ".", *sys.path):
        try:
            with open(os.path.join(where, "latm-left-behind"), "w") as file:
                file.write("x")
            got.append("BREACH " + where)
        except OSError:
            pass
    return got
