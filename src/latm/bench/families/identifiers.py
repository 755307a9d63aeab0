"""Everyday families: identifiers, check digits and their ways of writing.

Dice flow in, a question with its answer flows out. Invariant: a wrong identifier differs
from a right one in a digit or two, as typing errors do.
"""

from __future__ import annotations

import re
from uuid import UUID

from latm.bench.families.family import Asked, Dice, drawn


def _digits(dice: Dice, length: int) -> str:
    return "".join(dice.choice("0123456789") for _ in range(length))


def _mistyped(dice: Dice, text: str, start: int = 0) -> str:
    """One digit changed, or two neighbours swapped."""
    place = dice.choice([i for i in range(start, len(text)) if text[i].isdigit()])
    if dice.random() < 0.5 and place + 1 < len(text) and text[place + 1] != text[place]:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    other = dice.choice([d for d in "0123456789" if d != text[place]])
    return text[:place] + other + text[place + 1 :]


def iban_holds(iban: str) -> bool:
    """Whether the check digits of an IBAN without blanks are right (ISO 13616)."""
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def luhn_holds(number: str) -> bool:
    """Whether the last digit is the check digit of the Luhn formula (ISO/IEC 7812-1)."""
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in number[-2::-2])
    return (doubled + sum(map(int, number[-1::-2]))) % 10 == 0


_BODIES = {"DE": 18, "AT": 16, "BE": 12, "CH": 17, "ES": 20, "FR": 23, "DK": 14}


def _iban(dice: Dice) -> Asked:
    country = dice.choice(list(_BODIES))
    body = _digits(dice, _BODIES[country])
    check = 98 - int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
    iban = f"{country}{check:02}{body}"
    if dice.random() < 0.5:
        iban = _mistyped(dice, iban, start=4)
    written = re.sub("(.{4})(?=.)", r"\1 ", iban) if dice.random() < 0.7 else iban
    answer = "valid" if iban_holds(iban) else "invalid"
    return f"Check the check digits of this IBAN: {written}\nAnswer valid or invalid.", answer


def _luhn(dice: Dice) -> Asked:
    body = dice.choice("3456") + _digits(dice, 14)
    number = next(body + d for d in "0123456789" if luhn_holds(body + d))
    if dice.random() < 0.5:
        number = _mistyped(dice, number)
    written = " ".join(number[i : i + 4] for i in range(0, 16, 4))
    return (
        f"Does the card number {written} pass the Luhn check? yes/no",
        "yes" if luhn_holds(number) else "no",
    )


def ean_check(body: str) -> int:
    """The check digit of the first twelve digits of an EAN-13 or ISBN-13."""
    return -sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body)) % 10


def isbn13(isbn10: str) -> str:
    """The ISBN-13 of an ISBN-10 without hyphens."""
    body = "978" + isbn10[:9]
    return f"{body}{ean_check(body)}"


def _isbn(dice: Dice) -> Asked:
    body = _digits(dice, 9)
    check = "0123456789X"[sum(int(d) * (i + 1) for i, d in enumerate(body)) % 11]
    isbn = body + check
    if dice.random() < 0.4:
        isbn = f"{body[0]}-{body[1:4]}-{body[4:]}-{check}"
    return f"What is the ISBN-13 of the book with ISBN-10 {isbn}? No hyphens.", isbn13(body + check)


def _ean(dice: Dice) -> Asked:
    body = _digits(dice, 12)
    return (
        f"An EAN-13 barcode starts with the twelve digits {body}. What is the complete code?",
        f"{body}{ean_check(body)}",
    )


def _uuid(dice: Dice) -> Asked:
    uuid = UUID(int=dice.getrandbits(128), version=4)
    text = dice.choice(
        [
            str(uuid).upper(),
            uuid.hex,
            uuid.hex.upper(),
            f"{{{uuid}}}",
            f"{{{str(uuid).upper()}}}",
            uuid.urn,
        ]
    )
    return f"Normalize the UUID (lower case, hyphens, nothing else): {text}", str(uuid)


def _phone(dice: Dice) -> Asked:
    area = f"{dice.randint(2, 9)}{_digits(dice, 2)}"
    office, line = f"{dice.randint(2, 9)}{_digits(dice, 2)}", _digits(dice, 4)
    text = dice.choice(
        [
            f"({area}) {office}-{line}",
            f"{area}-{office}-{line}",
            f"{area}.{office}.{line}",
            f"{area} {office} {line}",
            f"1-{area}-{office}-{line}",
            f"+1 {area} {office} {line}",
            f"+1 ({area}) {office}-{line}",
        ]
    )
    return f"Format this US phone number as E.164: {text}", f"+1{area}{office}{line}"


_OPENERS = (
    "How We Built|Why I Left|A Short Guide to|10 Tips for|What's New in|The Cost of|Rethinking|"
    "Getting Started with|7 Myths About|Notes on|Don't Fear|Inside|Beyond|Scaling"
).split("|")
_THEMES = (
    "Remote Work|Our Search Index|Postgres Backups|Kubernetes|Release 4.2|Design & Research|"
    "Customer Interviews|Python 3.13|Code Review|the Q3 Roadmap|Open Source|A/B Tests|"
    "Zero-Downtime Deploys|Cold Brew|Email Deliverability|Feature Flags|Data Contracts"
).split("|")
_CLOSERS = (
    "|in 2025|: Part 2|: Lessons Learned| (and How to Fix It)|, Explained|?|!| - A Case Study|"
    " for Small Teams|: What Nobody Tells You|, Again"
).split("|")


def slug(title: str) -> str:
    """A title as the last part of an address: words in lower case, hyphens between them."""
    words = re.sub(r"[^a-z0-9 ]", " ", title.lower().replace("'", ""))
    return "-".join(words.split())


def _slug(dice: Dice) -> Asked:
    closer = dice.choice(_CLOSERS)
    blank = " " if closer[:1].isalpha() else ""
    title = f"{dice.choice(_OPENERS)} {dice.choice(_THEMES)}{blank}{closer}"
    return (
        f"Title: {title}\nURL slug (lower case, drop apostrophes, everything else that is not a "
        "letter or digit separates words, single hyphens):",
        slug(title),
    )


_CHANGES = {
    "one breaking change and several fixes": 0,
    "a breaking API change": 0,
    "new features, nothing breaking": 1,
    "a new backwards-compatible option": 1,
    "bug fixes only": 2,
    "a security fix": 2,
}


def _version(dice: Dice) -> Asked:
    version = [dice.randint(1, 12), dice.randint(0, 30), dice.randint(0, 40)]
    change, part = dice.choice(list(_CHANGES.items()))
    following = [*version[:part], version[part] + 1, *[0] * (2 - part)]
    return (
        f"Current version is {'.'.join(map(str, version))}, the next release contains {change}. "
        "Next version number according to semantic versioning?",
        ".".join(map(str, following)),
    )


FAMILIES = tuple(
    drawn(name, "everyday", ask)
    for name, ask in (
        ("iban-check", _iban),
        ("card-luhn-check", _luhn),
        ("isbn-10-to-13", _isbn),
        ("ean-13-complete", _ean),
        ("normalise-uuid", _uuid),
        ("phone-to-e164", _phone),
        ("title-to-slug", _slug),
        ("next-version", _version),
    )
)
