"""The gate refuses what no tool was verified on."""

from __future__ import annotations

import pytest

from latm.types import Message
from latm.using.gate import MAX_CHARS, Bypass, admit, single_turn


@pytest.mark.parametrize("question", ["Sort: b a", " x ", "é", "x" * MAX_CHARS, "\x00"])
def test_a_question_of_text_is_admitted(question: str) -> None:
    assert admit(question) is None


@pytest.mark.parametrize("question", ["", " \n\t", "x" * (MAX_CHARS + 1), "half a pair \ud800"])
def test_what_is_empty_too_long_or_no_text_is_refused_with_a_reason(question: str) -> None:
    bypass = admit(question)
    assert isinstance(bypass, Bypass)
    assert bypass.reason
    assert "\n" not in bypass.reason


def test_one_user_message_is_a_question() -> None:
    assert single_turn([Message("user", "Sort: b a")]) == "Sort: b a"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [Message("system", "Answer in French."), Message("user", "Sort: b a")],
        [Message("user", "a"), Message("assistant", "b"), Message("user", "c")],
        [Message("assistant", "Sort: b a")],
    ],
)
def test_any_other_chat_is_refused(messages: list[Message]) -> None:
    assert isinstance(single_turn(messages), Bypass)
