"""The judge: a tool and its reference disagree; whom does the majority of three support?

A disagreement and a way to ask the reference again flow in, a `Ruling` flows out.
Invariants: an answer of a tool is called wrong only by a majority of three reference
answers, and never because the reference could not be asked or contradicts itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from latm.answers import same
from latm.monitor.merits import Mark

Ask = Callable[[], Awaitable[str | None]]
"""Asks the reference the same once more; None: no sound answer came, for whatever reason."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What came of it.

    Attributes:
        mark: ``open``: not enough answers to tell; None: the reference contradicts itself,
            and one of its answers is the tool's, so it says nothing.
        answer: the reference answer that two of three agree on, if they do.
    """

    mark: Mark | None
    answer: str | None = None


async def ruled(given: str, reference: str, again: Ask) -> Ruling:
    """Judge an answer by up to three reference answers; asks no more than it takes.

    Args:
        given: the tool's answer.
        reference: the first reference answer.
    """
    if same(reference, given):
        return Ruling("right", reference)
    second = await again()
    if second is None:
        return Ruling("open")
    if same(reference, second) and not same(second, given):
        return Ruling("wrong", reference)
    third = await again()
    if third is None:
        return Ruling("open")
    return _of_three(given, (reference, second, third))


def _of_three(given: str, answers: tuple[str, str, str]) -> Ruling:
    supporting = sum(same(answer, given) for answer in answers)
    if supporting >= 2:
        return Ruling("right", given)
    others = [answer for answer in answers if not same(answer, given)]
    agreed = next((a for n, a in enumerate(others) for b in others[n + 1 :] if same(a, b)), None)
    if agreed is not None or supporting == 0:
        return Ruling("wrong", agreed)
    return Ruling(None)
