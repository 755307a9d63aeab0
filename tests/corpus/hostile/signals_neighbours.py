# ruff: noqa
# must not happen: other processes are ended
# held when: no BREACH
# argument: null
# calls: 1
import os
import signal


def solve(_):
    done = []
    for pid in (os.getppid(), 1, -1):
        try:
            os.kill(pid, signal.SIGTERM)
            done.append("BREACH %d" % pid)
        except OSError:
            pass
    return done
