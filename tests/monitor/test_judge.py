"""A disagreement is judged by the majority of three reference answers."""

from __future__ import annotations

import pytest

from latm.monitor.judge import ruled
from latm.monitor.merits import Mark


@pytest.mark.parametrize(
    ("reference", "mark", "answer", "asked"),
    [
        (["7"], "right", "7", 0),
        (["8", "8"], "wrong", "8", 1),
        (["8", "7", "7"], "right", "7", 2),
        (["8", "7", "8"], "wrong", "8", 2),
        (["8", "9", "8"], "wrong", "8", 2),
        (["8", "9", "9"], "wrong", "9", 2),
        # Nobody supports the tool, but what is right is not known.
        (["8", "9", "10"], "wrong", None, 2),
        # The reference contradicts itself: no evidence.
        (["8", "7", "9"], None, None, 2),
        (["8", "9", "7"], None, None, 2),
        # It could not be asked: nobody knows.
        (["8", None], "open", None, 1),
        (["8", "7", None], "open", None, 2),
        (["8", "9", None], "open", None, 2),
    ],
)
async def test_the_majority_of_three_decides_and_no_more_are_asked_than_it_takes(
    reference: list[str | None], mark: Mark | None, answer: str | None, asked: int
) -> None:
    left = [*reference[1:]]
    calls = 0

    async def again() -> str | None:
        nonlocal calls
        calls += 1
        return left.pop(0)

    ruling = await ruled("7", reference[0] or "", again)
    assert (ruling.mark, ruling.answer, calls) == (mark, answer, asked)


async def test_answers_that_say_the_same_in_another_form_are_no_disagreement() -> None:
    async def never() -> str | None:
        raise AssertionError("nothing is in dispute")

    assert (await ruled('{"a": 1, "b": 2}', '{"b":2,"a":1}', never)).mark == "right"
    assert (await ruled("7", "7.0", never)).mark == "right"
