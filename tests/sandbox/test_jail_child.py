"""What a child of the jail answers, seen without a jail: only tame programs here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from latm.sandbox.jail_child import Request, answer
from latm.sandbox.protocol import Problem, Value, frame, parse_reply
from latm.types import Limits


@pytest.fixture(autouse=True)
def no_tool_module() -> Iterator[None]:
    yield
    sys.modules.pop("tool", None)


def reply(source: str, *arguments: object, result_bytes: int = 1000) -> Value | Problem:
    request: Request = {
        "source": source,
        "entry": "f",
        "arguments": list(arguments),
        "cpu_seconds": 1.0,
        "memory_bytes": 1 << 28,
        "result_bytes": result_bytes,
    }
    return parse_reply(frame(answer(request)), Limits())


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "é", [[], {}], {"a": [1, "b"]}])
def test_plain_value_is_answered(value: Any) -> None:  # noqa: ANN401
    assert reply("def f(x):\n    return x\n", value) == Value(value)


def test_tuple_is_answered_as_a_list() -> None:
    assert reply("def f():\n    return ((1,), {'a': ()})\n") == Value([[1], {"a": []}])


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("def f(:", "refused", "SyntaxError"),
        ("x = 1", "refused", "defines no function"),
        ("f = 1", "refused", "defines no function"),
        ("def f():\n    raise KeyError('k')\n", "raised", "KeyError: 'k'"),
        ("def f():\n    raise ValueError\n", "raised", "ValueError"),
        ("def f():\n    raise SystemExit(0)\n", "raised", "SystemExit"),
        ("1 / 0", "raised", "ZeroDivisionError"),
        ("def f():\n    raise MemoryError\n", "memory", "MemoryError"),
        ("def f():\n    return {1}\n", "output", "not plain data"),
        ("def f():\n    return {1: 2}\n", "output", "not a string"),
        ("def f():\n    return [10 ** 5000]\n", "output", "digits"),
        ("def f():\n    return 'x' * 2000\n", "output", "too large"),
        ("def f():\n    a = []\n    a.append(a)\n    return a\n", "output", "nested"),
    ],
)
def test_failure_is_told_by_its_kind(source: str, kind: str, text: str) -> None:
    got = reply(source)
    assert isinstance(got, Problem)
    assert got.kind == kind
    assert text in got.message


def test_error_that_cannot_be_described_is_told_of() -> None:
    source = (
        "class T(Exception):\n    def __str__(self):\n        raise self\ndef f():\n    raise T\n"
    )
    got = reply(source)
    assert got == Problem("raised", "an exception that cannot be described")


def test_patched_encoder_does_not_serve_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "dumps", json.dumps)  # undone afterwards
    source = "import json\njson.dumps = lambda x: 'forged'\ndef f():\n    return 1\n"
    assert reply(source) == Value(1)


def test_dataclass_with_text_annotations_is_run() -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    x: int\ndef f():\n    return P(3).x\n"
    )
    assert reply(source) == Value(3)
