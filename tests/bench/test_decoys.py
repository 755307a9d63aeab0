"""Decoys are seeded, leave the class, and say whether the original answer still holds."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.bench import words
from latm.bench.decoys import (
    KINDS,
    OTHER,
    Decoy,
    EditKind,
    decoy_of,
    edited,
    form_of,
    strangers,
)
from latm.types import Case

HOURS = [
    Case(f"What is the pay for {n} hours at {r} EUR an hour?", f"{n * r} EUR")
    for n, r in [(3, 10), (4, 12), (7, 11), (8, 15), (2, 30), (5, 14), (6, 13), (9, 21)]
]


def edit_of(kind: EditKind, cases: list[Case], seed: int = 1) -> list[tuple[str, str | None]]:
    """Each case's question, edited, with the answer that is right now."""
    form = form_of([case.question for case in cases])
    dice = random.Random(seed)
    decoys = [decoy_of(kind, case, cases[0], form, dice) for case in cases]
    return [(decoy.question, decoy.right) for decoy in decoys if decoy]


# --- edits -----------------------------------------------------------------------------


def test_a_request_is_negated_where_it_stands() -> None:
    assert edit_of("negation", HOURS)[0] == (
        "What is not the pay for 3 hours at 10 EUR an hour?",
        None,
    )
    (first, _), *_ = edit_of("negation", list(words.cases(1, 10)))
    assert first.startswith("Do not sort the following words alphabetically: List: ")


def test_a_statement_is_not_taken_for_the_request() -> None:
    cases = [Case(f"The box is {c}.\nHow heavy is it?", "1") for c in ("red", "blue")]
    assert edit_of("negation", cases)[0][0] == "The box is red.\nHow heavy is not it?"


def test_a_unit_of_the_request_is_changed_everywhere_in_the_question() -> None:
    cases = [Case(f"{n} miles and {n} miles are how many miles?", f"{2 * n}") for n in (1, 2)]
    assert edit_of("unit", cases) == [
        ("1 litres and 1 litres are how many litres?", None),
        ("2 litres and 2 litres are how many litres?", None),
    ]


def test_a_currency_is_renamed_in_the_answer_too() -> None:
    cases = [Case(f"{n} EUR and {n} EUR make what?", f"{2 * n} EUR") for n in (1, 2)]
    assert edit_of("unit", cases)[0] == ("1 USD and 1 USD make what?", "2 USD")
    (first, right), *_ = edit_of("unit", [Case("Half of $3.50 in cash?", "$1.75")])
    assert (first, right) == ("Half of €3.50 in cash?", "€1.75")


def test_a_unit_that_the_class_knows_is_no_changed_unit() -> None:
    cases = [Case(f"How many seconds are 3 {unit}?", "") for unit in ("hours", "days")]
    assert [text for text, _ in edit_of("unit", cases)] == [
        "How many months are 3 hours?",
        "How many months are 3 days?",
    ]


def test_a_unit_in_a_value_is_left_alone() -> None:
    asked = "How many words are in this:"
    cases = [Case(f"{asked} {n} and on", "3") for n in range(9)]
    assert edit_of("unit", [*cases, Case(f"{asked} back after two hours", "4")]) == []
    assert edit_of("unit", [Case("Who wrote KMART?", ""), Case("Who wrote daystar?", "")]) == []
    assert edit_of("unit", [Case("Simplify $1/2$", "")]) == []


def test_a_condition_stands_before_the_mark_that_ends_the_question() -> None:
    for text, _ in edit_of("condition", HOURS):
        assert text.startswith("What is the pay for")
        assert text.endswith("?")
        assert ", but " in text or ", rounded down" in text


def test_rounding_down_keeps_an_answer_that_is_whole_already() -> None:
    def rounded(answer: str) -> set[str | None]:
        cases = [Case(f"What is number {n}?", answer) for n in range(30)]
        return {right for text, right in edit_of("condition", cases) if "rounded" in text}

    assert rounded("12") == {"12"}
    assert rounded("12.00 EUR") == {"12.00 EUR"}
    assert rounded("12.5") == {None}


def test_another_language_keeps_the_answer_and_the_values() -> None:
    texts = edit_of("language", HOURS)
    assert len(texts) == len(HOURS)
    for (text, right), case in zip(texts, HOURS, strict=True):
        assert right == case.answer
        assert text.split()[0] in {"Was", "Qué", "Que"}
        assert [w for w in text.split() if w.isdigit()] == [
            w for w in case.question.split() if w.isdigit()
        ]


def test_only_the_words_of_the_request_are_translated() -> None:
    cases = [Case(f"{words.PREFIX}{word} and", "") for word in ("fig", "pear")]
    cases += [Case(f"{words.PREFIX}{w} kiwi plum", "") for w in "abcdefghijklmnopqrstuvwxyz"]
    text = edit_of("language", cases)[0][0]
    assert text.endswith(": fig and")


def test_what_is_cut_off_holds_a_word_of_the_request() -> None:
    cases = list(words.cases(1, 30))
    for text, right in edit_of("truncation", cases):
        assert right is None
        assert words.PREFIX.startswith(text)
    for text, _ in edit_of("truncation", HOURS):
        assert not text.endswith("?")


def test_two_joined_questions_are_no_question_of_the_class() -> None:
    (_, (second, right), *_) = edit_of("joined", HOURS)
    assert second == f"{HOURS[1].question} {HOURS[0].question}"
    assert right is None


# --- a set of them ---------------------------------------------------------------------


def test_fifty_edits_take_the_kinds_in_turn() -> None:
    cases = [
        Case(f"What is the pay for {n} hours at {n + 7} EUR an hour?", f"{n} EUR")
        for n in range(20, 50)
    ]
    decoys = edited(cases, seed=1, count=50)
    counts = Counter(decoy.kind for decoy in decoys)
    assert len(decoys) == 50
    assert set(counts) == set(KINDS)
    assert max(counts.values()) - min(counts.values()) <= 5


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8, unique=True), st.integers(0, 9))
def test_any_questions_give_the_same_decoys_again_and_none_of_themselves(
    questions: list[str], seed: int
) -> None:
    cases = [Case(question, "1") for question in questions]
    decoys = edited(cases, seed=seed)
    assert decoys == edited(cases, seed=seed)
    texts = [decoy.question for decoy in decoys]
    assert len(set(texts)) == len(texts)
    assert not set(texts) & set(questions)
    assert all(decoy.right in (None, "1") for decoy in decoys)


def test_no_cases_give_no_decoys() -> None:
    assert edited([], seed=1) == ()
    assert strangers({}, seed=1) == ()


@pytest.mark.parametrize("count", [6, 9])
def test_other_families_give_equal_shares_with_their_own_answers(count: int) -> None:
    pool = {name: [Case(f"{name} {n}?", f"{n}") for n in range(20)] for name in "abc"}
    decoys = strangers(pool, seed=3, count=count)
    assert Counter(decoy.question[0] for decoy in decoys) == dict.fromkeys("abc", count // 3)
    assert Decoy(OTHER, decoys[0].question, decoys[0].question[2:-1]) == decoys[0]
    assert decoys == strangers(dict(reversed(pool.items())), seed=3, count=count)


def test_a_family_with_few_questions_is_made_up_for_by_the_others() -> None:
    pool = {"a": [Case("a?", "1")], "b": [Case(f"b {n}?", "1") for n in range(9)]}
    assert len(strangers(pool, seed=1, count=8)) == 8
