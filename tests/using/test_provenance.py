"""What counts as said by a question, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.types import Json
from latm.using.provenance import untraceable

_WORD = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
_JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "question"),
    [
        ("pear", "Sort: apple pear."),
        ("it&t", "List: embezzle it&t damp"),
        ("([[{}", "Close it. Input: ([[{}"),
        ("([[{}", "Close ([[{}."),
        ("09:00 - 09:30", "free 09:00 - 09:30, then not"),
        (1.5, "a 1.50-hour meeting"),
        (90, "no more than 90 apricots"),
        (5.0, "among 5 penguins"),
        (1234, "1,234 apples"),
        (-3, "from -3 to 4"),
        (5, "5km"),
        ([["Dave", "Eve"], ["Eve", "Dave"]], "Dave and Eve switch."),
        ({"Eve": "ball"}, "Eve has a ball"),
        (None, "anything"),
    ],
)
def test_a_value_that_the_question_says_is_traceable(value: Json, question: str) -> None:
    assert untraceable({"x": value}, question) == ()


@pytest.mark.parametrize(
    ("value", "question"),
    [
        ("pea", "Sort: apple pear."),
        ("Pear", "Sort: apple pear."),
        ("cafe", "the cafe\u0301 here"),
        ("5", "a 1.5-hour meeting"),
        ("1", "a 1.5-hour meeting"),
        ("([", "Input: ([[{}"),
        ("[[", "Input: ([[{}"),
        (5, "a 1.5-hour meeting"),
        (1, "a 1.5-hour meeting"),
        (9, "no more than 90 apricots"),
        (234, "1,234 apples"),
        (5, "model x5"),
        (-5, "10-5"),
        (2, "two apples"),
        (3, "version 1.2.3"),
        (True, "true"),
        (False, "False 0"),
        ("", "anything"),
        (" ", "any thing"),
        ([], "anything"),
        ({}, "anything"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ({"name": "Eve"}, "Eve has a ball"),
        (1, "1e5"),
    ],
)
def test_a_value_that_the_question_does_not_say_is_not_traceable(
    value: Json, question: str
) -> None:
    assert len(untraceable({"x": value}, question)) == 1


def test_paths_name_the_place_of_every_value_without_a_source() -> None:
    arguments: dict[str, Json] = {"a": ["pear", "plum"], "b": {"pear": [7, True]}}
    assert untraceable(arguments, "pear 8") == ("$.a[1]", "$.b.pear[0]", "$.b.pear[1]")


def test_keys_that_the_schema_names_need_no_source() -> None:
    item: dict[str, Json] = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema: dict[str, Json] = {"properties": {"x": {"type": "array", "items": item}}}
    assert untraceable({"x": [{"name": "Eve"}]}, "Eve has a ball", schema) == ()
    assert untraceable({"x": [{"age": "Eve"}]}, "Eve has a ball", schema) == ("$.x[0].age (key)",)


def test_a_list_may_not_repeat_a_value_more_often_than_the_question_does() -> None:
    assert untraceable({"x": ["same", "dot", "same"]}, "List: same dot same") == ()
    assert untraceable({"x": ["same", "dot", "same"]}, "List: same dot") == ("$.x[2]",)
    assert untraceable({"x": [2, 2]}, "remainders 2 and 28") == ("$.x[1]",)


@given(words=st.lists(_WORD, min_size=1, max_size=12, unique=True), data=st.data())
def test_any_choice_of_the_questions_own_words_is_traceable(
    words: list[str], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(words), min_size=1, unique=True))
    value: list[Json] = list(chosen)
    assert untraceable({"x": value, "y": chosen[0]}, f"Sort: {', '.join(words)}.") == ()


@given(number=st.integers(0, 10**12), question=st.text(alphabet="ab 0123456789.,-", max_size=60))
def test_a_number_is_traceable_only_if_its_digits_stand_there(number: int, question: str) -> None:
    if not untraceable({"x": number}, question):
        assert str(number) in question.replace(",", "")


@given(value=st.text(min_size=1, max_size=12), question=st.text(max_size=60))
def test_a_traceable_text_always_stands_in_the_question(value: str, question: str) -> None:
    if not untraceable({"x": value}, question):
        assert value in question


@given(value=_JSON, question=st.text(max_size=60))
def test_no_value_is_an_error(value: Json, question: str) -> None:
    assert isinstance(untraceable({"x": value}, question), tuple)
