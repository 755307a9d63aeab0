# ruff: noqa
# must not happen: variables of the caller are seen
# held when: no BREACH
# argument: null
# calls: 1
# layer: environment
import os


def solve(_):
    return ["BREACH " + value for name, value in os.environ.items() if name == "LATM_PLANTED"]
