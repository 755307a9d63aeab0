"""Runs of statements as data: found without a model, read in one way, rendered back."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.cases import split
from latm.induction import induce, induce_template, strata
from latm.making.wrapper import schema_of
from latm.models.grammar import fits as fits_schema
from latm.templates import Matcher, form_text, render, render_value
from latm.types import Case, Slot, Template
from latm.using.provenance import untraceable

WORDS = "pear fig kiwi plum date lime apple mango grape lemon cherry melon".split()
NAMES = "Ann Bob Cleo Dan Eve Finn Gus Hana".split()

_A, _B, _N = Slot("a", "word"), Slot("b", "word"), Slot("n", "integer")
FORMS = (
    Template(("The ", " is first"), (_A,)),
    Template(("The ", " is left of the ", ""), (_A, _B)),
    Template(("Add ", ""), (_N,)),
)
RUN = Slot("statements", "clauses", separator=". ", clauses=FORMS)
QUESTION = Template(("Read. ", ". Who wins?"), (RUN,))


def drawn(make: Callable[[random.Random], str], count: int = 20) -> list[str]:
    rng = random.Random(0)
    return [make(rng) for _ in range(count)]


def some(rng: random.Random, make: Callable[[], str], separator: str) -> str:
    return separator.join(make() for _ in range(rng.randint(2, 6)))


def rows(rng: random.Random) -> str:
    return "Sum up:\n" + some(
        rng, lambda: f"{rng.choice(NAMES)},{rng.randint(1, 99)},{rng.choice(WORDS)}", "\n"
    )


def pairs(rng: random.Random) -> str:
    make = lambda: f"{rng.choice(WORDS)}={rng.randint(1, 99)}"  # noqa: E731
    return f"As JSON: {some(rng, make, ', ')}"


def arrows(rng: random.Random) -> str:
    make = lambda: f"{rng.choice(WORDS)} -> {rng.choice(WORDS)}"  # noqa: E731
    return f"Start: {rng.choice(WORDS)}\n{some(rng, make, chr(10))}\nWhere does it end?"


def matrix(rng: random.Random) -> str:
    width = rng.randint(2, 4)
    make = lambda: " ".join(str(rng.randint(0, 99)) for _ in range(width))  # noqa: E731
    return f"Transpose:\n{some(rng, make, chr(10))}"


def prices(rng: random.Random) -> str:
    return f"Add: {some(rng, lambda: f'${rng.randint(1, 9)}.{rng.randint(10, 99)}', ', ')}"


def stack(rng: random.Random) -> str:
    make = lambda: rng.choice([f"push {rng.randint(1, 99)}", "pop"])  # noqa: E731
    return f"Start with an empty stack. {some(rng, make, '; ')}. What is on top?"


def steps(rng: random.Random) -> str:
    def make() -> str:
        n = rng.randint(2, 9)
        return rng.choice([f"Add {n}.", f"Multiply by {n}.", f"Subtract {n}."])

    return f"Begin at {rng.randint(0, 9)}.\n{some(rng, make, chr(10))}\nWhat is the result?"


def race(rng: random.Random) -> str:
    runners = rng.sample(NAMES, 4)

    def make() -> str:
        one, two = rng.sample(runners, 2)
        place = rng.choice(["first", "second", "last"])
        return rng.choice(
            [f"{one} finished {place}", f"{one} finished {rng.choice(['above', 'below'])} {two}"]
        )

    return f"{', '.join(runners)} ran. {some(rng, make, '. ')}. Who won?"


@pytest.mark.parametrize(
    ("make", "forms", "kinds"),
    [
        (rows, {"{},{},{}"}, {"word", "integer"}),
        (pairs, {"{}={}"}, {"word", "integer"}),
        (arrows, {"{} -> {}"}, {"word"}),
        (matrix, {"{}"}, {"list"}),
        (prices, {"${}"}, {"decimal"}),
        (stack, {"push {}", "pop"}, {"integer"}),
        (steps, {"Add {}.", "Multiply by {}.", "Subtract {}."}, {"integer"}),
    ],
)
def test_a_run_of_statements_becomes_a_slot_with_their_forms(
    make: Callable[[random.Random], str], forms: set[str], kinds: set[str]
) -> None:
    template = induce_template(drawn(make))
    assert template is not None
    (run,) = [s for s in template.slots if s.kind == "clauses"]
    assert {form_text(f) for f in run.clauses} == forms
    assert {s.kind for f in run.clauses for s in f.slots} <= {*kinds, "choice"}


@pytest.mark.parametrize("make", [rows, pairs, arrows, matrix, prices, stack, steps, race])
def test_unseen_questions_are_read_and_rendered_back(make: Callable[[random.Random], str]) -> None:
    texts = drawn(make, 60)
    template = induce_template(texts[:20])
    assert template is not None
    read = [(t, v) for t in texts[20:] if (v := Matcher(template).match(t)) is not None]
    assert len(read) >= 38
    assert all(render(template, values) == text for text, values in read)


def test_one_form_gives_bare_entries_and_several_forms_name_theirs() -> None:
    one = induce_template(drawn(pairs))
    assert one is not None
    assert Matcher(one).match("As JSON: fig=3, date=40") == ([["fig", 3], ["date", 40]],)
    single = induce_template(drawn(prices))
    assert single is not None
    assert Matcher(single).match("Add: $1.50, $2.25") == ([1.5, 2.25],)
    assert Matcher(QUESTION).match("Read. The fig is first. Add 3. Who wins?") == (
        [["The {} is first", "fig"], ["Add {}", 3]],
    )


def test_a_first_statement_of_its_own_kind_stays_outside_the_run() -> None:
    template = induce_template(drawn(steps))
    assert template is not None
    assert (template.slots[0].name, template.slots[0].kind) == ("begin", "integer")


def test_a_fixed_number_of_steps_stays_plain_slots() -> None:
    def swaps(rng: random.Random) -> str:
        one, two, three = (rng.sample(NAMES, 2) for _ in range(3))
        return (
            f"First, {one[0]} and {one[1]} swap. Then, {two[0]} and {two[1]} swap. "
            f"Finally, {three[0]} and {three[1]} swap. Who has it?"
        )

    template = induce_template(drawn(swaps))
    assert template is not None
    assert {s.kind for s in template.slots} <= {"word", "choice"}
    assert len(template.slots) == 6


@pytest.mark.parametrize(
    "text",
    [
        "The fig is first. The fig is last",
        "The fig is first. Do not add anything",
        "The fig is first.",
        "The fig is first.  Add 3",
        "Add 3. ",
        "",
    ],
)
def test_a_statement_of_no_known_form_makes_the_tool_abstain(text: str) -> None:
    assert Matcher(QUESTION).match(f"Read. {text}. Who wins?") is None


def test_a_statement_of_two_forms_makes_the_tool_abstain() -> None:
    loose = Template(("The ", ""), (Slot("rest", "text"),))
    slot = Slot("x", "clauses", separator=". ", clauses=(*FORMS, loose))
    matcher = Matcher(Template(("Read. ", ""), (slot,)))
    assert matcher.match("Read. The fig stands. Add 3") is not None
    assert matcher.match("Read. The fig is first. Add 3") is None


@pytest.mark.parametrize(
    "value",
    [
        [],
        [["The {} is first"]],
        [["The {} is first", "a b"]],
        [["The {} is last", "fig"]],
        [["Add {}", "three"]],
        ["Add 3"],
        [[]],
    ],
)
def test_a_value_that_no_statement_can_say_is_not_rendered(value: object) -> None:
    assert render_value(RUN, value) is None  # type: ignore[arg-type]


word = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)
statement = st.one_of(
    word.map(lambda a: ["The {} is first", a]),
    st.tuples(word, word).map(lambda p: ["The {} is left of the {}", *p]),
    st.integers().map(lambda n: ["Add {}", n]),
)


@given(st.lists(statement, min_size=1, max_size=12))
def test_what_is_rendered_reads_back_as_the_same_value(value: list[list[object]]) -> None:
    text = render(QUESTION, [value])  # type: ignore[list-item]
    assert text is not None
    assert Matcher(QUESTION).match(text) == (value,)
    schema = json.dumps(schema_of(QUESTION.slots))
    assert fits_schema(json.dumps({"statements": value}), schema)
    assert untraceable({"statements": value}, text, schema_of(QUESTION.slots)) == ()  # type: ignore[dict-item]


def test_the_schema_refuses_what_no_form_has() -> None:
    schema = json.dumps(schema_of(QUESTION.slots))
    for value in ([["Add {}", "3"]], [["Add {}"]], [["Take {}", 3]], []):
        assert not fits_schema(json.dumps({"statements": value}), schema)


def test_a_statement_that_the_question_does_not_make_has_no_source() -> None:
    question = "Read. The fig is left of the pear. Who wins?"
    arguments = {"statements": [["The {} is left of the {}", "pear", "fig"]]}
    assert untraceable(arguments, question, schema_of(QUESTION.slots)) == ("$.statements[0]",)  # type: ignore[arg-type]


@given(st.text(st.sampled_from("The fig is first. Add 3\n"), max_size=120))
def test_matching_is_total_and_renders_back(text: str) -> None:
    values = Matcher(QUESTION).match(f"Read. {text}. Who wins?")
    if values is not None:
        assert render(QUESTION, values) == f"Read. {text}. Who wins?"


def test_matching_a_long_hostile_run_stays_linear() -> None:
    text = "Read. " + "The fig is left of the " * 4_000
    assert Matcher(QUESTION).match(text) is None
    long = "Read. " + ". ".join(["The fig is first"] * 4_000) + ". Who wins?"
    assert Matcher(QUESTION).match(long) is not None


@pytest.mark.parametrize(
    ("task", "templates", "most_missed"),
    [("logical_deduction_five_objects", 5, 2), ("tracking_shuffled_objects_five_objects", 5, 10)],
)
def test_stories_of_the_paper_are_told_apart_and_read(
    shared: Path, task: str, templates: int, most_missed: int
) -> None:
    lines = (shared / "data" / "latm" / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [Case(json.loads(line)["question"], json.loads(line)["answer"]) for line in lines]
    halves = split(cases, 0, strata=strata([c.question for c in cases]))
    found = [c.template for c in induce([c.question for c in halves.shown])]
    matchers = [Matcher(t) for t in found if t]
    assert len(matchers) == len(found) == templates
    read = [[m for m in matchers if m.match(c.question)] for c in halves.held_out]
    assert sum(len(fitting) != 1 for fitting in read) <= most_missed
