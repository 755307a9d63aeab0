"""Everyday families: money.

Dice flow in, a question with its answer flows out. Invariant: amounts are exact decimals,
and a question that does not say how halves are rounded never hangs on it.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from latm.bench.families.family import Asked, Dice, drawn

CENT = Decimal("0.01")


def undisputed(value: Decimal, unit: Decimal = CENT) -> Decimal | None:
    """The value in whole units, or None when it lies halfway between two of them."""
    if abs(value - value.quantize(unit, ROUND_DOWN)) * 2 == unit:
        return None
    return value.quantize(unit, ROUND_HALF_UP)


def _cents(dice: Dice, low: int, high: int) -> Decimal:
    return Decimal(dice.randint(low, high)) * CENT


def _vat(dice: Dice) -> Asked:
    net, rate = _cents(dice, 100, 500_000), dice.choice(["7", "19", "20", "21", "25", "5.5", "8.1"])
    gross = undisputed(net * (100 + Decimal(rate)) / 100)
    if gross is None:
        return None
    return f"Net amount: {net} EUR\nVAT rate: {rate}%\n\nGross amount in EUR?", f"{gross}"


_GOODS = (
    "jacket|pair of boots|desk lamp|coffee machine|backpack|winter coat|kettle|bike helmet|monitor|"
    "office chair|sleeping bag|pair of headphones"
).split("|")


def _discount(dice: Dice) -> Asked:
    price, off = _cents(dice, 500, 40_000), dice.choice([5, 10, 12, 15, 20, 25, 30, 33, 40, 50, 70])
    now = price * (100 - off) / 100
    thing = dice.choice(_GOODS)
    return (
        f"A {thing} costs ${price} and is {off}% off today. What do I pay? Round to the cent, "
        "half a cent up.",
        f"${now.quantize(CENT, ROUND_HALF_UP)}",
    )


_NAMES = (
    "Anna Ben Chloe David Emma Farid Grace Hugo Ines Jonas Kira Liam Mei Noah Olga Pavel".split()
)


def _split(dice: Dice) -> Asked:
    people = dice.sample(_NAMES, dice.randint(2, 6))
    total = dice.randint(1500, 30_000)
    share, rest = divmod(total, len(people))
    shares = [Decimal(share + (place < rest)) * CENT for place in range(len(people))]
    return (
        f"Split a restaurant bill of {Decimal(total) * CENT} between {', '.join(people)}. It has "
        "to add up to the cent, so the first ones on the list pay one cent more where needed. "
        "Answer as Name: amount, separated by semicolons.",
        "; ".join(f"{name}: {amount}" for name, amount in zip(people, shares, strict=True)),
    )


def _interest(dice: Dice) -> Asked:
    principal = dice.randrange(500, 50_001, 50)
    rate, years = Decimal(dice.randint(4, 32)) / 4, dice.randint(2, 30)
    final = undisputed(principal * (1 + rate / 100) ** years)
    if final is None:
        return None
    return (
        f"I put ${principal:,} into an account with {rate.normalize()}% interest a year, "
        f"compounded yearly. How much is in it after {years} years? Give dollars and cents.",
        f"${final:,}",
    )


# About what one euro costs, in ten-thousandths of the other currency.
_RATES = {
    "USD": 10_800,
    "GBP": 8_500,
    "CHF": 9_500,
    "SEK": 114_000,
    "PLN": 43_000,
    "JPY": 1_620_000,
    "CZK": 249_000,
    "CAD": 14_800,
}


def _currency(dice: Dice) -> Asked:
    code = dice.choice(list(_RATES))
    rate = Decimal(_RATES[code] * dice.randint(900, 1100) // 1000) / 10_000
    amount = _cents(dice, 500, 900_000)
    there = dice.random() < 0.5
    result = undisputed(amount * rate if there else amount / rate)
    if result is None:
        return None
    source, target = ("EUR", code) if there else (code, "EUR")
    return (
        f"Exchange rate: 1 EUR = {rate} {code}. Convert {amount:,} {source} to {target}, two "
        "decimals.",
        f"{result:,} {target}",
    )


_ITEMS = (
    "Office chair|Toner cartridge, black|USB-C cable 2 m|Desk 160x80|Whiteboard|Licence (annual)|"
    "Consulting hour|Copy paper A4|Monitor arm|Router|Training day"
).split("|")


def _line_total(dice: Dice) -> Asked:
    quantity, price = dice.randint(2, 400), _cents(dice, 95, 450_000)
    item = dice.choice(_ITEMS)
    return (
        f"Invoice line: {quantity} x {item} @ {price:,} each. Line total?",
        f"{quantity * price:,}",
    )


def _amount(dice: Dice) -> Asked:
    value = _cents(dice, 100, 10 ** dice.randint(4, 9))
    english = f"{value:,}"
    german = english.translate(str.maketrans(",.", ".,"))
    swiss, french = english.replace(",", "'"), german.replace(".", " ")
    text = dice.choice(
        [
            f"{german} €",
            f"EUR {english}",
            f"{french} EUR",
            f"CHF {swiss}",
            f"${english}",
            f"{value}",
        ]
    )
    return (
        f"Amount as a plain number with two decimals, no separators or currency: {text}",
        f"{value}",
    )


FAMILIES = tuple(
    drawn(name, "everyday", ask)
    for name, ask in (
        ("add-vat", _vat),
        ("discounted-price", _discount),
        ("split-bill", _split),
        ("compound-interest", _interest),
        ("convert-currency", _currency),
        ("invoice-line-total", _line_total),
        ("normalise-amount", _amount),
    )
)
