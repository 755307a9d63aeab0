# ruff: noqa
def primes():
    found = []
    number = 2
    while True:
        if all(number % prime for prime in found):
            found.append(number)
            yield number
        number += 1


def solve(limit):
    taken = []
    for prime in primes():
        if prime > limit:
            return taken
        taken.append(prime)
