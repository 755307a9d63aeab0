"""The gate refuses what no tool was verified on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from latm.types import Message
from latm.using.gate import MAX_CHARS, Asked, Bypass, Request, admit, asked


@pytest.mark.parametrize("question", ["Sort: b a", " x ", "é", "x" * MAX_CHARS, "\x00"])
def test_a_question_of_text_is_admitted(question: str) -> None:
    assert admit(question) is None


@pytest.mark.parametrize("question", ["", " \n\t", "x" * (MAX_CHARS + 1), "half a pair \ud800"])
def test_what_is_empty_too_long_or_no_text_is_refused_with_a_reason(question: str) -> None:
    bypass = admit(question)
    assert isinstance(bypass, Bypass)
    assert bypass.reason
    assert "\n" not in bypass.reason


BARE = Request((Message("user", "Sort: b a"),), "gpt-5")
SYSTEM = Message("system", "Answer in French.")


def key(request: Request) -> str:
    found = asked(request)
    assert isinstance(found, Asked)
    return found.fingerprint


def test_one_user_message_is_a_bare_question() -> None:
    found = asked(BARE)
    assert isinstance(found, Asked)
    assert found.question == "Sort: b a"
    assert found.bare


@pytest.mark.parametrize(
    "changed",
    [
        replace(BARE, messages=(SYSTEM, *BARE.messages)),
        replace(BARE, form='{"stop":["."]}'),
    ],
)
def test_a_question_with_instructions_or_a_form_is_not_bare(changed: Request) -> None:
    found = asked(changed)
    assert isinstance(found, Asked)
    assert not found.bare


@pytest.mark.parametrize(
    "changed",
    [
        replace(BARE, messages=(SYSTEM, *BARE.messages)),
        replace(BARE, model="gpt-5-mini"),
        replace(BARE, tenant="other"),
        replace(BARE, form='{"stop":["."]}'),
    ],
)
def test_whatever_can_change_the_answer_changes_the_fingerprint(changed: Request) -> None:
    assert key(changed) != key(BARE)


def test_two_instructions_are_not_one_with_both_texts() -> None:
    one = replace(BARE, messages=(Message("system", "a\nb"), *BARE.messages))
    two = replace(BARE, messages=(Message("system", "a"), Message("system", "b"), *BARE.messages))
    assert key(one) != key(two)


def test_another_question_or_bound_on_its_answer_keeps_the_fingerprint() -> None:
    assert key(replace(BARE, messages=(Message("user", "Sort: d c"),))) == key(BARE)
    assert key(replace(BARE, most_tokens=10)) == key(BARE)


@pytest.mark.parametrize(
    "request_",
    [
        replace(BARE, messages=()),
        replace(BARE, messages=(Message("user", "a"), Message("assistant", "b"), *BARE.messages)),
        replace(BARE, messages=(Message("assistant", "Sort: b a"),)),
        replace(BARE, messages=(SYSTEM,)),
        replace(BARE, messages=(Message("user", " "),)),
        replace(BARE, foreign="the request has tools"),
    ],
)
def test_any_other_chat_is_refused_with_a_reason(request_: Request) -> None:
    bypass = asked(request_)
    assert isinstance(bypass, Bypass)
    assert bypass.reason
