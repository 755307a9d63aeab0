# ruff: noqa
# must not happen: memory over the limit is used
# held when: no BREACH
# argument: null
# calls: 1
# layer: rlimits
def solve(_):
    block = bytearray(420000000)
    for at in range(0, len(block), 1048576):
        block[at] = 1
    return "BREACH %d bytes" % len(block)
