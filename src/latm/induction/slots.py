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
from dataclasses import replace
from typing import Literal

from latm.templates import fits, is_kind, trips
from latm.types import ItemKind, Slot

_SEPARATORS = (" | ", "; ", ", ", "\n", "|", ";", ",", " ")
_NUMBERS: tuple[Literal["integer", "decimal"], ...] = ("integer", "decimal")
_MIN_CLOSED = 10
_MAX_CHOICES = 12
_MAX_WORDS = 4
_ARTICLES = frozenset({"a", "an"})
_TURNS = 4
_UNSEEN = 0.1
"""A set of values counts as closed up to this estimated share of values still unseen."""


def names_of(literals: list[str], gaps: list[list[str]]) -> list[str]:
    """Names from the words around the slots, unique, valid as parameters.

    A number is named by the word that follows it ("1.5-hour": hour), else, like any other
    value, by the last telling word before it.
    """
    names: list[str] = []
    numeric = [all(map(is_number, gap)) for gap in gaps]
    for n in range(len(gaps)):
        before = _telling(literals[n].rsplit("\n", 1)[-1])[-1:]
        after = _telling(re.match(r"[ -]?[A-Za-z]*", literals[n + 1])[0])  # type: ignore[index]
        unit = ["unit"] if n and numeric[n - 1] and not literals[n].strip() else []
        article = ["article"] if set(gaps[n]) <= _ARTICLES else []
        found = [*article, *(after if numeric[n] else ()), *unit, *before, *after, "value"]
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
    """The narrowest slot that all values fit."""
    number = number_slot(name, values)
    if number is not None:
        return number
    if set(values) <= _ARTICLES:
        return Slot(name, "choice", choices=tuple(sorted(_ARTICLES)))
    if _closed(values):
        return Slot(name, "choice", choices=tuple(sorted(set(values))))
    return _open_slot(name, values)


def _open_slot(name: str, values: Sequence[str]) -> Slot:
    """The narrowest slot for texts that are no closed set."""
    values = list(dict.fromkeys(values))
    if all(is_kind("word", v) for v in values):
        return Slot(name, "word")
    lists = (_list_slot(name, values, separator) for separator in _SEPARATORS)
    slot = next((s for s in lists if s is not None), Slot(name, "text"))
    free = slot.item in (None, "word", "text")
    return replace(slot, guarded=free and not any(trips(slot, v) for v in values))


def slots_of(names: Sequence[str], gaps: Sequence[Sequence[str]]) -> list[Slot]:
    """Slots for gaps beside each other.

    Those with much the same values are of one type, where it is not closed: five slots that
    each hold a bird hold "blue jay", whichever of them did so far. Numbers stay apart: an
    amount and a rate are of different types.
    """
    sets = [set[str]() if all(map(is_number, gap)) else set(gap) for gap in gaps]
    slots: list[Slot] = []
    for name, gap, own in zip(names, gaps, sets, strict=True):
        slot = slot_of(name, gap)
        pool = [v for g, other in zip(gaps, sets, strict=True) if _alike(own, other) for v in g]
        if slot.kind in ("word", "list", "text") and len(pool) > len(gap):
            slot = _open_slot(name, pool)
        slots.append(slot)
    return slots


def _alike(one: set[str], two: set[str]) -> bool:
    shared = len(one & two)
    return shared > 0 and shared * 3 >= min(len(one), len(two))


def number_slot(name: str, values: Sequence[str]) -> Slot | None:
    """A slot for numbers: with commas where one has them and none lacks them."""
    for kind in _NUMBERS:
        for grouped in (False, True):
            if all(is_kind(kind, v, grouped=grouped) for v in values):
                places = {len(v.partition(".")[2]) for v in values} if kind == "decimal" else ()
                decimals = next(iter(places)) if len(places) == 1 else None
                return Slot(name, kind, decimals=decimals, grouped=grouped)
    return None


def is_number(text: str) -> bool:
    return is_kind("decimal", text) or is_kind("decimal", text, grouped=True)


def _closed(values: Sequence[str]) -> bool:
    """Whether these values are probably all that there are.

    The values seen once tell how much is still unseen (Good 1953, with one more value as if
    it had been seen once: few values show little). Where all are equally common, one of
    them goes unseen in `_TURNS` turns with a chance of 2 %.
    """
    counts = Counter(values)
    once = sum(n == 1 for n in counts.values())
    if len(values) < _MIN_CLOSED or len(counts) > _MAX_CHOICES:
        return False
    if (once + 1) / (len(values) + 1) > _UNSEEN or len(values) < _TURNS * len(counts):
        return False
    return all(v and v.strip() == v and len(v.split()) <= _MAX_WORDS for v in counts)


def vague(slot: Slot) -> bool:
    """Whether a slot takes texts of several words without telling what is in them."""
    phrase = slot.kind == "list" and slot.item == "word" and slot.separator == " "
    return slot.kind == "text" or phrase


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
