"""What use cases have in common becomes a function, what differs its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.making.generalise import ENTRY, Call, generalise, schema_of, with_ans
from latm.types import Json


def _common(*codes: str, questions: Sequence[str] | None = None) -> Call | None:
    return generalise(codes, questions or [""] * len(codes), finish=False)


def test_literals_assigned_to_a_name_become_parameters_of_that_name() -> None:
    call = _common("a = 1\nb = [2, 'x']\nans = f(a, b)", "a = 1\nb = []\nans = f(a, b)")
    assert call is not None
    assert call.parameters == ("a", "b")
    assert call.arguments == ((1, [2, "x"]), (1, []))
    assert call.source == f"def {ENTRY}(a, b):\n    ans = f(a, b)\n    return ans"


def test_other_names_in_another_use_case_are_the_same_variables() -> None:
    call = _common("words = ['b']\nans = f(words)", "terms = ['c']\nans = f(terms)")
    assert call is not None
    assert call.parameters == ("words",)
    assert call.arguments == ((["b"],), (["c"],))


def test_a_literal_that_differs_deep_inside_becomes_a_parameter_too() -> None:
    call = _common("ret = f()\nans = ret['Eve']", "ret = f()\nans = ret['Bob']")
    assert call is not None
    assert call.parameters == ("key",)
    assert call.source == f"def {ENTRY}(key):\n    ret = f()\n    ans = ret[key]\n    return ans"


def test_the_same_values_in_two_places_are_one_parameter() -> None:
    call = _common("ans = r['Eve'] + s['Eve']", "ans = r['Bob'] + s['Bob']")
    assert call is not None
    assert call.parameters == ("key",)


def test_tuples_become_lists_as_json_has_them() -> None:
    call = _common("p = [('a', 1)]\nans = f(p)", "p = [('b', 2), ('c', 3)]\nans = f(p)")
    assert call is not None
    assert call.arguments == (([["a", 1]],), ([["b", 2], ["c", 3]],))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ans = f(lambda x: x < 1)", "ans = f(lambda x: x.y)"),
        ("ans = f(1)", "ans = f(1) + 1"),
        ("ans = f(1)", "ans = g(1)"),
        ("a = {1, 2}\nans = f(a)", "a = {3}\nans = f(a)"),
        ("a = {1: 2}\nans = f(a)", "a = {3: 4}\nans = f(a)"),
        ("a = b'x'\nans = f(a)", "a = b'y'\nans = f(a)"),
        ("x = 1\nans = f(x)", "x = 1\nx = 2\nans = f(x)"),
        ("ans = f'{x}a'", "ans = f'{x}b'"),
        ("ans = (", "ans = ("),
        ("ans = f()", "ans = f()"),
        ("a = 1\nb = 2\nans = a - b", "a = 1\na = 2\nans = a - a"),
    ],
)
def test_codes_without_a_common_form_have_none(one: str, other: str) -> None:
    assert _common(one, other) is None


def test_a_number_in_another_unit_than_the_questions_is_taken_as_they_say_it() -> None:
    call = _common(
        "minutes = 90\nans = f(minutes)",
        "minutes = 30\nans = f(minutes)",
        questions=["a 1.5-hour meeting", "a 0.5-hour meeting at 9"],
    )
    assert call is not None
    assert call.arguments == ((1.5,), (0.5,))
    assert f"def {ENTRY}(minutes):\n    minutes = minutes * 60\n" in call.source
    assert call.schema["properties"] == {"minutes": {"type": "number"}}


def test_one_value_alone_shows_no_unit() -> None:
    call = _common("m = 60\nans = f(m)", "m = 60\nans = f(m)", questions=["a 1-hour meeting"] * 2)
    assert call is not None
    assert call.arguments == ((60,), (60,))


def test_a_finish_closes_the_function() -> None:
    call = generalise(["a = 1\nans = f(a)"], [""], finish=True)
    assert call is not None
    assert call.source.endswith("return latm_finish(ans)")


def test_numbered_variables_lose_their_number() -> None:
    assert with_ans("words2 = ['b']\nans2 = f(words2)") == "words = ['b']\nans = f(words)"
    assert with_ans("ans = 1") == "ans = 1"


@pytest.mark.parametrize("code", ["x = 1", "ans = (", "x = 1\nx1 = 2\nans1 = x1", "answer = 3"])
def test_code_that_sets_no_ans_is_refused(code: str) -> None:
    assert with_ans(code) is None


def test_the_schema_leaves_room_for_longer_values_of_the_same_kind() -> None:
    assert schema_of([["a"], ["b", "c"]]) == {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 256},
        "minItems": 1,
        "maxItems": 64,
    }
    assert schema_of([1, 2.5]) == {"type": "number"}
    assert schema_of([1, "a"]) == {
        "anyOf": [{"type": "integer"}, {"type": "string", "minLength": 1, "maxLength": 256}]
    }


def test_many_arrays_of_one_length_are_records() -> None:
    pairs: list[Json] = [["a", "b"] for _ in range(5)]
    schema = schema_of(pairs)
    assert isinstance(schema, dict)
    assert (schema["minItems"], schema["maxItems"]) == (2, 2)


_VALUE = st.recursive(
    st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(rows=st.lists(st.tuples(_VALUE, _VALUE), min_size=1, max_size=4))
def test_the_function_on_a_use_cases_arguments_is_that_use_case(
    rows: list[tuple[Any, Any]],
) -> None:
    codes = [f"a = {a!r}\nret = [a, {b!r}]\nans = ret" for a, b in rows]
    call = generalise(codes, [""] * len(codes), finish=False)
    assert call is not None
    namespace: dict[str, Any] = {}
    exec(call.source, namespace)  # noqa: S102 - our own code from plain data
    got = [namespace[ENTRY](*arguments) for arguments in call.arguments]
    assert got == [[a, b] for a, b in rows]


@given(code=st.text(max_size=200))
def test_no_code_is_an_error(code: str) -> None:
    with_ans(code)
    generalise([code, code], ["", ""], finish=False)
