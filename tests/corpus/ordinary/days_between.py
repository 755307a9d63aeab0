# ruff: noqa
from datetime import date


def solve(pair):
    first, second = (date.fromisoformat(text) for text in pair)
    return (second - first).days
