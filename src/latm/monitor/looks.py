"""Looks: when the error bound may be read, and how much doubt each reading costs.

How the questions of a version went, in order, flows in; the newest planned `Look` flows
out. Invariant: looks are planned by count alone, never by what the counts say, and the
doubts of all of them add up to no more than the doubt that is allowed; so reading the
bound again and again does not wear it out (docs/decisions/0014-trust.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latm.monitor.bound import cases_needed, upper_bound
from latm.monitor.merits import Mark


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of the bound.

    Attributes:
        number: of the look, from 1.
        wrong: of the first ``compared`` questions those that may not count as right.
        confidence: at which the bound is read; higher for each later look.
        rate: the exact upper bound of the wrong-answer rate.
    """

    number: int
    wrong: int
    compared: int
    confidence: float
    rate: float


def first_look(max_error: float, doubt: float) -> int:
    """Questions before the first look: so many, all right, meet the bound."""
    return cases_needed(max_error, 1 - doubt / 2)


def newest_look(marks: Sequence[Mark], max_error: float, doubt: float) -> Look | None:
    """The last look that is due; None before the first one.

    Look k is at twice the questions of look k - 1, reads only these, and spends ``doubt / 2**k``.

    Args:
        doubt: probability that a tool above ``max_error`` may pass any of the looks.
    """
    number, compared = 1, first_look(max_error, doubt)
    if len(marks) < compared:
        return None
    while 2 * compared <= len(marks):
        number, compared = number + 1, 2 * compared
    wrong = sum(mark != "right" for mark in marks[:compared])
    confidence = 1 - doubt / 2**number
    return Look(number, wrong, compared, confidence, upper_bound(wrong, compared, confidence))
