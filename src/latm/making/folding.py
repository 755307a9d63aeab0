"""Repeated structures of a question become lists: n, r, n, r, … is one list of pairs.

A template and the slots that are worth handing over flow in; the solver's parameters flow
out. Invariant: every slot given stands in exactly one parameter, and parameters follow the
order of the question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from latm.types import Parameter, Slot, Template

MIN_REPEATS = 3
"""So many times in a row make a repeated structure."""

_MAX_WIDTH = 3
_FURTHER = 1.5
_KEY_WORDS = 4
_NUMERIC = ("integer", "decimal")
OPTION = re.compile(r"\(?\b([A-Z])[).:]\s*$")
"""The end of the text before one of several options: "(A) ", "B. ", "C: "."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A slot with what it stands between."""

    slot: Slot
    before: str
    after: str

    def repeats(self, other: _Place) -> bool:
        """Whether it stands where the other does, one turn later."""
        same_type = (self.slot.kind, self.slot.item) == (other.slot.kind, other.slot.item)
        shared = (self.before and self.before == other.before) or (
            self.after and self.after == other.after
        )
        return same_type and bool(shared)


def folded(template: Template, slots: Sequence[Slot]) -> tuple[Parameter, ...]:
    """One parameter for each repeated structure of three turns or more, one for each other slot."""
    wanted = {slot.name for slot in slots}
    places = [
        _Place(slot, _last(template.literals[n]), _first(template.literals[n + 1]))
        for n, slot in enumerate(template.slots)
        if slot.name in wanted
    ]
    parameters: list[Parameter] = []
    start = 0
    while start < len(places):
        width, length = _longest(places, start)
        members = tuple(place.slot.name for place in places[start : start + length])
        if width > 1 and all(p.slot.kind in _NUMERIC for p in places[start : start + width]):
            # Numbers of one turn mean different things: a list for each is easier to tell.
            for column in range(width):
                slots_of = members[column::width]
                parameters.append(Parameter(_fresh(_name(slots_of, 1), parameters), slots_of))
        elif length > 1:
            options = OPTION.search(_literal_before(template, members[0])) is not None
            name = _fresh(_name(members, width, options=options), parameters)
            keys = () if options or width > 1 else _keys(template, members)
            name = name.removesuffix("_list") + "_of" if keys else name
            parameters.append(Parameter(name, members, width, keys))
        else:
            parameters.append(Parameter(_fresh(members[0], parameters), members))
        start += length
    return tuple(parameters)


def _longest(places: Sequence[_Place], start: int) -> tuple[int, int]:
    """Width of a turn and number of slots of the longest repeated structure that starts here."""
    best = (1, 1)
    for width in range(1, _MAX_WIDTH + 1):
        end = start + width
        while end < len(places) and places[end - width].repeats(places[end]):
            end += 1
        turns = (end - start) // width
        # A wider turn has to reach much further: what is near looks alike by chance.
        if turns >= MIN_REPEATS and turns * width > _FURTHER * best[1]:
            best = (width, turns * width)
    return best


def _keys(template: Template, members: Sequence[str]) -> tuple[str, ...]:
    """What tells the turns apart: "Alice gets {} and Bob gets {}" has the keys Alice and Bob."""
    words = [re.findall(r"\w+", _literal_before(template, m).rsplit("\n", 1)[-1]) for m in members]
    for n in range(1, _KEY_WORDS + 1):
        column = [row[-n] if len(row) >= n else "" for row in words]
        if len(set(column)) > 1:
            told = len(set(column)) == len(column) and all(w[:1].isupper() for w in column)
            return tuple(column) if told and n > 1 else ()
    return ()


def _name(members: Sequence[str], width: int, *, options: bool = False) -> str:
    if options and width == 1:
        return "options"
    base = re.sub(r"_?\d+$", "", members[width - 1]) or "value"
    return base + {1: "_list", 2: "_pairs"}.get(width, "_rows")


def _fresh(name: str, taken: Sequence[Parameter]) -> str:
    names = {p.name for p in taken}
    number = 2
    fresh = name
    while fresh in names:
        fresh, number = f"{name}{number}", number + 1
    return fresh


def _literal_before(template: Template, slot: str) -> str:
    return template.literals[[s.name for s in template.slots].index(slot)]


def _last(literal: str) -> str:
    """The last word or mark, single letters and numbers masked: "(A) " and "(B) " are alike."""
    if OPTION.search(literal):
        return "(option)"
    return _masked(re.findall(r"\w+|[^\w\s]", literal)[-1:])


def _first(literal: str) -> str:
    return _masked(re.findall(r"\w+", literal)[:1])


def _masked(words: Sequence[str]) -> str:
    word = words[0] if words else ""
    return "" if re.fullmatch(r"[,;.]|[A-Z]|\d+", word) else word
