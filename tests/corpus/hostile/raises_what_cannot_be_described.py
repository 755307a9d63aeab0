# ruff: noqa
# must not happen: an error breaks the one who describes it
# held when: failed
# argument: null
# calls: 1
class Trap(BaseException):
    def __str__(self):
        raise self

    __repr__ = __str__


def solve(_):
    raise Trap
