# ruff: noqa
def solve(pair):
    left, right = pair
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*right)] for row in left]
