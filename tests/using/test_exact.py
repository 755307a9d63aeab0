"""The exact rung repeats an answer to the very same request, for a while, and to nobody else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.types import Answer, Message, Usage
from latm.using.exact import MOST_EACH, Exact
from latm.using.gate import Asked, Request, asked


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def of(request: Request) -> Asked:
    found = asked(request)
    assert isinstance(found, Asked)
    return found


PLAIN = Request(
    (Message("system", "Be brief."), Message("user", "What is 2 + 2?")),
    "gpt-4o",
    tenant="a",
    steering='{"temperature":0}',
)


def text(answer: Answer | None) -> str | None:
    return answer.text if answer else None


def test_the_same_request_gets_the_answer_again_with_a_receipt_at_no_cost() -> None:
    clock = Clock()
    exact = Exact(60, clock)
    exact.keep(of(PLAIN), "4", Usage(20, 0, 1))
    clock.seconds = 7
    answer = exact.answer(of(PLAIN), lambda _, usage: Decimal(usage.total if usage else -1))
    assert answer is not None
    assert (answer.question, answer.text) == ("What is 2 + 2?", "4")
    receipt = answer.receipt
    assert (receipt.rung, receipt.tool, receipt.usage) == ("exact", None, Usage())
    assert (receipt.cost_usd, receipt.avoided_usd) == (0, 21)
    assert receipt.why == "exact: the upstream gave this answer to the same request 7 s ago"


OTHERS = {
    "tenant": replace(PLAIN, tenant="b"),
    "model": replace(PLAIN, model="gpt-4o-mini"),
    "instructions": replace(PLAIN, messages=(Message("system", "Be kind."), PLAIN.messages[1])),
    "no instructions": replace(PLAIN, messages=PLAIN.messages[1:]),
    "form": replace(PLAIN, form='{"format":{"type":"json_object"}}'),
    "steering": replace(PLAIN, steering='{"seed":1,"temperature":0}'),
    "blank": replace(PLAIN, messages=(PLAIN.messages[0], Message("user", "What is 2 + 2? "))),
    "sample": replace(PLAIN, steering=None),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_request_that_differs_in_anything_is_asked_anew(name: str) -> None:
    exact = Exact(60, Clock())
    exact.keep(of(PLAIN), "4")
    assert exact.answer(of(OTHERS[name])) is None


def test_an_answer_to_a_sample_is_not_kept() -> None:
    exact = Exact(60, Clock())
    exact.keep(of(OTHERS["sample"]), "4")
    assert exact.answer(of(OTHERS["sample"])) is None
    assert exact.answer(of(PLAIN)) is None


TEXTS = st.sampled_from(["", "a", "b", "ab", "\n", '","', "a\x00b"])


@st.composite
def requests(draw: st.DrawFn) -> Request:
    messages = (
        Message("system", draw(TEXTS)),
        Message("user", draw(TEXTS.filter(lambda text: bool(text.strip())))),
    )
    steering = draw(TEXTS)
    return Request(messages, draw(TEXTS), draw(TEXTS), draw(TEXTS), steering=steering)


@given(requests(), requests())
def test_no_request_meets_the_answer_to_another_one(one: Request, two: Request) -> None:
    exact = Exact(60, Clock())
    exact.keep(of(one), "1")
    assert text(exact.answer(of(two))) == ("1" if one == two else None)


def test_an_answer_expires() -> None:
    clock = Clock()
    exact = Exact(60, clock)
    exact.keep(of(PLAIN), "4")
    clock.seconds = 59.9
    assert text(exact.answer(of(PLAIN))) == "4"
    clock.seconds = 60
    assert exact.answer(of(PLAIN)) is None
    clock.seconds = 0
    assert exact.answer(of(PLAIN)) is None


def test_being_used_does_not_keep_an_answer_longer_but_a_newer_one_does() -> None:
    clock = Clock()
    exact = Exact(60, clock)
    exact.keep(of(PLAIN), "old")
    clock.seconds = 50
    assert text(exact.answer(of(PLAIN))) == "old"
    exact.keep(of(PLAIN), "new")
    clock.seconds = 100
    assert text(exact.answer(of(PLAIN))) == "new"


def test_switched_off_it_keeps_nothing() -> None:
    exact = Exact(0, Clock())
    exact.keep(of(PLAIN), "4")
    assert not exact.on
    assert exact.answer(of(PLAIN)) is None


def numbered(n: int) -> Asked:
    return of(replace(PLAIN, messages=(Message("user", f"{n} " + "x" * 1000),)))


def test_memory_is_bounded_and_the_least_recently_used_answer_goes_first() -> None:
    exact = Exact(60, Clock(), most_bytes=10_000)
    for n in range(5):
        exact.keep(numbered(n), "y")
    assert text(exact.answer(numbered(0))) == "y"
    for n in range(5, 8):
        exact.keep(numbered(n), "y")
    kept = [n for n in range(8) if exact.answer(numbered(n))]
    assert kept == [0, 3, 4, 5, 6, 7]


def test_an_answer_that_is_too_long_is_not_kept_and_takes_the_older_one_with_it() -> None:
    exact = Exact(60, Clock())
    exact.keep(of(PLAIN), "4")
    exact.keep(of(PLAIN), "4" * MOST_EACH)
    assert exact.answer(of(PLAIN)) is None


def test_all_answers_can_be_forgotten() -> None:
    exact = Exact(60, Clock())
    exact.keep(of(PLAIN), "4")
    exact.clear()
    assert exact.answer(of(PLAIN)) is None
