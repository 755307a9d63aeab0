# ruff: noqa
# must not happen: a small value that is huge when written out
# held when: failed
# argument: null
# calls: 1
def solve(_):
    value = []
    for _ in range(60):
        value = [value, value]
    return value
