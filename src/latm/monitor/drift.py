"""Drift: does a tool get more wrong lately than its whole record shows?

How the recent questions went flows in, a `Drift` flows out, or None. Invariant: pure; the
window is bounded, and one wrong answer alone is no drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latm.monitor.bound import upper_bound

_LEAST_WRONG = 2


@dataclass(frozen=True, slots=True)
class Drift:
    """The last ``compared`` questions, ``wrong`` of them answered wrongly.

    Attributes:
        rate: the exact lower bound of the wrong-answer rate in them.
    """

    wrong: int
    compared: int
    rate: float


def drifted(
    recent: Sequence[bool], max_error: float, *, window: int, confidence: float = 0.95
) -> Drift | None:
    """The shortest recent run of questions in which too many were answered wrongly.

    A run begins at a wrong answer and ends now. It is drift when even the exact lower bound
    of its rate is above ``max_error``: two wrong of the last 35 at 1 %. Trying several runs
    finds drift a little too often, which costs a demotion too many and no wrong answer.

    Args:
        recent: of each question whether it was answered wrongly, the newest last.
        window: how many of the newest are looked at.
    """
    wrong = 0
    for length, is_wrong in enumerate(reversed(recent[-window:]), start=1):
        if not is_wrong:
            continue
        wrong += 1
        # The lower bound of wrong answers mirrors the upper bound of right ones.
        rate = 1 - upper_bound(length - wrong, length, confidence)
        if wrong >= _LEAST_WRONG and rate > max_error:
            return Drift(wrong, length, rate)
    return None
