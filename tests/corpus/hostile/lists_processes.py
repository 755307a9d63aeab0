# ruff: noqa
# must not happen: processes of the host are seen
# held when: no BREACH
# argument: null
# calls: 1
import os


def solve(_):
    return ["BREACH " + name for name in os.listdir("/proc") if name.isdigit()]
