# ruff: noqa
from collections import defaultdict


def solve(words):
    groups = defaultdict(list)
    for word in words:
        groups["".join(sorted(word))].append(word)
    return list(groups.values())
