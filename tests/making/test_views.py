"""Views of the examples: the model computes with clean values, and glue converts around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from latm.types import Case, ChatRequest
from making.test_search import answers, make

DAYS = [date(2021, 1, 3) + timedelta(days=37 * n) for n in range(60)]
Script = Callable[[ChatRequest], str]


def replying(code: str, when: str) -> Script:
    """Replies with the code to the prompts that hold some words, and with nothing to others."""

    def write(request: ChatRequest) -> str:
        return code if when in request.messages[-1].content else "no idea"

    return write


async def test_dates_are_handed_over_as_dates_and_come_back_in_their_own_writing(
    home: Path,
) -> None:
    cases = [
        Case(f"An invoice of {d:%d/%m/%Y} is due on?", f"{d + timedelta(days=30):%d/%m/%Y}")
        for d in DAYS
    ]
    code = "def compute(invoice):\n    return invoice + timedelta(days=30)"
    report, _ = await make(replying(code, "== date(2021, "), cases, home)
    assert report.tools[0].tool.provenance.strategy == "days"
    told = await answers(
        home,
        [f"An invoice of {day} is due on?" for day in ("05/03/2030", "2030-03-05", "31/02/2030")],
    )
    assert told == ["04/04/2030", None, None]


async def test_a_date_in_another_writing_needs_no_model(home: Path) -> None:
    cases = [Case(f"Write {d:%Y-%m-%d} as in a letter", f"{d.day} {d:%B} {d.year}") for d in DAYS]
    report, model = await make([], cases, home)
    assert model.asked == []
    assert report.tools[0].tool.provenance.strategy == "copies"
    assert await answers(home, ["Write 2030-03-05 as in a letter"]) == ["5 March 2030"]


def heights() -> list[Case]:
    forms = ["{}ft{}", "{} feet {} inches", "{}'{}\""]
    return [
        Case(
            f"The patient is {forms[n % 3].format(4 + n // 30, n // 3 % 10)} tall, in inches?",
            str((4 + n // 30) * 12 + n // 3 % 10),
        )
        for n in range(90)
    ]


async def test_one_function_of_the_numbers_serves_all_forms_of_a_text_but_those_not_seen(
    home: Path,
) -> None:
    code = "def compute(a, b):\n    return a * 12 + b"
    report, _ = await make(replying(code, "def compute(patient_1, patient_2)"), heights(), home)
    assert report.tools[0].tool.provenance.strategy == "numbers"
    told = await answers(
        home,
        [f"The patient is {t} tall, in inches?" for t in ("5ft3", "5 feet 3 inches", "5m3", "5ft")],
    )
    assert told == ["63", "63", None, None]


async def test_texts_with_more_and_with_fewer_numbers_are_asked_for_one_by_one(home: Path) -> None:
    cases = [
        Case(f"How many minutes is a film of {n} min?", str(n))
        if n % 2
        else Case(f"How many minutes is a film of {n // 60} h {n % 60} min?", str(n))
        for n in range(61, 181)
    ]

    def write(request: ChatRequest) -> str:
        prompt = request.messages[-1].content
        if "def compute(film_1, film_2)" in prompt:
            return "def compute(h, min):\n    return h * 60 + min"
        return "def solve(film):\n    return int(film.split()[0])"

    report, _ = await make(write, cases, home)
    assert len(report.tools) == 1
    asked = [f"How many minutes is a film of {t}?" for t in ("3 h 5 min", "7 min", "3 d 5 min")]
    assert await answers(home, asked) == ["185", "7", None]


async def test_only_what_is_added_to_an_argument_is_asked_for(home: Path) -> None:
    codes = [f"{1234567 * n + 104729:09d}" for n in range(1, 61)]
    cases = [
        Case(f"Add the check digit to {c} please", c + str(sum(map(int, c)) % 7)) for c in codes
    ]
    code = "def compute(text):\n    return sum(map(int, text)) % 7"
    report, _ = await make(replying(code, "only what stands after"), cases, home)
    assert report.tools[0].tool.provenance.strategy == "rest"
    assert await answers(home, ["Add the check digit to 000000013 please"]) == ["0000000134"]


async def test_only_the_number_of_a_framed_answer_is_asked_for(home: Path) -> None:
    cases = [
        Case(f"In which quarter is {d:%d/%m/%Y}?", f"Q{(d.month + 2) // 3} {d.year}") for d in DAYS
    ]
    code = "def compute(day, month, year):\n    return (month + 2) // 3"
    report, _ = await make(replying(code, "def compute(day, month, year)"), cases, home)
    assert report.tools[0].tool.provenance.strategy == "numbers"
    assert await answers(home, ["In which quarter is 09/11/2040?"]) == ["Q4 2040"]
