"""The split into shown and held-out cases."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.cases import MOST_SHOWN, question_digest, require_enough, sift, split
from latm.errors import CasesError
from latm.types import Case, Origin


def cases(count: int) -> list[Case]:
    return [Case(f"question {i}", str(i)) for i in range(count)]


@given(st.integers(6, 400), st.integers(0, 99))
def test_every_case_is_on_exactly_one_side_and_the_counts_keep_their_bounds(
    count: int, seed: int
) -> None:
    halves = split(cases(count), seed)
    both = (*halves.shown, *halves.held_out)
    assert sorted(both, key=lambda c: int(c.answer)) == cases(count)
    assert 3 <= len(halves.shown) <= MOST_SHOWN
    assert len(halves.held_out) >= 3


def test_about_a_third_is_shown() -> None:
    shown = sum(len(split(cases(45), seed).shown) for seed in range(100))
    assert 0.29 < shown / 4500 < 0.37


@given(st.integers(6, 60), st.integers(0, 99), st.randoms())
def test_the_order_of_the_file_does_not_matter(count: int, seed: int, random: Random) -> None:
    shuffled = cases(count)
    random.shuffle(shuffled)
    assert split(shuffled, seed) == split(cases(count), seed)


def test_another_seed_splits_otherwise() -> None:
    assert split(cases(30), 1) != split(cases(30), 2)


@given(st.integers(0, 99))
def test_a_case_keeps_its_side_when_cases_are_added(seed: int) -> None:
    before, after = split(cases(30), seed), split(cases(33), seed)
    if len(before.shown) > 3 and len(after.shown) < MOST_SHOWN:
        assert set(before.shown) <= set(after.shown)
        assert set(before.held_out) <= set(after.held_out)


@given(st.integers(12, 40), st.integers(12, 40), st.integers(0, 99))
def test_each_large_stratum_gets_its_share_of_shown_cases(one: int, two: int, seed: int) -> None:
    labels = [0] * one + [1] * two
    both = cases(one + two)
    halves = split(both, seed, strata=labels)
    assert sorted((*halves.shown, *halves.held_out), key=lambda c: int(c.answer)) == both
    for label in (0, 1):
        assert sum(labels[int(case.answer)] == label for case in halves.shown) >= 4


@given(st.integers(20, 60), st.integers(0, 99))
def test_one_stratum_splits_as_none(count: int, seed: int) -> None:
    plain, labelled = split(cases(count), seed), split(cases(count), seed, strata=[0] * count)
    if len(plain.shown) >= 6:
        assert labelled == plain


def test_two_cases_are_too_few() -> None:
    few = [Case("a", "1", Origin("cases.jsonl", 1)), Case("b", "2", Origin("cases.jsonl", 2))]
    with pytest.raises(CasesError) as caught:
        split(few, 0)
    assert str(caught.value) == (
        "cases.jsonl has 2 different cases, but at least 6 are needed "
        "(3 to show the maker, 3 to verify); add more"
    )
    with pytest.raises(CasesError, match="the file has 0 different cases"):
        require_enough([])


def test_questions_that_are_the_same_have_the_same_digest() -> None:
    assert question_digest(" a\r\nb\n") == question_digest("a\nb")
    assert question_digest("a b") != question_digest("a  b")
    assert len(question_digest("\ud800")) == 64


@pytest.mark.parametrize(
    ("origin", "place"),
    [(None, "a case"), (Origin("f", 3), "line 3"), (Origin("f.json#3"), "example 3")],
)
def test_a_contradiction_names_the_place_of_a_case_as_well_as_it_can(
    origin: Origin | None, place: str
) -> None:
    file = sift("f", [Case("q", "a"), Case("q", "b" * 99, origin)])
    with pytest.raises(CasesError, match=f"f: {place} contradicts a case: question 'q' has"):
        file.consistent()
