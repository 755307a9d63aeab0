"""Answers that stand in the question: template in, template out, no model.

A shape, or a brief on it, flows in; the answer's slots that an expression over the arguments
fills flow out. Invariant: a slot is a copy only when one conversion of one argument gives
its value in every shown example, and not by chance: the values differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from latm.making.shape import Example
from latm.types import Json

Conversion = Callable[[Json], Json]


class Given(Protocol):
    """A shape or a brief: examples and the names of their arguments."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def examples(self) -> tuple[Example, ...]: ...


def _of_text(convert: Callable[[str], Json]) -> Conversion:
    """A conversion of texts; it leaves the rest alone."""
    return lambda value: convert(value) if isinstance(value, str) else None


def _of_texts(joint: str) -> Conversion:
    return lambda value: joint.join(map(str, value)) if isinstance(value, list) else None


_CONVERSIONS: Mapping[str, Conversion] = {
    "{}": lambda value: value,
    "str({})": lambda value: str(value) if isinstance(value, int) else None,
    "int({})": _of_text(int),
    "float({})": _of_text(float),
    "{}.lower()": _of_text(str.lower),
    "{}.upper()": _of_text(str.upper),
    "{}.title()": _of_text(str.title),
    "{}.capitalize()": _of_text(str.capitalize),
    "' '.join({})": _of_texts(" "),
    "', '.join({})": _of_texts(", "),
    "{}.split()": _of_text(lambda text: list[Json](text.split())),
    "{}.split(', ')": _of_text(lambda text: list[Json](text.split(", "))),
    "{}.split('T')[0]": _of_text(lambda text: text.split("T")[0]),
    "{}.split(' ')[0]": _of_text(lambda text: text.split(" ")[0]),
    "{}.split(' ')[-1]": _of_text(lambda text: text.split(" ")[-1]),
    "{}.replace(',', '')": _of_text(lambda text: text.replace(",", "")),
    "{}.replace('-', '')": _of_text(lambda text: text.replace("-", "")),
    "{}.replace(' ', '')": _of_text(lambda text: text.replace(" ", "")),
    "{}.replace(' ', '-')": _of_text(lambda text: text.replace(" ", "-")),
    "{}.replace('_', ' ')": _of_text(lambda text: text.replace("_", " ")),
    "{}.strip('\"')": _of_text(lambda text: text.strip('"')),
}


@dataclass(frozen=True, slots=True)
class Copies:
    """Which of the values wanted are conversions of arguments.

    Attributes:
        found: an expression over the parameters for each slot of the answer that is one.
        missing: numbers of the slots that must be computed.
    """

    found: Mapping[int, str]
    missing: tuple[int, ...]


def copies_of(given: Given, count: int) -> Copies:
    """Find the slots of the answer that need no computing.

    Args:
        count: how many slots the answer has.
    """
    columns = [[_part(e.wanted, n, count) for e in given.examples] for n in range(count)]
    found = {n: e for n, column in enumerate(columns) if (e := _expression(given, column))}
    return Copies(found, tuple(n for n in range(count) if n not in found))


def _part(wanted: Json, number: int, count: int) -> Json:
    return wanted[number] if count > 1 and isinstance(wanted, list) else wanted


def _expression(given: Given, column: list[Json]) -> str | None:
    """The simplest expression that gives the column, or None."""
    if len({repr(value) for value in column}) < 2:
        return None
    rows = [example.arguments for example in given.examples]
    for conversion, convert in _CONVERSIONS.items():
        for place, term in _terms(given):
            if _gives(convert, [place(row) for row in rows], column):
                return conversion.format(term)
    return None


Place = Callable[[tuple[Json, ...]], Json]


def _terms(given: Given) -> Iterator[tuple[Place, str]]:
    """The arguments, then the items of those that are lists of one length."""
    for n, name in enumerate(given.names):
        yield (lambda row, n=n: row[n]), name
    for n, name in enumerate(given.names):
        values = [e.arguments[n] for e in given.examples]
        lengths = {len(v) if isinstance(v, list) else 0 for v in values}
        if len(lengths) == 1:
            for i in range(min(lengths)):
                yield (lambda row, n=n, i=i: row[n][i]), f"{name}[{i}]"  # type: ignore[index]


def _gives(convert: Conversion, values: list[Json], column: list[Json]) -> bool:
    """Whether a conversion of the values is the column, types included."""
    for value, wanted in zip(values, column, strict=True):
        try:
            given = convert(value)
        except ValueError:  # text that is no number
            return False
        if type(given) is not type(wanted) or given != wanted:
            return False
    return True
