# ruff: noqa
from itertools import groupby


def solve(text):
    return [(letter, len(list(group))) for letter, group in groupby(text)]
