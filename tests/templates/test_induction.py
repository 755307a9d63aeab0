"""Induction: from a handful of texts to fixed text and typed slots, without a model."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.induction import induce, induce_answer, induce_template, pieces, slot_of, strata
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
    assert [c.template and c.template.literals for c in induce(texts)] == [
        ("What is ", " °C in °F?"),
        ("What is ", " °F in °C?"),
    ]


def test_several_wordings_of_one_request_each_have_a_template() -> None:
    wordings = [
        "What is the area of a rectangle {} by {}?",
        "A rectangle has sides {} and {}. Give its area.",
        "Compute the area: rectangle, width {}, height {}.",
        "Find the area of a {} x {} rectangle",
        "How large is a rectangle of {} by {} units?",
    ]
    texts = drawn(lambda r: r.choice(wordings).format(r.randint(1, 99), r.randint(1, 99)), 40)
    clusters = induce(texts)
    assert all(c.template for c in clusters)
    assert len(clusters) == len(wordings)
    for cluster in clusters:
        assert cluster.template
        assert [s.kind for s in cluster.template.slots] == ["integer", "integer"]


def test_wordings_that_differ_by_a_value_stay_in_one_cluster() -> None:
    hosts = ["example.com", "mail.org", "corp.co.uk"]
    texts = drawn(lambda r: f"Mask {r.choice('abcd')}.{r.choice('xyz')}@{r.choice(hosts)} please")
    assert len(induce(texts)) == 1


def test_each_text_has_the_number_of_its_cluster() -> None:
    texts = [t for pair in zip(drawn(conversion), drawn(sorting), strict=True) for t in pair]
    assert strata(texts) in ([0, 1] * 20, [1, 0] * 20)
    assert strata([]) == []


def test_an_article_before_a_value_is_a_choice_of_its_own() -> None:
    birds = ["quail", "owl", "raven", "emu", "hawk", "ibis", "crow"]

    def listed(rng: random.Random) -> str:
        one, two = (f"{'an' if b[0] in 'aeiou' else 'a'} {b}" for b in rng.sample(birds, 2))
        return f"There are {one}, and {two} on a branch. Which is larger?"

    texts = drawn(listed, 8)
    (cluster,) = induce(texts)
    assert cluster.template
    slots = cluster.template.slots
    assert [(s.name, s.kind) for s in slots if s.choices] == [
        ("article1", "choice"),
        ("article2", "choice"),
    ]
    assert all(s.choices == ("a", "an") for s in slots if s.choices)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("Is INV-{} paid?", ["2024-001", "2024-017", "2023-400"]),
        ("Is INV-{} paid?", ["17", "230", "4"]),
        ("Write to {}@mail.org today", ["ann", "bob", "cy"]),
        ("Write to {}.smith@mail.org today", ["ann", "bob", "cy"]),
        ("Which floor is B{} on?", ["12", "33", "104"]),
        ("What day was {}?", ["2024-01-05", "2024-01-17", "2024-01-30"]),
        ("What comes at {}?", ["09:30", "09:45", "09:15"]),
    ],
)
def test_what_a_few_values_share_by_chance_is_not_cut_off(form: str, values: list[str]) -> None:
    template = induce_template([form.format(v) for v in values])
    assert template is not None
    assert [s.kind for s in template.slots] == ["word"]
    assert all(literal[-1:] in " " or literal[-1:] == "?" for literal in template.literals[:1])


def test_a_fixed_word_that_other_slots_hold_is_a_slot() -> None:
    swaps = [("Ann", "Bob", "Eve"), ("Bob", "Ann", "Eve"), ("Eve", "Ann", "Bob")]
    texts = [f"Go. Then, {a} and {b} swap. Then, Eve and {c} swap." for a, b, c in swaps]
    template = induce_template(texts)
    assert template is not None
    assert len(template.slots) == 4


def test_slots_that_hold_the_same_values_have_one_type() -> None:
    pairs = [("owl", "blue jay"), ("crow", "owl"), ("blue jay", "crow"), ("owl", "crow")]
    first = induce_template([f"Is the {a} left of the {b}?" for a, b in pairs])
    assert first is not None
    assert Matcher(first).match("Is the blue jay left of the owl?") is not None


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
        "Sort these: pear fig in reverse",
        "Sort these: pear fig and don't include kiwi",
        "Sort these: pear fig in descending order",
        "Sort these: pear fig without duplicates",
        "Sort these: pear fig nur mit p",
        "Sort these: pear fig y las demás",
    ],
)
def test_a_list_of_words_does_not_swallow_an_instruction(question: str) -> None:
    template = induce_template(drawn(sorting))
    assert template is not None
    for words in ("pear ignore fig", "a pear i fig dont kiwi be plum order"):
        assert Matcher(template).match(f"Sort these: {words}") is not None
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
