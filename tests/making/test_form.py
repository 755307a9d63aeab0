"""The answers of a class are compared for form, and only a stable one is toolable."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.bench.families import family
from latm.making.form import LEAST, Form, form_of

NUMBERS = range(3, 33)


def form(answers: list[str]) -> Form:
    found = form_of([(f"What about {n}?", answer) for n, answer in enumerate(answers)])
    assert found
    return found


def test_a_few_answers_show_no_form() -> None:
    assert form_of([(f"double {n}", str(2 * n)) for n in range(LEAST - 1)]) is None


def test_bare_values_are_a_form() -> None:
    found = form([str(2 * n) for n in NUMBERS])
    assert (found.kind, found.shown) == ("value", "integer")
    assert found.fits("12")
    assert not found.fits("The answer, after some thought, is 12.")


def test_a_frame_of_fixed_words_is_a_form() -> None:
    found = form([f"The answer is {2 * n}." for n in NUMBERS])
    assert found.kind == "frame"
    assert found.shown.startswith("The answer is {")
    assert found.fits("The answer is 12.")
    assert not found.fits("12")


def test_json_of_one_schema_is_a_form() -> None:
    rows = [{"id": n, "name": "x" * n, "tags": ["a"] * (n % 3), "until": None} for n in NUMBERS]
    found = form([json.dumps(row) for row in rows])
    assert found.kind == "json"
    assert found.shown == "{id: number, name: text, tags: [text …], until: null}"
    assert found.fits('{"id": 1, "name": "y", "tags": [], "until": null}')
    assert not found.fits('{"id": "one", "name": "y", "tags": []}')
    assert not found.fits('{"name": "y"}')
    assert not found.fits("[1]")


def test_a_key_may_be_absent_or_null() -> None:
    found = form(['{"id": 1, "note": "x"}', '{"id": 2}', '{"id": 3, "note": null}'] * 4)
    assert found.kind == "json"
    assert found.shown == "{id: number, note?: text}"
    assert found.fits('{"id": 9}')


MIXED: dict[str, Callable[[int], str]] = {
    "now bare, now a sentence": lambda n: str(n) if n % 2 else f"I would say that it is {n}.",
    "JSON and not": lambda n: json.dumps({"n": n}) if n % 2 else str(n),
    "JSON of two schemas": lambda n: json.dumps({"n": n} if n % 2 else {"value": [n], "x": "y"}),
    "JSON with a value of any type": lambda n: json.dumps({"n": n if n % 2 else [n]}),
    "an apology now and then": lambda n: str(n) if n % 5 else "I am sorry, but I cannot do that.",
}


@pytest.mark.parametrize("name", MIXED)
def test_answers_in_several_forms_are_unstable(name: str) -> None:
    found = form([MIXED[name](n) for n in NUMBERS])
    assert found.kind == "unstable"
    assert not found.fits("12")


def test_a_rare_slip_does_not_unsettle_a_form_and_does_not_fit_it() -> None:
    slip = "I am sorry, but I cannot do that."
    found = form([str(n) for n in range(40)] + [slip])
    assert found.kind == "value"
    assert not found.fits(slip)


def test_prose_is_unstable() -> None:
    pairs = [(case.question, case.answer) for case in family("opinion-film").generate(1, 25)]
    found = form_of(pairs)
    assert found
    assert found.kind == "unstable"
    assert found.shown


def test_one_question_with_two_answers_now_and_then_is_unstable() -> None:
    pairs = [(f"double {n}", str(2 * n)) for n in NUMBERS]
    stable, unstable = form_of(pairs, disputed=1), form_of(pairs, disputed=10)
    assert stable
    assert unstable
    assert (stable.kind, unstable.kind) == ("value", "unstable")


ANSWERS = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(json.dumps),
)


@given(st.lists(ANSWERS, min_size=LEAST, max_size=20))
def test_a_form_is_written_and_read_and_does_not_depend_on_the_order(answers: list[str]) -> None:
    found = form(answers)
    assert Form.of(found.written()) == found
    shuffled = list(answers)
    random.Random(1).shuffle(shuffled)
    assert form(shuffled).stable == found.stable
    if found.kind == "json":
        assert sum(found.fits(answer) for answer in answers) >= 0.95 * len(answers)
