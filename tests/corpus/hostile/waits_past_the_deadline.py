# ruff: noqa
# must not happen: a call lasts longer than its time
# held when: no BREACH
# argument: null
# calls: 1
# layer: wall-clock
import time


def solve(_):
    # Not endless, so that the test which removes the clock comes to an end.
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        time.sleep(0.01)
    return "BREACH waited"
