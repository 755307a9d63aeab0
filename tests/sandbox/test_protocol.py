"""The border: any bytes give a value or a `ReplyError`; allowed values come through unchanged."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from latm.sandbox.protocol import (
    MAX_DEPTH,
    MAX_NODES,
    Problem,
    ReplyError,
    Value,
    check_program,
    encode_arguments,
    encode_request,
    frame,
    parse_json,
    parse_reply,
    plain,
    unframe,
)
from latm.sandbox.text import one_line
from latm.types import Json, Limits, Program

from .corpus import exactly_equal

LIMITS = Limits()
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**4095), 2**4095)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def reply(body: bytes) -> Value | Problem:
    return parse_reply(frame(body), LIMITS)


# --- total -----------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_or_a_refusal(data: bytes) -> None:
    for parse in (lambda: parse_reply(data, LIMITS), lambda: reply(data)):
        with contextlib.suppress(ReplyError):
            assert isinstance(parse(), (Value, Problem))


@given(st.text(alphabet='{}[]":,0123456789eE+-.truefalsnNaIity \\ud8', max_size=80))
def test_anything_like_json_gives_a_value_or_a_refusal(text: str) -> None:
    try:
        value = parse_json(text.encode())
    except ReplyError:
        return
    assert exactly_equal(parse_json(json.dumps(value).encode()), value)


@given(values)
def test_allowed_value_comes_through_unchanged(value: Json) -> None:
    body = json.dumps({"ok": True, "value": value}).encode()
    assume(len(body) < LIMITS.result_bytes)
    got = reply(body)
    assert isinstance(got, Value)
    assert exactly_equal(got.value, value)
    assert exactly_equal(plain(value), value)


@given(st.binary(max_size=60), st.integers(0, 59))
def test_cut_frame_is_refused(body: bytes, keep: int) -> None:
    whole = frame(body)
    assert unframe(whole, 100) == body
    with pytest.raises(ReplyError):
        unframe(whole[: min(keep, len(whole) - 1)], 100)
    with pytest.raises(ReplyError):
        unframe(whole + b"x", 100)


# --- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"\\u0061": 1, "a": 2}',
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e999",
        "-1e999",
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "[" * 100_000,
        "[" + "0," * MAX_NODES + "0]",
        "1" * 1300,
        "-" + "9" * 1235,
        str(2**4096),
        '"\\ud800"',
        '{"\\udfff": 1}',
        "1 2",
        "",
        "\ufeff1",
        "'a'",
    ],
)
def test_forbidden_json_is_refused(text: str) -> None:
    with pytest.raises(ReplyError):
        parse_json(text.encode())


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b"\xff\xfe1\x00"])
def test_invalid_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(ReplyError):
        parse_json(data)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        '{"ok": true}',
        '{"ok": 1, "value": 2}',
        '{"ok": true, "value": 1, "verdict": "pass"}',
        '{"ok": false, "value": 1}',
        '{"ok": false, "error": "text"}',
        '{"ok": false, "error": {"kind": "violation", "message": ""}}',
        '{"ok": false, "error": {"kind": "raised", "message": 1}}',
        '{"ok": false, "error": {"kind": ["raised"], "message": ""}}',
    ],
)
def test_reply_of_another_shape_is_refused(body: str) -> None:
    with pytest.raises(ReplyError):
        reply(body.encode())


def test_reply_over_the_cap_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ReplyError, match="cap"):
        parse_reply(frame(b"[" * 400_000), LIMITS)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_depth_is_counted_the_same_in_both_directions(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert exactly_equal(plain(parse_json(text.encode())), parse_json(text.encode()))


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value", [Text("a"), {1: 2}, {1, 2}, b"x", object(), math.nan, [math.inf], {Text("k"): 1}]
)
def test_value_that_is_not_plain_is_refused(value: object) -> None:
    with pytest.raises(ReplyError):
        plain(value)


def test_cyclic_value_is_refused() -> None:
    value: list[object] = [1]
    value.append(value)
    with pytest.raises(ReplyError):
        plain(value)


# --- requests --------------------------------------------------------------------------


@given(st.lists(values, max_size=3))
def test_request_holds_the_call_and_nothing_of_the_caller(arguments: list[Json]) -> None:
    data = encode_request(Program("def f(x): ...", "f"), arguments, LIMITS)
    body = json.loads(unframe(data, 10**9))
    allowed = {"source", "entry", "arguments", "cpu_seconds", "memory_bytes", "result_bytes"}
    assert set(body) == allowed
    assert exactly_equal(body["arguments"], arguments)


@pytest.mark.parametrize(
    "program",
    [
        Program("x = 1\0", "f"),
        Program("x = '\ud800'", "f"),
        Program("#" * 40_001, "f"),
        Program("x = 1", "f()"),
        Program("x = 1", ""),
    ],
)
def test_program_that_no_engine_should_see_is_refused(program: Program) -> None:
    with pytest.raises(ReplyError):
        check_program(program)


def test_arguments_that_are_too_large_are_refused() -> None:
    with pytest.raises(ReplyError, match="over"):
        encode_arguments(["x" * 300_000])


# --- text ------------------------------------------------------------------------------


@given(st.text(st.characters(), max_size=400), st.integers(1, 300))
def test_cleaned_text_is_one_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


def test_printable_text_stays_as_it_is() -> None:
    assert one_line("ValueError: größer als 3") == "ValueError: größer als 3"


def test_control_and_direction_characters_are_escaped() -> None:
    assert one_line("a\x1b[2J\u202eb\ud800") == r"a\x1b[2J\u202eb\ud800"
