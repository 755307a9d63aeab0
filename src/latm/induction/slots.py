"""Slots: names and types of what differs between texts.

The texts that stand in a gap flow in; a `Slot` of the narrowest type that fits all of them
flows out. Invariant: every value given fits the slot.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Sequence

from latm.templates import fits, is_kind
from latm.types import ItemKind, Slot

_SEPARATORS = (" | ", "; ", ", ", "\n", "|", ";", ",", " ")
_MAX_CHOICES = 4


def names_of(literals: list[str], gaps: list[list[str]]) -> list[str]:
    """Names from the words around the slots, unique, valid as parameters.

    A number is named by the word that follows it ("1.5-hour": hour), else, like any other
    value, by the last telling word before it.
    """
    names: list[str] = []
    numeric = [all(is_kind("decimal", v) for v in gap) for gap in gaps]
    for n in range(len(gaps)):
        before = _telling(literals[n].rsplit("\n", 1)[-1])[-1:]
        after = _telling(re.match(r"[ -]?[A-Za-z]*", literals[n + 1])[0])  # type: ignore[index]
        unit = ["unit"] if n and numeric[n - 1] and not literals[n].strip() else []
        found = [*(after if numeric[n] else ()), *unit, *before, *after, "value"]
        word = found[0].lower()
        names.append(f"{word}_" if word in _RESERVED else word)
    totals, seen = Counter(names), Counter[str]()
    for n, name in enumerate(names):
        if totals[name] > 1:
            seen[name] += 1
            names[n] = f"{name}{seen[name]}"
    return names


def _telling(text: str) -> list[str]:
    return [w for w in re.findall(r"[A-Za-z]{3,}", text) if w.lower() not in _STOP_WORDS]


_STOP_WORDS = frozenset(
    ["the", "and", "for", "with", "from", "into", "than", "that", "this", "are", "was", "were",
     "has", "have", "had", "how", "what", "which", "who", "there", "then", "them", "they", "each"]
)  # fmt: skip
_RESERVED = frozenset(k.lower() for k in keyword.kwlist) | frozenset(dir(builtins)) | {"solve"}
"""Names that would hide what a short solver needs."""


def slot_of(name: str, values: Sequence[str]) -> Slot:
    """The narrowest slot that all observed values fit."""
    if all(is_kind("integer", v) for v in values):
        return Slot(name, "integer")
    if all(is_kind("decimal", v) for v in values):
        places = {len(v.partition(".")[2]) for v in values}
        return Slot(name, "decimal", decimals=places.pop() if len(places) == 1 else None)
    counts = Counter(values)
    closed = len(counts) <= _MAX_CHOICES and len(values) >= 5 * len(counts)
    if closed and min(counts.values()) > 1 and all(v.strip() == v for v in counts):
        return Slot(name, "choice", choices=tuple(sorted(counts)))
    if all(is_kind("word", v) for v in values):
        return Slot(name, "word")
    for separator in _SEPARATORS:
        slot = _list_slot(name, values, separator)
        if slot is not None:
            return slot
    return Slot(name, "text")


def _list_slot(name: str, values: Sequence[str], separator: str) -> Slot | None:
    parts = [v.split(separator) for v in values]
    items = [p for ps in parts for p in ps]
    if max(map(len, parts)) < 2 or not all(items):
        return None
    kinds: tuple[ItemKind, ...] = ("integer", "decimal", "word")
    if separator.strip() and len({_signature(p) for p in items}) == 1:
        kinds = (*kinds, "text")
    for kind in kinds:
        slot = Slot(name, "list", item=kind, separator=separator)
        if all(fits(slot, v) for v in values):
            return slot
    return None


def _signature(text: str) -> str:
    """The shape of a text: numbers and words masked."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", text))
