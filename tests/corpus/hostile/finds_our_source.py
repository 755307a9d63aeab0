# ruff: noqa
# must not happen: the code of the caller is found on disk
# held when: no BREACH
# argument: null
# calls: 1
import os


def solve(_):
    found = []
    for folder in ("/", "/work", "/home", "/srv", "/opt", "/usr/src", "/usr/local"):
        for where, folders, files in os.walk(folder):
            folders[:] = folders[:20] if where.count("/") < 4 else []
            found += [
                "BREACH " + where for name in files if name in ("pyproject.toml", "latm.toml")
            ]
    return found
