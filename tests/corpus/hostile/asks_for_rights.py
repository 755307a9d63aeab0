# ruff: noqa
# must not happen: rights are gained from the kernel
# held when: no BREACH
# argument: null
# calls: 1
import ctypes


def solve(_):
    libc = ctypes.CDLL(None)
    for flags in (0x10000000, 0x00020000, 0x40000000):
        if libc.unshare(flags) == 0:
            return "BREACH unshare"
    return "denied"
