# ruff: noqa
# must not happen: memory shared by the system outlives the call
# held when: no BREACH
# argument: null
# calls: 2
import ctypes


def solve(_):
    libc = ctypes.CDLL(None)
    number = libc.shmget(0x1A7, 4096, 0o1666)
    if number < 0:
        return "denied"
    libc.shmat.restype = ctypes.c_void_p
    page = ctypes.cast(libc.shmat(number, None, 0), ctypes.POINTER(ctypes.c_char))
    seen = page[0]
    page[0] = b"x"
    return "BREACH found a mark" if seen == b"x" else "first"
