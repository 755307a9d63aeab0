"""Sets of tools to dispatch over: a kind and a count flow in, templates and questions flow out.

Invariants: the same kind and count give the same set on every machine; each question fits
the template beside it and, but for the kind ``same``, no other one of its set.

``varied`` is what tools are like: words of their own. The other kinds are made to be hard:
their templates have the same beginning, the same words in pairs or in another order, the
same words with other marks, or no word that stands alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from math import isqrt

from latm.types import Demonstration as Shown
from latm.types import Parameter, Provenance, Slot, Solver, Template, Tool, Verification

_TEXT = Slot("text", "text")
_NUMBER = Slot("number", "integer")
_AMOUNT = Slot("amount", "decimal")
_WORD = Slot("word", "word")
_COMMON = (
    "the of and a to in is that for it as with on by this be at from or an are which one have"
).split()
_SYLLABLES = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
_MARKS = ".,;:!?()[]"


@dataclass(frozen=True, slots=True)
class Item:
    """One tool's template and a question for it; None: the tool has no template."""

    template: Template | None
    question: str


Make = Callable[[int, int], Item]
"""The item of a number, in a set of a count."""


def pseudo_word(number: int) -> str:
    """A word that no other number has."""
    word = ""
    while True:
        number, rest = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[rest]
        if not number:
            return word + "x"


def _varied(number: int, count: int) -> Item:
    dice = random.Random(f"varied {number}")
    own = [pseudo_word(dice.randrange(4000)) for _ in range(4)]
    common = dice.sample(_COMMON, 3)
    first = " ".join([own[0], common[0], own[1], pseudo_word(4000 + number)])
    second = " ".join([common[1], own[2], common[2], own[3]])
    return _item((f"{first} ", f" {second} ", ""), (_NUMBER, _TEXT), ("17", "some text of a user"))


def _numbered(number: int, count: int) -> Item:
    start = f"Please fill in form number {number} of the yearly tax report for "
    return _item((start, " with ", " dollars."), (_TEXT, _AMOUNT), ("Ann Lee", "12.5"))


def _pairs(number: int, count: int) -> Item:
    one, two = map(pseudo_word, divmod(number, max(2, isqrt(count))))
    return _item(("Convert ", f" from {one} into {two}"), (_NUMBER,), ("12",))


def _orders(number: int, count: int) -> Item:
    dice = random.Random(f"orders {number}")
    words = dice.sample(_COMMON, 8)
    first, second = " ".join(words[:4]), " ".join(words[4:])
    return _item((f"{first} ", f" {second} ", "?"), (_NUMBER, _TEXT), ("17", "text of a user"))


def _marks(number: int, count: int) -> Item:
    marks = "".join(_MARKS[int(digit)] for digit in f"{number:05}")
    return _item(("Total of ", f"{marks} apples"), (_NUMBER,), ("12",))


def _glued(number: int, count: int) -> Item:
    return _item(("", pseudo_word(number)), (_NUMBER,), ("12",))


def _same(number: int, count: int) -> Item:
    return _item(("", ""), (_TEXT,), ("some text of a user",))


def _without(number: int, count: int) -> Item:
    item = _varied(number, count)
    return Item(None, item.question)


def _item(literals: tuple[str, ...], slots: tuple[Slot, ...], values: tuple[str, ...]) -> Item:
    parts = [literals[0]]
    for value, literal in zip(values, literals[1:], strict=True):
        parts += [value, literal]
    return Item(Template(literals, slots), "".join(parts))


KINDS: Mapping[str, tuple[str, Make]] = {
    "varied": ("words of their own", _varied),
    "numbered": ("one long beginning, a number each", _numbered),
    "pairs": ("two words of a hundred each", _pairs),
    "orders": ("the commonest words, in another order", _orders),
    "marks": ("the same words, other marks", _marks),
    "glued": ("no word that stands alone", _glued),
    "same": ("one template for all: ambiguous", _same),
    "without": ("no template: nearest by likeness", _without),
}


def item(kind: str, number: int, count: int) -> Item:
    """An item of a set; one whose number is not below the count is like the set, not in it."""
    return KINDS[kind][1](number, count)


def tool_of(number: int, item: Item) -> Tool:
    """A tool around a template; its solver is never run here."""
    slots = item.template.slots if item.template else (_WORD,)
    parameters = tuple(Parameter(slot.name, (slot.name,)) for slot in slots)
    names = ", ".join(slot.name for slot in slots)
    source = f"def solve({names}):\n    return {slots[0].name}\n"
    return Tool(
        name=f"tool-{number:05}",
        shape=0,
        template=item.template,
        solver=Solver(source, "solve", parameters, "monty", "bench"),
        answer=Template(("", ""), (_TEXT,)),
        schema="{}",
        demonstrations=(Shown(item.question, "-"),),
        provenance=Provenance("made", "bench", "given", ""),
        verification=Verification(0, 0, 0, 0),
    )
