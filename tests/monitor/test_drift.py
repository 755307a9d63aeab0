"""Drift: the recent answers against the bound."""

from __future__ import annotations

import random

import pytest

from latm.monitor.drift import drifted


def test_one_wrong_answer_alone_is_no_drift() -> None:
    assert drifted([True], 0.01, window=299) is None
    assert drifted([False] * 500 + [True], 0.01, window=299) is None


@pytest.mark.parametrize(("between", "drift"), [(0, True), (33, True), (34, False), (200, False)])
def test_two_wrong_answers_close_to_each_other_are(between: int, drift: bool) -> None:
    recent = [False] * 5000 + [True] + [False] * between + [True]
    assert (drifted(recent, 0.01, window=299) is not None) == drift


def test_what_left_the_window_is_forgotten() -> None:
    assert drifted([True] * 9 + [False] * 299, 0.01, window=299) is None


def test_a_tool_that_turned_bad_is_found_within_a_bounded_number_of_answers() -> None:
    taken: list[int] = []
    for seed in range(60):
        drawn = random.Random(seed)
        recent = [False] * 5000
        while drifted(recent, 0.01, window=299) is None:
            recent.append(drawn.random() < 0.05)
        taken.append(len(recent) - 5000)
    assert max(taken) < 400
    assert sorted(taken)[30] < 80


def test_a_tool_well_under_the_bound_keeps_its_place_for_long() -> None:
    found = 0
    for seed in range(20):
        drawn = random.Random(seed)
        recent = [drawn.random() < 0.0005 for _ in range(3000)]
        found += any(drifted(recent[:n], 0.01, window=299) for n in range(1, 3001) if recent[n - 1])
    assert found <= 2
