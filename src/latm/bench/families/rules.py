"""Everyday families: small business rules.

Dice flow in, a question with its answer flows out. Invariant: the rule stands in the
question, or everybody knows it.
"""

from __future__ import annotations

import calendar
import string
from decimal import Decimal

from latm.bench.families.family import Asked, Dice, drawn
from latm.bench.families.money import CENT

_ZONES = {
    "domestic": ("4.90", "7.90", "14.50"),
    "EU": ("9.90", "14.90", "27.00"),
    "world": ("16.50", "29.00", "58.00"),
}


def shipping(zone: str, grams: int) -> str:
    """What a parcel costs: three zones, up to 2, 5 and 20 kg."""
    return _ZONES[zone][0 if grams <= 2_000 else 1 if grams <= 5_000 else 2]


def _shipping(dice: Dice) -> Asked:
    zone, border = dice.choice(list(_ZONES)), dice.choice([2_000, 5_000])
    grams = dice.choice([border, *[dice.randrange(100, 20_001, 50)] * 4])
    return (
        "Shipping rates (up to 2 kg / up to 5 kg / up to 20 kg): domestic 4.90 / 7.90 / 14.50, "
        "EU 9.90 / 14.90 / 27.00, world 16.50 / 29.00 / 58.00 EUR. What does a parcel of "
        f"{Decimal(grams) / 1000:.2f} kg to zone {zone} cost?",
        shipping(zone, grams),
    )


def grade(percent: int) -> str:
    """A letter for a percentage: A from 90, then steps of ten, F below 60."""
    return "FDCBA"[max(0, min(percent // 10 - 5, 4))]


def _grade(dice: Dice) -> Asked:
    name = dice.choice("Amira Bo Celine Deniz Esther Filip Gloria Hamid".split())
    most = dice.choice([20, 25, 40, 50, 60, 80, 100, 120, 150])
    points = dice.randint(most // 3, most)
    return (
        f"{name} has {points} of {most} points in the test. Grade by percentage: A from 90, B from "
        "80, C from 70, D from 60, otherwise F. Which grade is it?",
        grade(100 * points // most),
    )


def _leap(dice: Dice) -> Asked:
    year = dice.choice([*[dice.randint(1000, 3000)] * 3, dice.randrange(1000, 3001, 100)])
    return (
        dice.choice(
            [
                f"Is {year} a leap year?",
                f"Was or will {year} be a leap year? yes or no",
                f"Does February {year} have 29 days?",
                f"Tell me whether the year {year} is a leap year.",
                f"leap year {year}?",
            ]
        ),
        "yes" if calendar.isleap(year) else "no",
    )


_LEVELS = ("low", "medium", "high")


def _priority(dice: Dice) -> Asked:
    impact, urgency = dice.choice(_LEVELS), dice.choice(_LEVELS)
    total = _LEVELS.index(impact) + _LEVELS.index(urgency)
    number, kind = dice.randint(1_000, 99_999), dice.choice(["Incident", "Request"])
    team = dice.choice(["Network", "Database", "Workplace", "SAP", "Security"])
    return (
        f"{kind} {number}\nTeam: {team}\nImpact: {impact}\nUrgency: {urgency}\n\n"
        "Set the priority: P1 if both are high, P2 if one is high and the other medium, P3 if "
        "both are medium or one is high and the other low, P4 if one is medium and the other "
        "low, P5 if both are low.",
        f"P{5 - total}",
    )


def meets_policy(password: str) -> bool:
    """At least ten characters, an upper-case and a lower-case letter, a digit and a mark."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!#$%&*+-?@_")
    return len(password) >= 10 and all(set(kind) & set(password) for kind in kinds)


_WORDS = (
    "sunrise Falcon winter River copper Marble tiger Quartz lemon Harbor sparrow Velvet".split()
)


def _password(dice: Dice) -> Asked:
    password = "".join(dice.sample(_WORDS, dice.randint(1, 2)))
    password += dice.choice(["", "7", "42", "2024", "99"]) + dice.choice(
        ["", "!", "#", "$x", "_", "?!"]
    )
    return (
        "Policy: at least 10 characters, with an upper-case letter, a lower-case letter, a digit "
        f"and one of !#$%&*+-?@_. Does the password {password} comply? Answer yes or no.",
        "yes" if meets_policy(password) else "no",
    )


def parking_fee(minutes: int) -> Decimal:
    """2.50 for the first hour, 1.80 for every further hour begun, 15.00 at most."""
    further = max(0, -(-minutes // 60) - 1)
    return min(Decimal("15.00"), Decimal("2.50") + further * Decimal("1.80"))


def _parking(dice: Dice) -> Asked:
    entry = dice.randrange(360, 1200)
    minutes = dice.randint(5, 1439 - entry)
    left = entry + minutes
    return (
        f"Parking ticket: entry {entry // 60:02}:{entry % 60:02}, "
        f"exit {left // 60:02}:{left % 60:02}. The first hour costs 2.50, "
        "every further hour or part of it 1.80, the day at most 15.00. What is the fee?",
        f"{parking_fee(minutes)}",
    )


def _commission(dice: Dice) -> Asked:
    sales = dice.randrange(1_000, 120_001, 100)
    first, rest = min(sales, 10_000), max(0, min(sales, 50_000) - 10_000)
    top = max(0, sales - 50_000)
    pay = (first * 3 + rest * 5 + top * 8) * CENT
    name = dice.choice(["Ms Ito", "Mr Kaya", "Ms Brandt", "Mr Ndiaye", "Ms Rossi"])
    return (
        f"{name} sold goods worth {sales:,} EUR this month. Commission is 3% on the first 10,000, "
        "5% on the part up to 50,000 and 8% on anything above. How much commission in EUR, two "
        "decimals, no separators?",
        f"{pay:.2f}",
    )


def _ticket_price(dice: Dice) -> Asked:
    adults, children, seniors = dice.randint(1, 20), dice.randint(0, 30), dice.randint(0, 9)
    total = adults * 1400 + children * 650 + seniors * 1100
    group = adults + children + seniors >= 10
    return (
        f"Museum booking: {adults} adults, {children} children, {seniors} seniors. Adults 14.00, "
        "children 6.50, seniors 11.00; groups of 10 or more get 10% off the total. Total price?",
        f"{Decimal(total * (90 if group else 100)) / 10_000:.2f}",
    )


def _refund(dice: Dice) -> Asked:
    days, price = dice.randint(0, 45), Decimal(dice.randrange(2_000, 150_000, 100)) * CENT
    share = 100 if days >= 30 else 50 if days >= 14 else 20 if days >= 7 else 0
    booking = f"{dice.choice('HKLM')}{dice.randint(100_000, 999_999)}"
    return (
        f"Booking {booking} over {price} EUR was cancelled {days} days before arrival. Refund "
        "policy: full refund until 30 days before, 50% until 14 days, 20% until 7 days, nothing "
        "after that. Refund in EUR?",
        f"{price * share / 100:.2f}",
    )


FAMILIES = tuple(
    drawn(name, "everyday", ask)
    for name, ask in (
        ("shipping-cost", _shipping),
        ("grade-from-points", _grade),
        ("leap-year", _leap),
        ("ticket-priority", _priority),
        ("password-policy", _password),
        ("parking-fee", _parking),
        ("sales-commission", _commission),
        ("museum-tickets", _ticket_price),
        ("cancellation-refund", _refund),
    )
)
