"""Everyday families: units, scales and ways to write a number.

Dice flow in, a question with its answer flows out. Invariant: values are exact decimals, and
no answer hangs on how a half is rounded.
"""

from __future__ import annotations

from decimal import Decimal

from latm.bench.families.family import Asked, Dice, drawn
from latm.bench.families.money import undisputed

_TENTH, _HUNDREDTH = Decimal("0.1"), Decimal("0.01")


def _distance(dice: Dice) -> Asked:
    value, mile = Decimal(dice.randint(5, 9_999)) / 10, Decimal("1.609344")
    to_miles = dice.random() < 0.5
    result = undisputed(value / mile if to_miles else value * mile)
    if result is None:
        return None
    source, target = ("km", "miles") if to_miles else ("miles", "km")
    return f"Convert {value} {source} to {target}, 2 decimal places.", f"{result} {target}"


def _temperature(dice: Dice) -> Asked:
    value, to_fahrenheit = Decimal(dice.randint(-400, 2_200)) / 10, dice.random() < 0.5
    result = undisputed(value * 9 / 5 + 32 if to_fahrenheit else (value - 32) * 5 / 9, _TENTH)
    if result is None or result.is_zero():
        return None  # minus nought has two writings
    source, target = ("C", "F") if to_fahrenheit else ("F", "C")
    return (
        f"The sensor reads {value}°{source}. What is that in °{target}? One decimal.",
        f"{result}°{target}",
    )


def _file_size(dice: Dice) -> Asked:
    size = dice.randint(1_100, 4 ** dice.randint(6, 20))
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if size >= unit:
            shown = undisputed(Decimal(size) / unit, _TENTH)
            if shown in (None, 1024):
                return None  # 1024.0 KiB or 1.0 MiB? Both are written.
            return (
                f"A file is {size} bytes. Display its size in KiB, MiB or GiB, the largest unit "
                "that gives at least 1, with one decimal.",
                f"{shown} {name}",
            )
    return None


def _height(dice: Dice) -> Asked:
    feet, inches = dice.randint(4, 6), dice.randint(0, 11)
    centimetres = undisputed((feet * 12 + inches) * Decimal("2.54"), Decimal(1))
    if centimetres is None:
        return None
    text = dice.choice(
        [
            f"{feet}'{inches}\"",
            f"{feet} ft {inches} in",
            f"{feet} feet {inches} inches",
            f"{feet * 12 + inches} inches",
            f"{feet}ft{inches}",
        ]
    )
    who = dice.choice(["Patient", "Player", "Applicant", "Driver", "Member", "Model"])
    return f"{who}'s height is {text}. In whole centimetres?", f"{centimetres}"


_STUFF = (
    "g flour|g sugar|ml milk|g butter|g rice|ml cream|g carrots|g spaghetti|ml olive oil|g cheese|"
    "ml stock|g minced beef"
).split("|")


def _recipe(dice: Dice) -> Asked:
    people, guests = dice.sample(range(2, 17), 2)
    amount = dice.randrange(20, 1500, 5)
    if amount * guests % people:
        return None
    stuff = dice.choice(_STUFF)
    return (
        f"The recipe serves {people} and needs {amount} {stuff}. How much for {guests} people?",
        f"{amount * guests // people} {stuff.split()[0]}",
    )


def _consumption(dice: Dice) -> Asked:
    distance, litres = dice.randint(80, 1100), Decimal(dice.randint(400, 7_500)) / 100
    used = undisputed(litres * 100 / distance, _TENTH)
    if used is None:
        return None
    return (
        f"Trip log: {distance} km driven, {litres} l refuelled. Fuel consumption in l/100 km, one "
        "decimal?",
        f"{used}",
    )


def _colour(dice: Dice) -> Asked:
    red, green, blue = (dice.randint(0, 255) for _ in range(3))
    as_hex, as_rgb = f"#{red:02x}{green:02x}{blue:02x}", f"rgb({red}, {green}, {blue})"
    if dice.random() < 0.5:
        return f"CSS colour {as_hex} in rgb() notation?", as_rgb
    return f"CSS colour {as_rgb} in hex notation (lower case)?", as_hex


_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
    *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)


def roman(number: int) -> str:
    """A number from 1 to 3999 in Roman numerals."""
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def _roman(dice: Dice) -> Asked:
    year = dice.randint(1100, 2199)
    if dice.random() < 0.5:
        return f"The inscription reads {roman(year)}. Which year is that?", str(year)
    return f"Write the year {year} in Roman numerals for the cornerstone.", roman(year)


def _ordinal(dice: Dice) -> Asked:
    number = dice.randint(1, 4_000)
    ending = (
        "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    what = dice.choice(["visitor", "order", "customer", "issue", "member"])
    return (
        f'Banner text "Welcome, our ... {what}!": write {number} as an ordinal, like 7th.',
        f"{number}{ending}",
    )


def _pace(dice: Dice) -> Asked:
    distance, pace = (
        Decimal(dice.choice(["5", "10", "15", "21.1", "42.2", "8", "12"])),
        dice.randint(200, 480),
    )
    seconds = undisputed(pace * distance, Decimal(1))
    if seconds is None:
        return None
    hours, rest = divmod(int(seconds), 3600)
    return (
        f"I run {distance} km at a pace of {pace // 60}:{pace % 60:02} min/km. Finish time as "
        "H:MM:SS, to the nearest second?",
        f"{hours}:{rest // 60:02}:{rest % 60:02}",
    )


FAMILIES = tuple(
    drawn(name, "everyday", ask)
    for name, ask in (
        ("km-and-miles", _distance),
        ("celsius-and-fahrenheit", _temperature),
        ("file-size", _file_size),
        ("height-in-cm", _height),
        ("scale-recipe", _recipe),
        ("fuel-consumption", _consumption),
        ("hex-and-rgb", _colour),
        ("roman-years", _roman),
        ("ordinal-number", _ordinal),
        ("finish-time", _pace),
    )
)
