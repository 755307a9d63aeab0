"""The exact upper bound on a wrong-answer rate (Clopper–Pearson, one-sided).

Counts of wrong answers and of comparisons flow in, a rate or a number of cases flows
out. Invariant: the bound is never rounded down, so the confidence stated is kept.
"""

from __future__ import annotations

import math

from latm.errors import InputError

_HALVINGS = 80
"""Bisection steps; the interval ends below the spacing of floats."""

_CASES_LIMIT = 10**9


def upper_bound(wrong: int, compared: int, confidence: float = 0.95) -> float:
    """The largest wrong-answer rate that the counts do not rule out.

    Parameters:
        wrong: number of wrong answers among the comparisons.
        compared: number of comparisons; abstentions do not belong to either count.
        confidence: probability from 0 to 1 (both excluded) that the true rate is below.

    Returns:
        A share from 0 to 1; 1.0 when nothing was compared.

    Raises:
        InputError: counts or confidence out of range.
    """
    _check_confidence(confidence)
    if not 0 <= wrong <= compared:
        raise InputError(f"wrong={wrong!r} must lie between 0 and compared={compared!r}")
    if wrong == compared:
        return 1.0
    doubt = 1.0 - confidence
    if wrong == 0:
        return math.nextafter(-math.expm1(math.log(doubt) / compared), 1.0)
    low, high = wrong / compared, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(wrong, compared, middle) > doubt:
            low = middle
        else:
            high = middle
    return high


def cases_needed(max_error: float, confidence: float = 0.95, wrong: int = 0) -> int:
    """The least number of comparisons whose upper bound is at most ``max_error``.

    Parameters:
        max_error: the bound to reach, a share from 0 to 1 (both excluded).
        confidence: as in `upper_bound`.
        wrong: how many of the comparisons come out wrong.

    Raises:
        InputError: an argument out of range, or more than 10⁹ cases needed.
    """
    _check_confidence(confidence)
    if not 0.0 < max_error < 1.0:
        raise InputError(f"max_error={max_error!r} must lie between 0 and 1, for example 0.01")
    if wrong < 0:
        raise InputError(f"wrong={wrong!r} must not be negative")
    low, high = wrong, wrong + 1
    while upper_bound(wrong, high, confidence) > max_error:
        low, high = high, high * 2
        if high > _CASES_LIMIT:
            raise InputError(f"max_error={max_error!r} needs more than {_CASES_LIMIT} cases")
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(wrong, middle, confidence) > max_error:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, compared: int, rate: float) -> float:
    """P(X ≤ wrong) for X binomial, ``wrong / compared ≤ rate``, so terms fall from the last."""
    if rate >= 1.0:
        return 0.0
    term = math.exp(
        math.lgamma(compared + 1)
        - math.lgamma(wrong + 1)
        - math.lgamma(compared - wrong + 1)
        + wrong * math.log(rate)
        + (compared - wrong) * math.log1p(-rate)
    )
    total = term
    odds_against = (1.0 - rate) / rate
    for i in range(wrong, 0, -1):
        term *= i / (compared - i + 1) * odds_against
        total += term
        if term < total * 1e-18:
            break
    return total


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence={confidence!r} must lie between 0 and 1, for example 0.95")
