"""Read a corpus of tools, and say whether what came of one was held.

Files flow in; `Payload` and `Ordinary` values flow out. Invariant: judged by what was seen
from outside the sandbox, never by what a tool says of itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OWN = HERE.parent / "corpus"
SHARED = HERE.parents[2] / "shared" / "sandbox"


@dataclass(frozen=True, slots=True)
class Payload:
    """A hostile tool. ``headers`` as its comment lines name them."""

    name: str
    source: str
    headers: dict[str, str]

    @property
    def calls(self) -> int:
        return int(self.headers.get("calls", "1"))

    @property
    def kind(self) -> str:
        return self.headers.get("kind", "")

    def pairs(self, header: str) -> list[list[Any]]:
        return json.loads(self.headers.get(header, "[]"))


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A tool and what it must answer."""

    name: str
    source: str
    pairs: list[list[Any]]


def payloads(folder: Path) -> list[Payload]:
    return [_payload(path) for path in sorted(folder.glob("*.py"))]


def _payload(path: Path) -> Payload:
    source = path.read_text("utf-8")
    found = re.findall(r"^# ([\w ]+): (.*)$", source, re.MULTILINE)
    return Payload(path.stem, source, {name.lower(): value.strip() for name, value in found})


def ordinary(folder: Path) -> list[Ordinary]:
    return [
        Ordinary(path.stem, path.read_text("utf-8"), _pairs(path.with_suffix(".json")))
        for path in sorted(folder.glob("*.py"))
    ]


def _pairs(path: Path) -> list[list[Any]]:
    return json.loads(path.read_text("utf-8"))


def exactly_equal(left: object, right: object) -> bool:
    """Equal with exact types: True is not 1."""
    return repr(left) == repr(right) and left == right
