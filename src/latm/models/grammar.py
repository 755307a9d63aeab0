"""JSON schemas as llama.cpp can enforce them, and the check of what came of it.

A JSON schema flows in, an equivalent or narrower one flows out. Invariant: the rewritten
schema asks for nothing that the original forbids; the reply is validated against the
original anyway (`fits`).

llama.cpp's grammar silently ignores ``\\d`` and ``\\w`` in patterns, and a text or array
without a bound runs on until the token limit cuts it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from latm.types import Json

MAX_TEXT = 2000
MAX_ITEMS = 200
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": " "}


def enforceable(schema: Json) -> Json:
    """The schema with class escapes spelled out and every text and array bounded."""
    if isinstance(schema, list):
        return [enforceable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: enforceable(value) for key, value in schema.items()}
    pattern = out.get("pattern")
    if isinstance(pattern, str):
        out["pattern"] = _spelled(pattern)
    elif out.get("type") == "string" and not {"enum", "const", "format"} & out.keys():
        out["maxLength"] = min(_bound(out.get("maxLength"), MAX_TEXT), MAX_TEXT)
        # A large lower bound does not compile into a grammar; validation checks it.
        out.pop("minLength", None) if _bound(out.get("minLength"), 0) > 1 else None
    if out.get("type") == "array":
        out["maxItems"] = min(_bound(out.get("maxItems"), MAX_ITEMS), MAX_ITEMS)
    return out


def fits(text: str, schema: str | None) -> bool:
    """Is a reply JSON that fits the schema, as the caller wrote it?"""
    if schema is None:
        return True
    # An empty registry: a schema that came with a tool must not make us fetch anything.
    validator: Any = Draft202012Validator(json.loads(schema), registry=Registry[Any]())
    try:
        return bool(validator.is_valid(json.loads(text)))
    except (ValueError, RecursionError, Unresolvable):
        return False


def _bound(value: Json, default: int) -> int:
    return value if isinstance(value, int) else default


def _spelled(pattern: str) -> str:
    out: list[str] = []
    in_set = False
    for token in re.findall(r"\\.|.", pattern, re.DOTALL):
        members = _CLASSES.get(token[1:])
        if members is not None:
            out.append(members if in_set else f"[{members}]")
            continue
        in_set = token == "[" or (in_set and token != "]")
        out.append(token)
    return "".join(out)
