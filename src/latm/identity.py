"""Content addresses: a tool's version is the hash of what it does and how it was made.

A tool flows in, a version flows out. Invariant: equal content gives an equal version on
every machine, and any change of template, solver, engine, renderer, schema,
demonstrations, provenance or verification gives another one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from latm.types import Tool


def canonical_json(value: Any) -> str:  # noqa: ANN401 - json.dumps decides what is serialisable
    """The one JSON text of a value: sorted keys, no blanks, non-ASCII kept."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(text: str) -> str:
    """SHA-256 of a text, hexadecimal, never truncated (CVE-2026-35030: truncated cache keys)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def version_of(tool: Tool) -> str:
    """The content hash that names this version of a tool."""
    return digest(canonical_json(asdict(tool)))
