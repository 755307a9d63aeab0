"""What counts as said by a question, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.types import Json
from latm.using.provenance import miscounted, untraceable

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


_RIDDLES: list[tuple[str, dict[str, Json]]] = [
    ("At most 90 figs; 5 owls leave 2. How many figs?", {"limit": 90, "pairs": [[5, 2]]}),
    ("At most 80 nuts; 7 hens leave 3. How many nuts?", {"limit": 80, "pairs": [[7, 3]]}),
]
_SORTS: list[tuple[str, dict[str, Json]]] = [
    ("Sort these words: pear fig", {"words": ["pear", "fig"]}),
    ("Sort these words: b a c", {"words": ["b", "a", "c"]}),
]


def test_a_word_that_demonstrations_never_leave_out_may_not_be_miscounted() -> None:
    question = "Sort these words: owl ant bee owl"
    assert miscounted({"words": ["owl", "ant", "bee", "owl"]}, question, _SORTS) == ()
    assert miscounted({"words": ["owl", "ant", "owl"]}, question, _SORTS) == ("bee",)
    assert miscounted({"words": ["owl", "ant", "bee"]}, question, _SORTS) == ("owl",)


def test_numbers_are_all_used_where_demonstrations_use_all_though_words_are_not() -> None:
    question = "At most 1,000 pears; 7 cats leave 3; 9 dogs leave 1. How many pears?"
    all_of_it: dict[str, Json] = {"limit": 1000, "pairs": [[7, 3], [9, 1]]}
    assert miscounted(all_of_it, question, _RIDDLES) == ()
    assert miscounted({"limit": 1000, "pairs": [[7, 3]]}, question, _RIDDLES) == ("9", "1")


def test_another_wording_is_not_held_to_the_fixed_words() -> None:
    assert miscounted({"words": ["b"]}, "Please order these: b a", _SORTS) == ()


def test_one_demonstration_shows_nothing_about_what_is_miscounted() -> None:
    assert miscounted({"words": ["b"]}, "Sort these words: b a", _SORTS[:1]) == ()


@given(words=st.lists(_WORD, min_size=1, max_size=12), data=st.data())
def test_any_word_dropped_from_a_list_is_noticed(words: list[str], data: st.DataObject) -> None:
    dropped = data.draw(st.integers(0, len(words) - 1))
    kept: list[Json] = [w for n, w in enumerate(words) if n != dropped]
    question = f"Sort these words: {' '.join(words)}"
    assert miscounted({"words": kept}, question, _SORTS) == (words[dropped],)


_SWAPS: list[tuple[str, dict[str, Json]]] = [
    (
        "Ann, Bob, Cid play. Ann has a kite, Bob a drum, Cid a ball. Ann and Bob swap. Cid has?",
        {
            "has": [["Ann", "kite"], ["Bob", "drum"], ["Cid", "ball"]],
            "swaps": [["Ann", "Bob"]],
            "who": "Cid",
        },
    ),
    (
        "Ann, Bob, Cid dance. Ann takes Sam, Bob Pat, Cid Kim. Cid and Bob switch. Ann takes?",
        {
            "has": [["Ann", "Sam"], ["Bob", "Pat"], ["Cid", "Kim"]],
            "swaps": [["Cid", "Bob"]],
            "who": "Ann",
        },
    ),
]


def test_a_value_is_used_as_often_as_demonstrations_show() -> None:
    question = (
        "Ann, Bob, Cid read. Ann has Emma, Bob Dune, Cid War and Peace. "
        "Bob and Ann swap. Cid and Ann swap. Bob has?"
    )
    has: Json = [["Ann", "Emma"], ["Bob", "Dune"], ["Cid", "War and Peace"]]
    right: dict[str, Json] = {"has": has, "swaps": [["Bob", "Ann"], ["Cid", "Ann"]], "who": "Bob"}
    assert miscounted(right, question, _SWAPS) == ()
    assert miscounted({**right, "who": "Ann"}, question, _SWAPS) == ("Bob",)
    assert miscounted({**right, "swaps": [["Bob", "Ann"]]}, question, _SWAPS) == ("Ann", "Cid")
