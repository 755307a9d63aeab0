"""The exact upper bound on a wrong-answer rate."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.errors import InputError
from latm.monitor.bound import cases_needed, upper_bound

CONFIDENCES = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@pytest.mark.parametrize(
    ("wrong", "compared", "confidence", "expected"),
    [
        (0, 230, 0.95, 0.0129403),
        (0, 299, 0.95, 0.0099690),
        (0, 1, 0.95, 0.95),
        (1, 10, 0.95, 0.3941633),
        (5, 100, 0.95, 0.1022532),
    ],
)
def test_known_bounds_come_out(
    wrong: int, compared: int, confidence: float, expected: float
) -> None:
    assert upper_bound(wrong, compared, confidence) == pytest.approx(expected, rel=1e-4)


def test_without_comparisons_nothing_is_ruled_out() -> None:
    assert upper_bound(0, 0) == 1.0


@given(st.integers(1, 60), st.data(), CONFIDENCES)
def test_the_bound_solves_the_binomial_equation_exactly(
    compared: int, data: st.DataObject, confidence: float
) -> None:
    wrong = data.draw(st.integers(0, compared - 1))
    rate = Fraction(upper_bound(wrong, compared, confidence))
    tail = sum(comb(compared, i) * rate**i * (1 - rate) ** (compared - i) for i in range(wrong + 1))
    assert float(tail) == pytest.approx(1 - confidence, rel=1e-9)


@given(st.integers(1, 3000), st.data(), CONFIDENCES)
def test_the_bound_grows_with_wrong_answers_and_shrinks_with_right_ones(
    compared: int, data: st.DataObject, confidence: float
) -> None:
    wrong = data.draw(st.integers(0, compared - 1))
    bound = upper_bound(wrong, compared, confidence)
    assert wrong / compared < bound <= 1.0
    assert upper_bound(wrong + 1, compared, confidence) >= bound
    assert upper_bound(wrong, compared + 1, confidence) <= bound


def test_almost_no_doubt_leaves_almost_nothing_ruled_out() -> None:
    assert upper_bound(1, 2, 1 - 2**-53) == 1.0


def test_a_million_comparisons_are_bounded_too() -> None:
    assert upper_bound(10_000, 1_000_000) == pytest.approx(0.010166, rel=1e-3)


@pytest.mark.parametrize(("max_error", "wrong", "needed"), [(0.01, 0, 299), (0.01, 1, 473)])
def test_the_number_of_cases_needed_is_the_known_one(
    max_error: float, wrong: int, needed: int
) -> None:
    assert cases_needed(max_error, 0.95, wrong) == needed


@given(st.floats(0.001, 0.9), CONFIDENCES, st.integers(0, 20))
def test_the_cases_needed_are_enough_and_one_fewer_are_not(
    max_error: float, confidence: float, wrong: int
) -> None:
    needed = cases_needed(max_error, confidence, wrong)
    assert upper_bound(wrong, needed, confidence) <= max_error
    assert needed == max(1, wrong) or upper_bound(wrong, needed - 1, confidence) > max_error


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((3, 2), "wrong=3"), ((-1, 2), "wrong=-1"), ((0, 2, 1.0), "confidence=1.0")],
)
def test_counts_out_of_range_are_refused(arguments: tuple[int, int], named: str) -> None:
    with pytest.raises(InputError, match=named):
        upper_bound(*arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((0.0,), "max_error=0.0"), ((0.01, 0.95, -1), "wrong=-1"), ((1e-12,), "more than")],
)
def test_an_unreachable_bound_is_refused(arguments: tuple[float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        cases_needed(*arguments)
