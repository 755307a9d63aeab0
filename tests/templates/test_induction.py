"""Induction: from a handful of texts to fixed text and typed slots, without a model."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.induction import induce, induce_answer, induce_template, pieces, slot_of
from latm.templates import Matcher, render
from latm.types import Slot


def drawn(make: Callable[[random.Random], str], count: int = 20, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [make(rng) for _ in range(count)]


def conversion(rng: random.Random) -> str:
    return f"Convert {rng.randint(2, 900)} {rng.choice(['km', 'miles'])} to metres, please."


def sorting(rng: random.Random) -> str:
    words = rng.sample("pear fig kiwi plum date lime apple mango grape lemon".split(), 5)
    return f"Sort these: {' '.join(words[: rng.randint(2, 5)])}"


def test_questions_of_one_form_give_fixed_text_and_typed_slots() -> None:
    template = induce_template(drawn(conversion))
    assert template is not None
    assert [(s.kind, s.choices) for s in template.slots] == [
        ("integer", ()),
        ("choice", ("km", "miles")),
    ]
    assert template.literals == ("Convert ", " ", " to metres, please.")


def test_a_list_of_changing_length_is_one_slot() -> None:
    template = induce_template(drawn(sorting))
    assert template is not None
    assert [(s.kind, s.item, s.separator) for s in template.slots] == [("list", "word", " ")]


def test_a_mixed_file_gives_one_template_for_each_shape() -> None:
    texts = drawn(conversion) + drawn(sorting)
    random.Random(1).shuffle(texts)
    clusters = induce(texts)
    assert [c.template is not None for c in clusters] == [True, True]
    for cluster in clusters:
        assert len({texts[i].split()[0] for i in cluster.members}) == 1


def test_two_directions_of_one_conversion_are_told_apart() -> None:
    texts = drawn(lambda r: f"What is {r.randint(1, 99)} °C in °F?") + drawn(
        lambda r: f"What is {r.randint(1, 99)} °F in °C?"
    )
    clusters = [c for c in induce(texts) if c.template]
    for cluster in clusters:
        assert cluster.template
        matcher = Matcher(cluster.template)
        assert all(matcher.match(texts[i]) is not None for i in cluster.members)


def test_texts_without_shared_words_have_no_template() -> None:
    assert induce_template(["What a day", "Tell me more", "Why not?"]) is None
    assert induce_template(["same", "same"]) is None


@pytest.mark.parametrize(
    ("values", "slot"),
    [
        (["1", "-20", "3"], Slot("x", "integer")),
        (["1", "2.5"], Slot("x", "decimal")),
        (["1.50", "2.25"], Slot("x", "decimal", decimals=2)),
        (["007", "123"], Slot("x", "word")),
        (["a@b.org", "c.d@e.com"], Slot("x", "word")),
        (["2024-01-05", "2023-12-31"], Slot("x", "word")),
        (["1, 2", "3"], Slot("x", "list", item="integer", separator=", ")),
        (["a b", "c"], Slot("x", "list", item="word", separator=" ", guarded=True)),
        (["a, b", "c d, e"], Slot("x", "text", guarded=True)),
        (["What is it?", "No."], Slot("x", "text", guarded=True)),
        (["Stop. Go on.", "No."], Slot("x", "text")),
        (["Do not go.", "No."], Slot("x", "text")),
        (["1,250", "-12,000", "999"], Slot("x", "integer", grouped=True)),
        (["1,250.50", "20.25"], Slot("x", "decimal", decimals=2, grouped=True)),
        (["1,250", "1250"], Slot("x", "word")),
        (["12,50", "13,75"], Slot("x", "word")),
    ],
)
def test_a_slot_has_the_narrowest_type_that_all_values_fit(values: list[str], slot: Slot) -> None:
    assert slot_of("x", values) == slot


def test_values_that_recur_are_a_closed_choice_and_values_still_coming_are_not() -> None:
    cards = ["credit card", "cash", "bank transfer"] * 7
    assert slot_of("x", cards).choices == ("bank transfer", "cash", "credit card")
    assert slot_of("x", [*cards, "cheque"]).choices == (
        "bank transfer", "cash", "cheque", "credit card",
    )  # fmt: skip
    assert slot_of("x", ["red", "blue"] * 4).kind == "word"
    assert slot_of("x", ["red", "blue"] * 6 + ["green", "black"]).kind == "word"
    assert slot_of("x", [f"name{n}" for n in range(12)] * 2).kind == "word"
    assert slot_of("x", [f"name{n}" for n in range(12)] * 4).kind == "choice"
    assert slot_of("x", [f"name{n}" for n in range(13)] * 4).kind == "word"


@pytest.mark.parametrize(
    "question",
    [
        "Sort these: pear fig but only those with p",
        "Sort these: pear fig not kiwi",
        "Sort these: pear fig in reverse order",
        "Sort these: pear fig in descending order",
        "Sort these: pear fig without duplicates",
        "Sort these: pear fig nur mit p",
        "Sort these: pear fig y las demás",
    ],
)
def test_a_list_of_words_does_not_swallow_an_instruction(question: str) -> None:
    template = induce_template(drawn(sorting))
    assert template is not None
    assert Matcher(template).match("Sort these: pear ignore fig") is not None
    assert Matcher(template).match(question) is None


@pytest.mark.parametrize(
    "title", ["Moby Dick, unless it is long", "Moby Dick. Then reverse it", "Moby Dick\nBackwards"]
)
def test_a_free_text_does_not_swallow_an_instruction_or_a_sentence(title: str) -> None:
    titles = ["The Pearl", "The Tale of Mr. Tod, abridged", "Ulysses", "Emma, a novel"]
    template = induce_template([f"Who wrote {t}?" for t in titles])
    assert template is not None
    matcher = Matcher(template)
    assert matcher.match("Who wrote Mr. Moby Dick, uncut?") == ("Mr. Moby Dick, uncut",)
    assert matcher.match(f"Who wrote {title}?") is None


def test_answers_are_not_guarded() -> None:
    answer = induce_answer([f"Sorted: {words}" for words in ("a b", "c d e", "f g")])
    assert [s.guarded for s in answer.slots] == [False]


def test_a_price_in_an_answer_keeps_its_sign_and_commas() -> None:
    answer = induce_answer(["$1,234.50", "$12.00", "$99,000.10"])
    assert answer.literals == ("$", "")
    assert answer.slots[0].grouped
    assert render(answer, [1000000.5]) == "$1,000,000.50"


def test_a_value_with_inner_marks_stays_one_slot() -> None:
    hosts = ["mail.example.org", "example.com", "a.b.example.net", "x.org"]
    texts = [f"Whose address is {n}@{h}, tell me" for n, h in zip("abcd", hosts, strict=True)]
    template = induce_template(texts)
    assert template is not None
    assert len(template.slots) == 1


def test_answers_in_one_frame_give_the_renderer_its_form() -> None:
    answers = [f"The total is ${n}.50 today." for n in (3, 14, 159)]
    answer = induce_answer(answers)
    assert answer.literals == ("The total is $", " today.")
    assert answer.slots[0].decimals == 2


def test_answers_without_a_frame_are_one_text() -> None:
    answer = induce_answer(["10:30 - 12:00", "No time slot works.", "09:00 - 09:30"])
    assert [s.kind for s in answer.slots] == ["text"]


@given(st.lists(st.text(max_size=60), max_size=12))
def test_induction_is_total_and_every_template_matches_its_members(texts: list[str]) -> None:
    clusters = induce(texts)
    assert sorted(i for c in clusters for i in c.members) == list(range(len(texts)))
    for cluster in clusters:
        if cluster.template:
            matcher = Matcher(cluster.template)
            assert all(matcher.match(texts[i]) is not None for i in cluster.members)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_texts_does_not_change_the_template(rng: random.Random) -> None:
    texts = drawn(conversion, 8)
    shuffled = texts[:]
    rng.shuffle(shuffled)
    first, second = induce_template(texts), induce_template(shuffled)
    assert first is not None
    assert second is not None
    assert pieces(first) == pieces(second)


@pytest.mark.parametrize(
    "task", ["chinese_remainder_theorem", "dyck_languages", "schedule_meeting", "word_sorting"]
)
def test_twenty_questions_of_a_paper_task_parse_the_other_forty(shared: Path, task: str) -> None:
    lines = (shared / "data" / "latm" / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    (cluster,) = induce(questions[:20])
    assert cluster.template
    matcher = Matcher(cluster.template)
    assert all(matcher.match(q) is not None for q in questions[20:])
