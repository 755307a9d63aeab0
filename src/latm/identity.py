"""Content addresses: a tool's version is the hash of what it does and how it was made.

A tool flows in, a version flows out. Invariant: equal content gives an equal version on
every machine, and any change of template, solver, engine, renderer, schema,
demonstrations, provenance or verification gives another one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from latm.types import Tool


def canonical_json(value: Any) -> str:  # noqa: ANN401 - json.dumps decides what is serialisable
    """The one JSON text of a value: sorted keys, no blanks, non-ASCII kept."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(text: str) -> str:
    """SHA-256 of a text, hexadecimal, never truncated (CVE-2026-35030: truncated cache keys)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any) -> Any:  # noqa: ANN401 - any of our values
    """A value as JSON data, less the fields that are at their defaults.

    So a field that a later latm adds does not rename what was stored before it.
    """
    if is_dataclass(value):
        stated = ((f, getattr(value, f.name)) for f in fields(value))
        return {f.name: plain(v) for f, v in stated if v != _default(f)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _default(of: Field[Any]) -> Any:  # noqa: ANN401 - any default
    return of.default if of.default_factory is MISSING else of.default_factory()


def content_of(tool: Tool) -> str:
    """The text that a tool is stored as."""
    return canonical_json(plain(tool))


def version_of(tool: Tool) -> str:
    """The content hash that names this version of a tool."""
    return digest(content_of(tool))
