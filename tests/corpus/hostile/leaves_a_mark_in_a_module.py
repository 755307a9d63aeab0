# ruff: noqa
# must not happen: a changed module is seen by the next call
# held when: no BREACH
# argument: null
# calls: 2
import json


def solve(_):
    seen = getattr(json, "mark", "first")
    json.mark = "BREACH"
    return seen
