"""JSON schemas as llama.cpp can enforce them.

A JSON schema flows in, an equivalent or narrower one flows out. Invariant: whatever fits
the rewritten schema fits the original; the reply is validated against the original anyway.

llama.cpp's grammar silently ignores ``\\d`` and ``\\w`` in patterns, and a text or array
without a bound runs on until the token limit cuts it.
"""

from __future__ import annotations

from typing import cast

from latm.types import Json

MAX_TEXT = 2000
MAX_ITEMS = 200
_ESCAPES = {r"\d": "[0-9]", r"\w": "[A-Za-z0-9_]", r"\s": "[ ]"}


def enforceable(schema: Json) -> Json:
    """The schema with class escapes spelled out and every text and array bounded."""
    if isinstance(schema, list):
        return [enforceable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: enforceable(value) for key, value in schema.items()}
    if isinstance(out.get("pattern"), str):
        out["pattern"] = _spelled(cast("str", out["pattern"]))
    elif out.get("type") == "string" and not {"enum", "const", "format"} & out.keys():
        out["maxLength"] = min(_bound(out.get("maxLength"), MAX_TEXT), MAX_TEXT)
        # A large lower bound does not compile into a grammar; validation checks it.
        out.pop("minLength", None) if _bound(out.get("minLength"), 0) > 1 else None
    if out.get("type") == "array":
        out["maxItems"] = min(_bound(out.get("maxItems"), MAX_ITEMS), MAX_ITEMS)
    return out


def _bound(value: Json, default: int) -> int:
    return value if isinstance(value, int) else default


def _spelled(pattern: str) -> str:
    for escape, spelled in _ESCAPES.items():
        pattern = pattern.replace(escape, spelled)
    return pattern
