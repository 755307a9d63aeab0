# ruff: noqa
# must not happen: a file of the host is read
# held when: no BREACH
# argument: @SECRET@
# calls: 1
# layer: namespaces landlock
def solve(path):
    with open(path) as file:
        return "BREACH " + file.read(200)
