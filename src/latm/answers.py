"""Are two answers the same?

Two texts flow in, a verdict flows out. Invariant: the relation is reflexive and symmetric,
and it forgives only what cannot change the meaning: blanks at the ends and their number,
the writing of a number, the order of a JSON object's keys, the brackets of an option letter.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_OPTION = re.compile(r"\(?([A-Za-z])\)?\.?")


def same(reference: str, given: str) -> bool:
    """Whether two answers say the same."""
    a, b = " ".join(reference.split()), " ".join(given.split())
    if a == b:
        return True
    if _NUMBER.fullmatch(a) and _NUMBER.fullmatch(b):
        return _decimal(a) == _decimal(b)
    first, second = _OPTION.fullmatch(a), _OPTION.fullmatch(b)
    if first and second and (len(a) > 1) != (len(b) > 1):
        return first[1] == second[1]
    return a[:1] in "{[" and b[:1] in "{[" and _same_json(a, b)


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _same_json(a: str, b: str) -> bool:
    try:
        return _typed(json.loads(a)) == _typed(json.loads(b))
    except (ValueError, RecursionError):
        return False


def _typed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Tag scalars with their type: true is not 1."""
    if isinstance(value, dict):
        return {k: _typed(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_typed(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return (type(value).__name__, value)
