"""Going live: how often a tool that is not good enough passes, over many seeded streams."""

from __future__ import annotations

import random

import pytest

from latm.monitor.bound import cases_needed
from latm.monitor.looks import first_look, newest_look
from latm.monitor.merits import Mark

RUNS = 200


def all_right(count: int) -> list[Mark]:
    return ["right" for _ in range(count)]


def goes_live(wrong_rate: float, max_error: float, seed: int, *, most: int) -> bool:
    """Whether a stream of comparisons brings a tool live at any look up to a count."""
    drawn = random.Random(seed)
    marks: list[Mark] = ["wrong" if drawn.random() < wrong_rate else "right" for _ in range(most)]
    due = first_look(max_error, 0.05)
    while due <= most:
        look = newest_look(marks[:due], max_error, 0.05)
        if look is not None and look.rate <= max_error:
            return True
        due *= 2
    return False


def test_a_tool_that_is_five_percent_wrong_never_goes_live() -> None:
    assert not any(goes_live(0.05, 0.01, seed, most=6_000) for seed in range(RUNS))


@pytest.mark.parametrize("max_error", [0.01, 0.1])
def test_a_tool_at_the_very_bound_passes_any_of_its_looks_in_one_of_twenty_streams_at_most(
    max_error: float,
) -> None:
    most = 16 * first_look(max_error, 0.05)
    passed = sum(goes_live(max_error, max_error, seed, most=most) for seed in range(RUNS))
    # Three standard deviations above 5 % of the runs.
    assert passed <= 0.05 * RUNS + 3 * (0.05 * 0.95 * RUNS) ** 0.5


def test_looking_after_every_comparison_would_let_more_of_them_pass() -> None:
    """The control of the test above: the same streams, with the plain bound always in sight."""
    needed = [cases_needed(0.1, 0.95, wrong) for wrong in range(150)]

    def passes(seed: int) -> bool:
        drawn, wrong = random.Random(seed), 0
        for compared in range(1, 1000):
            wrong += drawn.random() < 0.1
            if wrong < len(needed) and compared >= needed[wrong]:
                return True
        return False

    assert sum(map(passes, range(RUNS))) > 2 * 0.05 * RUNS


def test_a_tool_that_is_always_right_passes_the_first_look() -> None:
    first = first_look(0.01, 0.05)
    assert first == cases_needed(0.01, 0.975) == 368
    assert newest_look(all_right(first - 1), 0.01, 0.05) is None
    look = newest_look(all_right(first), 0.01, 0.05)
    assert look is not None
    assert (look.number, look.wrong, look.compared) == (1, 0, 368)
    assert look.rate <= 0.01


def test_a_look_reads_only_as_many_comparisons_as_were_planned() -> None:
    first = first_look(0.01, 0.05)
    marks: list[Mark] = ["wrong", *all_right(2 * first - 2)]
    look = newest_look(marks, 0.01, 0.05)
    assert look is not None
    assert (look.number, look.compared) == (1, first)
    assert look.rate > 0.01
    second = newest_look([*marks, "right"], 0.01, 0.05)
    assert second is not None
    assert (second.number, second.compared) == (2, 2 * first)
    assert second.rate <= 0.01 < look.rate


def test_an_open_dispute_does_not_count_as_right() -> None:
    first = first_look(0.01, 0.05)
    look = newest_look(["open", *all_right(first)], 0.01, 0.05)
    assert look is not None
    assert look.wrong == 1


def test_the_doubts_of_all_looks_add_up_to_what_is_allowed() -> None:
    counts = [35 * 2**k for k in range(12)]
    looks = [newest_look(all_right(count), 0.1, 0.05) for count in counts]
    assert sum(1 - look.confidence for look in looks if look) <= 0.05
