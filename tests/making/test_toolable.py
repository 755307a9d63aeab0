"""Is there anything to compute? Classes of everyday work on one side, talk on the other."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.making.toolable import patience, prospects

Pair = tuple[str, str]
Dice = random.Random

WORDS = """river candle market window basket orange planet silver garden marble rocket tunnel
winter button forest hammer island jacket kettle ladder mirror needle pepper ribbon saddle
thunder velvet whistle anchor bridge copper dragon engine falcon goblet harbor ivory jungle
lantern meadow napkin oyster pillow quarry radish salmon temple umbrella violin walnut""".split()
NAMES = (
    "Ann Bob Carla Dan Eve Finn Gina Hal Ida Jon Kim Lee Mia Ned Ola Pia Rex Sue Tom Uma".split()
)
SURNAMES = "Archer Brown Clark Dunn Ellis Frost Grant Hayes Irwin Jones Kerr Lamb Moss Nash".split()


def day(dice: Dice) -> date:
    return date(1990, 1, 1) + timedelta(days=dice.randrange(15_000))


def roman(number: int) -> str:
    text = ""
    for value, sign in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        "M CM D CD C XC L XL X IX V IV I".split(),
        strict=True,
    ):
        while number >= value:
            text, number = text + sign, number - value
    return text


def shifted(text: str, by: int) -> str:
    return "".join(chr((ord(c) - 97 + by) % 26 + 97) if c.isalpha() else c for c in text)


def spelled(n: int) -> str:
    ones = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen"
    ).split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if n < 20:
        return ones[n]
    if n < 100:
        return tens[n // 10 - 2] + (f"-{ones[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ones[n // 100]} hundred" + (f" and {spelled(n % 100)}" if n % 100 else "")
    rest = f" {spelled(n % 1000)}" if n % 1000 else ""
    return f"{spelled(n // 1000)} thousand{rest}"


def luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(map(int, digits[::-1])):
        total += digit if place % 2 == 0 else sum(divmod(2 * digit, 10))
    return total % 10 == 0


def phrase(dice: Dice, least: int = 2, most: int = 6) -> str:
    return " ".join(dice.sample(WORDS, dice.randint(least, most)))


def card(dice: Dice) -> str:
    digits = "".join(dice.choice("0123456789") for _ in range(11))
    return next(
        digits + str(d) for d in dice.sample(range(10), 10) if luhn(f"{digits}{d}") or d % 2
    )


# --- classes that are computed ---------------------------------------------------------


def weekday(dice: Dice) -> Pair:
    d = day(dice)
    return f"Which day of the week is {d}?", f"{d:%A}"


def long_date(dice: Dice) -> Pair:
    d = day(dice)
    return f"Write {d} out in full.", f"{d:%A}, {d.day} {d:%B %Y}"


def paraphrased_date(dice: Dice) -> Pair:
    d = day(dice)
    forms = ("{} to ISO please", "convert the date {}", "What is {} in ISO 8601?", "{} -> iso")
    return dice.choice(forms).format(f"{d.day} {d:%B} {d.year}"), d.isoformat()


def money(dice: Dice) -> Pair:
    net = dice.randrange(100, 90_000) / 100
    return f"Add 19 % VAT to {net:.2f} EUR.", f"{net * 1.19:.2f} EUR"


def units(dice: Dice) -> Pair:
    miles = dice.randrange(1, 500)
    return f"How many kilometres are {miles} miles?", f"{miles * 1.609344:.1f} km"


def extraction(dice: Dice) -> Pair:
    first, last, age = dice.choice(NAMES), dice.choice(SURNAMES), dice.randrange(18, 90)
    return (
        f"As JSON: {first} {last}, aged {age}, ordered a {dice.choice(WORDS)}.",
        json.dumps({"name": f"{first} {last}", "age": age}),
    )


def slug(dice: Dice) -> Pair:
    text = phrase(dice).title()
    return f'Make a slug of "{text}"', text.lower().replace(" ", "-")


def checksum(dice: Dice) -> Pair:
    digits = card(dice)
    return f"Is the card number {digits} valid?", "valid" if luhn(digits) else "invalid"


def letters(dice: Dice) -> Pair:
    word = dice.choice(WORDS)
    letter = dice.choice(word)
    return f'How many times does "{letter}" occur in "{word}"?', str(word.count(letter))


def vowels(dice: Dice) -> Pair:
    text = phrase(dice)
    return f"Count the vowels: {text}", str(sum(c in "aeiou" for c in text))


def to_roman(dice: Dice) -> Pair:
    n = dice.randrange(1, 4000)
    return f"Write {n} in Roman numerals.", roman(n)


def from_roman(dice: Dice) -> Pair:
    n = dice.randrange(1, 4000)
    return f"What number is {roman(n)}?", str(n)


def grade(dice: Dice) -> Pair:
    points = dice.randrange(101)
    passed = sum(points >= least for least in (50, 60, 75, 90))
    return f"{dice.choice(NAMES)} has {points} points. Grade?", "FDCBA"[passed]


def rule(dice: Dice) -> Pair:
    bags, weight = dice.randrange(1, 5), dice.randrange(5, 40)
    allowed = bags <= 2 and weight <= 23
    return f"{bags} bags of {weight} kg: allowed?", "yes" if allowed else "no"


def priority(dice: Dice) -> Pair:
    impact, urgency = dice.randrange(3), dice.randrange(3)
    names = ("low", "medium", "high")
    return (
        f"{dice.choice(NAMES)}: impact {names[impact]}, urgency {names[urgency]}. Priority?",
        f"P{5 - impact - urgency}",
    )


def caesar(dice: Dice) -> Pair:
    text = phrase(dice, 1, 3)
    return f"Encrypt with a shift of 3: {text}", shifted(text, 3)


def decoded(dice: Dice) -> Pair:
    text = phrase(dice, 6, 12)
    return f"Decode: {base64.b64encode(text.encode()).decode()}", text


def rot13_sentence(dice: Dice) -> Pair:
    text = phrase(dice, 7, 12)
    return f"Decode ROT13: {shifted(text, 13)}", text


def hashed(dice: Dice) -> Pair:
    text = phrase(dice, 1, 2)
    return f"SHA-256 of {text}", hashlib.sha256(text.encode()).hexdigest()


def in_words(dice: Dice) -> Pair:
    n = dice.randrange(10_000, 999_999)
    return f"Write {n} in words.", spelled(n)


def from_words(dice: Dice) -> Pair:
    n = dice.randrange(100, 99_999)
    return f"In digits: {spelled(n)}", str(n)


def initials(dice: Dice) -> Pair:
    text = f"{dice.choice(NAMES)} {dice.choice(NAMES)} {dice.choice(SURNAMES)}"
    return f"Initials of {text}?", "".join(w[0] for w in text.split())


def surname(dice: Dice) -> Pair:
    last = dice.choice(SURNAMES)
    return f"Give the surname: {dice.choice(NAMES)} {last}", last


def backwards(dice: Dice) -> Pair:
    text = phrase(dice, 1, 3)
    return f"Spell backwards: {text}", text[::-1]


def pig_latin(dice: Dice) -> Pair:
    word = dice.choice(WORDS)
    cut = next(n for n, c in enumerate(word) if c in "aeiou")
    return f"{word} in Pig Latin", word[cut:] + word[:cut] + "ay"


def sorting(dice: Dice) -> Pair:
    words = dice.sample(WORDS, dice.randint(2, 9))
    return f"Sort: {', '.join(words)}", ", ".join(sorted(words))


def palindrome(dice: Dice) -> Pair:
    word = dice.choice(WORDS)
    mirrored = dice.random() < 0.5
    return (
        f"Is {word + word[-2::-1] if mirrored else word} a palindrome?",
        "yes" if mirrored else "no",
    )


def letter_of_apology(dice: Dice) -> Pair:
    name, order, days = dice.choice(NAMES), dice.randrange(1000, 9999), dice.randrange(2, 9)
    return (
        f"{name}, order {order}, late by {days} days.",
        f"Dear {name}, we are sorry that your order {order} comes {days} days late. "
        "You get a voucher with the next parcel.",
    )


def refund(dice: Dice) -> Pair:
    days, opened = dice.randrange(1, 60), dice.random() < 0.5
    answers = (
        "The full price is paid back to the card within one week.",
        "We can only offer a voucher, since the parcel was opened by somebody.",
        "Sorry, this order is too old to be sent back to our warehouse.",
    )
    state = "opened" if opened else "sealed"
    return (
        f"Bought {days} days ago, {state}. What do we write?",
        answers[2 if days > 30 else int(opened)],
    )


def log_line(dice: Dice) -> Pair:
    level, code = dice.choice(["ERROR", "WARN", "INFO"]), dice.randrange(100, 999)
    place, at = dice.choice(WORDS), f"{dice.randrange(24):02}:{dice.randrange(60):02}"
    return (
        f"{at} [{level}] {place}: code={code} host={dice.choice(WORDS)}-{dice.randrange(9)}",
        json.dumps({"time": at, "level": level.lower(), "code": code}),
    )


COMPUTED: list[Callable[[Dice], Pair]] = [
    weekday, long_date, paraphrased_date, money, units, extraction, slug, checksum, letters,
    vowels, to_roman, from_roman, grade, rule, priority, caesar, decoded, rot13_sentence, hashed,
    in_words, from_words, initials, surname, backwards, pig_latin, sorting, palindrome,
    letter_of_apology, refund, log_line,
]  # fmt: skip


def pairs(ask: Callable[[Dice], Pair], seed: int, count: int = 20) -> list[Pair]:
    dice = Dice(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        question, answer = ask(dice)
        found[question] = answer
    return list(found.items())


@pytest.mark.parametrize("ask", COMPUTED, ids=lambda ask: ask.__name__)
def test_everyday_work_is_computable(ask: Callable[[Dice], Pair]) -> None:
    verdicts = [prospects(pairs(ask, seed)) for seed in range(5)]
    assert {p.verdict for p in verdicts} == {"computable"}, verdicts
    assert {patience(p) for p in verdicts} == {None}


@pytest.mark.parametrize("ask", COMPUTED, ids=lambda ask: ask.__name__)
def test_a_handful_of_cases_is_never_enough_to_give_up(ask: Callable[[Dice], Pair]) -> None:
    few = [prospects(pairs(ask, seed, 6)).verdict for seed in range(10)]
    assert "hopeless" not in few


def test_the_tasks_of_the_paper_are_computable(shared: Path) -> None:
    for file in sorted((shared / "data" / "latm").glob("*.jsonl")):
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        cases: list[Pair] = [(row["question"], row["answer"]) for row in rows]
        for seed in range(5):
            shown = Dice(seed).sample(cases, 20)
            assert prospects(shown).verdict == "computable", file.name


# --- classes that are not --------------------------------------------------------------


def sections() -> dict[str, list[Pair]]:
    text = (Path(__file__).parent / "untoolable.txt").read_text("utf-8")
    found: dict[str, list[Pair]] = {}
    for part in text.split("\n# ")[1:]:
        question, _, cases = part.strip().partition("\n")
        halves = (case.partition(" = ") for case in cases.split("; "))
        found[question] = [
            (question.replace("{}", subject), answer) for subject, _, answer in halves
        ]
    return found


WRITTEN = {
    'Write one line of a poem on {}.', 'What do you think of {}?', 'Why is {}?',
    'Translate into German: {}', 'Give one tip for {}.', 'Complete the joke: {}',
    'Define "{}" in one sentence.',
}  # fmt: skip


@pytest.mark.parametrize("question", sections())
def test_knowledge_opinions_and_prose_are_not_computable(question: str) -> None:
    cases = sections()[question]
    assert len(cases) >= 20
    found = prospects(cases)
    assert found.verdict == ("hopeless" if question in WRITTEN else "doubtful")
    assert patience(found) == (0 if question in WRITTEN else 2)


def test_the_same_question_answered_in_other_words_each_time_is_hopeless() -> None:
    cases = [
        (f"{'Tell' if n % 2 else 'tell'} me about the {word}{'.' * (n // 2)}", answer)
        for word in ("sea", "moon")
        for n, answer in enumerate(
            (
                "I love how quiet and wide it can be",
                "Poets never get tired of it, and neither do sailors",
                "Cold, far away, a little sad perhaps",
            )
        )
    ]
    found = prospects(cases)
    assert found.verdict == "hopeless"
    assert "other words each time" in found.reason


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=20)), max_size=12))
def test_any_cases_get_a_verdict(cases: list[Pair]) -> None:
    found = prospects(cases)
    assert found.reason


SHORT = st.text("abc XYZ19.,?[]", max_size=10)


@given(st.lists(st.tuples(st.text(max_size=40), SHORT), max_size=12))
def test_short_answers_are_never_hopeless(cases: list[Pair]) -> None:
    assert prospects(cases).verdict != "hopeless"
