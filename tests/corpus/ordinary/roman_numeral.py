# ruff: noqa
STEPS = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"))
STEPS += ((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def solve(number):
    text = ""
    for value, letters in STEPS:
        while number >= value:
            number -= value
            text += letters
    return text
