"""Everyday families: dates and times.

Dice flow in, a question with its answer flows out. Invariant: the answer follows from the
question alone; no question means today.
"""

from __future__ import annotations

from datetime import date, timedelta

from latm.bench.families.family import Asked, Dice, drawn

_FIRST, _LAST = date(1970, 1, 1), date(2039, 12, 31)


def _date(dice: Dice, first: date = _FIRST, last: date = _LAST) -> date:
    return first + timedelta(days=dice.randint(0, (last - first).days))


def _long(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _american(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _weekday(dice: Dice) -> Asked:
    day = _date(dice)
    return f"What day of the week is {day}? Answer with the name of the day only.", f"{day:%A}"


def _business_days(dice: Dice) -> Asked:
    opened, days = _date(dice, date(2021, 1, 1), date(2029, 12, 31)), dice.randint(1, 30)
    due, left = opened, days
    while left:
        due += timedelta(days=1)
        left -= due.weekday() < 5
    return (
        f"Ticket opened on {opened}. The SLA is {days} business days (Mon-Fri, ignore public "
        "holidays), counted from the day after opening. What is the due date? Reply with "
        "YYYY-MM-DD.",
        due.isoformat(),
    )


def _to_iso(dice: Dice) -> Asked:
    day = _date(dice)
    text = dice.choice(
        [
            _long(day),
            _american(day),
            f"{day:%d.%m.%Y}",
            f"{day:%Y/%m/%d}",
            f"{day:%d-%b-%Y}",
            f"{day:%A}, {_long(day)}",
        ]
    )
    return f"Convert this date to ISO 8601 (dd.mm.yyyy is day first): {text}", day.isoformat()


def _from_iso(dice: Dice) -> Asked:
    day = _date(dice)
    return (
        f"Write the date {day} out for the header of a letter, like 24 December 2019.",
        _long(day),
    )


def _days_between(dice: Dice) -> Asked:
    start = _date(dice, date(2000, 1, 1))
    end = start + timedelta(days=dice.randint(1, 900))
    return (
        f"Check-in: {_long(start)}\nCheck-out: {_long(end)}\n\nHow many nights is that? "
        "Just the number.",
        str((end - start).days),
    )


def _quarter(dice: Dice) -> Asked:
    day = _date(dice)
    return (
        f"Which calendar quarter does the booking date {day:%d/%m/%Y} (day/month/year) belong to? "
        "Format the answer like Q3 2021.",
        f"Q{(day.month + 2) // 3} {day.year}",
    )


def _age(dice: Dice) -> Asked:
    born = _date(dice, date(1935, 1, 1), date(2008, 12, 31))
    on = _date(dice, date(2010, 1, 1), date(2032, 12, 31))
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if (born.month, born.day) == (2, 29) and (on.month, on.day) == (2, 28):
        return None  # whether one born on a leap day is older by then is disputed
    return (
        dice.choice(
            [
                f"How old is somebody born on {born} on {on}?",
                f"Date of birth: {born}. What is the person's age on {on}?",
                f"The policy starts on {on}. The insured was born on {born}. Age at start?",
                f"On {on}, what age in full years has a customer with birth date {born}?",
                f"born {born}, how old on {on}",
            ]
        ),
        str(age),
    )


def _clock(dice: Dice) -> Asked:
    hour, minute = dice.randint(0, 23), dice.randint(0, 59)
    half = dice.choice([("am", "pm"), ("AM", "PM"), ("a.m.", "p.m.")])[hour >= 12]
    return (
        f"The meeting reminder says {hour % 12 or 12}:{minute:02} {half} - what is that on the "
        "24-hour clock (HH:MM)?",
        f"{hour:02}:{minute:02}",
    )


def _shift(dice: Dice) -> Asked:
    start, pause = dice.randrange(0, 1440, 5), dice.choice([0, 15, 20, 30, 45, 60])
    length = dice.randrange(180, 660, 5)
    end = (start + length) % 1440
    worked = length - pause
    return (
        f"Timesheet entry: in {start // 60:02}:{start % 60:02}, out {end // 60:02}:{end % 60:02}, "
        f"break {pause} min. If out is earlier than in, the shift ends on the next day. "
        "Working time as H:MM?",
        f"{worked // 60}:{worked % 60:02}",
    )


def _duration(dice: Dice) -> Asked:
    seconds = dice.randint(1, 10 ** dice.randint(2, 6))
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    d, h = divmod(hours, 24)
    parts = [f"{n}{unit}" for n, unit in ((d, "d"), (h, "h"), (m, "m"), (s, "s")) if n]
    return (
        f"Uptime of the server is {seconds} seconds. Write it like 2d 3h 4m 5s and leave out "
        "parts that are zero.",
        " ".join(parts),
    )


FAMILIES = tuple(
    drawn(name, "everyday", ask)
    for name, ask in (
        ("weekday-of-date", _weekday),
        ("add-business-days", _business_days),
        ("date-to-iso", _to_iso),
        ("iso-to-letter-date", _from_iso),
        ("nights-between", _days_between),
        ("quarter-of-date", _quarter),
        ("age-on-date", _age),
        ("clock-24-hours", _clock),
        ("timesheet-hours", _shift),
        ("uptime-duration", _duration),
    )
)
