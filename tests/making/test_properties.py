"""What holds in every shown case must hold on inputs put together from them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.execution import Executor
from latm.making.properties import lasting, proposed, synthetic
from latm.making.shape import Example
from latm.making.verifier import Judgement, Verifier
from latm.types import Case, Json

from .building import built, monty_executor

WORDS: Sequence[str] = (
    "river candle market window basket orange planet silver garden marble rocket tunnel winter "
    "button forest hammer island jacket kettle ladder mirror needle pepper ribbon"
).split()


@pytest.fixture
async def executor() -> AsyncIterator[Executor]:
    async with monty_executor() as executor:
        yield executor


def sorting(count: int = 36, most: int = 9) -> list[Case]:
    dice = random.Random(1)
    rows = [dice.sample(WORDS, 2 + n % (most - 1)) for n in range(count)]
    return [Case(f"Sort these words: {' '.join(row)}", " ".join(sorted(row))) for row in rows]


def greatest(count: int = 36) -> list[Case]:
    dice = random.Random(2)
    rows = [dice.sample(range(10, 99), 3 + n % 5) for n in range(count)]
    return [
        Case(f"Of the numbers {', '.join(map(str, row))} the greatest?", str(max(row)))
        for row in rows
    ]


async def judged(executor: Executor, source: str, cases: Sequence[Case]) -> Judgement:
    tool = built(executor, source, cases)
    return await Verifier(executor).judge(tool, cases[:18], cases[18:])


def given_that(
    rows: Sequence[Sequence[Json]], wanted: Sequence[Json] | None = None
) -> list[Example]:
    """Examples with these arguments; with wanted values where they matter."""
    values = wanted or [None for _ in rows]
    return [Example(tuple(r), w, Case("?", "!")) for r, w in zip(rows, values, strict=True)]


# --- the verdict -----------------------------------------------------------------------


async def test_an_honest_tool_keeps_the_properties_of_its_cases(executor: Executor) -> None:
    verdict = await judged(executor, "def solve(words):\n    return sorted(words)\n", sorting())
    assert verdict.reasons == ()
    assert verdict.warnings == ()
    assert "properties" in verdict.verification.checks


async def test_a_tool_that_drops_words_from_longer_lists_is_refused(executor: Executor) -> None:
    verdict = await judged(executor, "def solve(words):\n    return sorted(words)[:9]\n", sorting())
    assert verdict.verification.held_out_passed == verdict.verification.held_out
    assert not verdict.accepted
    assert "the answer has just the items of 'words' in every shown case, but" in verdict.reasons[0]


async def test_a_reason_tells_no_held_out_value(executor: Executor) -> None:
    cases = sorting()
    held_out = [Case(c.question + " zebra", c.answer + " zebra") for c in cases[18:22]]
    tool = built(executor, "def solve(words):\n    return sorted(words)[:9]\n", cases)
    verdict = await Verifier(executor).judge(tool, cases[:18], held_out)
    assert "has just the items of" in verdict.reasons[0]
    assert "zebra" not in verdict.reasons[0]


async def test_crashes_on_new_inputs_are_a_note_and_no_reason(executor: Executor) -> None:
    source = (
        "def solve(words):\n    if len(words) > 9:\n        raise ValueError('too many')\n"
        "    return sorted(words)\n"
    )
    verdict = await judged(executor, source, sorting())
    assert verdict.accepted
    assert any(w.startswith("failed on") for w in verdict.warnings)


async def test_a_law_of_the_tool_that_bends_on_new_inputs_is_a_note(executor: Executor) -> None:
    source = (
        "def solve(numbers):\n    if len(numbers) > 7:\n        return numbers[-1]\n"
        "    return max(numbers)\n"
    )
    verdict = await judged(executor, source, greatest())
    assert verdict.accepted
    assert any("the order of argument 1 changes nothing" in w for w in verdict.warnings)


# --- properties ------------------------------------------------------------------------

LISTS = [random.Random(n).sample(range(1, 60), 3 + n % 5) for n in range(12)]
List = list[int]


def of_lists(wanted: Callable[[List], Json], lists: Sequence[List] = LISTS) -> list[Example]:
    return given_that([[[*row]] for row in lists], [wanted(row) for row in lists])


def in_order(row: List) -> Json:
    return [*sorted(row)]


def in_order_once(row: List) -> Json:
    return [*sorted(set(row))]


def downwards(row: List) -> Json:
    return [*sorted(row, reverse=True)]


def some(row: List) -> Json:
    return [n for n in row if n % 3]


def doubled(row: List) -> Json:
    return [n * 2 for n in row]


def mean(row: List) -> Json:
    return round(sum(row) / len(row), 2)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (in_order, "has just the items of"),
        (in_order, "is in ascending order"),
        (downwards, "is in descending order"),
        (some, "has its items, in this order, from"),
        (doubled, "is as long as"),
        (max, "is one of"),
        (mean, "is between the least and the greatest of"),
        (mean, "has at most 2 decimals"),
    ],
)
def test_a_property_of_all_cases_is_proposed(wanted: Callable[[List], Json], words: str) -> None:
    assert words in [p.words for p in proposed(of_lists(wanted))]


def test_texts_have_properties_too() -> None:
    rows = [[word] for word in WORDS[:12]]
    words = [p.words for p in proposed(given_that(rows, [word[::-1] for word in WORDS[:12]]))]
    assert words == ["has just the characters of", "has its characters from"]


def test_five_cases_are_too_few_and_one_exception_is_one_too_many() -> None:
    assert proposed(of_lists(in_order, LISTS[:5])) == ()
    found = proposed(of_lists(in_order_once, [*LISTS, [5, 5, 5]]))
    assert "has just the items of" not in [p.words for p in found]


def test_a_held_out_case_takes_a_property_back() -> None:
    found = proposed(of_lists(in_order))
    left = lasting(found, of_lists(in_order_once, [[3, 3, 1]]))
    assert "has just the items of" not in [p.words for p in left]
    assert lasting(found, of_lists(in_order)) == found


def test_an_answer_of_one_length_to_lists_of_one_length_shows_nothing() -> None:
    lists = [[n, n + 1, n + 2] for n in range(12)]
    found = proposed(of_lists(lambda row: [row[0], 7, row[2] * 3], lists))
    assert "is as long as" not in [p.words for p in found]


# --- synthetic inputs ------------------------------------------------------------------


def test_slots_without_a_tie_are_recombined() -> None:
    rows: list[list[Json]] = [[n, word] for n, word in enumerate(WORDS[:10])]
    found = [[*row] for row in synthetic(given_that(rows), 0)]
    assert len(found) == 20
    assert not [row for row in found if row in rows]
    assert all(n in range(10) and word in WORDS[:10] for n, word in found)
    assert found == [[*row] for row in synthetic(given_that(rows), 0)]
    assert found != [[*row] for row in synthetic(given_that(rows), 1)]


@pytest.mark.parametrize(
    "rows",
    [
        [(f"2024-01-{n:02}", f"2024-01-{n + 3:02}") for n in range(1, 20)],
        [(n, n + 5) for n in range(0, 60, 4)],
        [([*WORDS[n : n + 4]], WORDS[n + n % 4]) for n in range(12)],
        [([n] * n, [2 * n] * n) for n in range(1, 9)],
    ],
)
def test_what_belongs_together_stays_together(rows: list[tuple[Json, ...]]) -> None:
    assert synthetic(given_that(rows), 0) == ()


def test_lists_in_order_stay_in_order() -> None:
    rows: list[list[Json]] = [[[*sorted(row)], n % 4] for n, row in enumerate(LISTS)]
    found = [row for row, _ in synthetic(given_that(rows), 0) if isinstance(row, list)]
    assert len(found) == 20
    assert all([int(str(n)) for n in row] == sorted(int(str(n)) for n in row) for row in found)


def test_lists_without_repetitions_get_none() -> None:
    found = synthetic(of_lists(in_order), 0)
    rows = [row for (row,) in found if isinstance(row, list)]
    assert len(rows) == 20
    assert all(len(set(map(str, row))) == len(row) for row in rows)
    assert max(map(len, rows)) == 8


VALUES = st.one_of(
    st.integers(-9, 9), st.text("ab1", max_size=3), st.lists(st.integers(0, 9), max_size=5)
)


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=8), st.integers(0, 5))
def test_synthetic_inputs_hold_shown_values_only(rows: list[tuple[Json, ...]], seed: int) -> None:
    def atoms(value: Json) -> set[str]:
        if isinstance(value, list):
            return {atom for item in value for atom in atoms(item)}
        return {repr(value)}

    found = synthetic(given_that(rows), seed)
    assert len(found) <= 20
    for place in range(3):
        shown = {atom for row in rows for atom in atoms(row[place])}
        assert all(atoms(row[place]) <= shown for row in found)
    assert not {repr(row) for row in found} & {repr(row) for row in rows}
