# ruff: noqa
# must not happen: an open file of the caller is read
# held when: no BREACH
# argument: null
# calls: 1
# layer: descriptors
import os


def solve(_):
    got = []
    for number in range(3, 512):
        try:
            got.append(os.pread(number, 100, 0).decode("utf-8", "replace"))
        except OSError:
            pass
    return ["BREACH " + text for text in got if "planted" in text]
