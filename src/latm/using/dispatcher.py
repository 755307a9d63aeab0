"""The dispatcher: which class of tools serves this question, out of all that serve.

Tools flow in once; then a question flows in and a `Hit` or a `Miss` flows out (bypass is
the gate's word). Invariants: pure; the route is the one that a loop over all matchers
gives; two classes that both match are a miss; the cost follows the question's length, not
the number of tools.

A template can only match a text that holds its fixed words and its ends. Each template is
filed under the rarest of its words, pairs of words and ends; where many share it, those are
filed by the rarest of their other ones, and so on. A question looks up its own words, pairs
and ends, and asks only the templates that they lead to. Equal templates are asked once.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from sys import intern
from types import MappingProxyType

from latm.errors import UnknownNameError
from latm.execution import matcher_of
from latm.identity import version_of
from latm.templates import Matcher
from latm.types import Template, Tool

_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\w")
_FEW = 4
"""So many templates are asked one after another rather than parted further."""
_DEEPEST = 64
_END = 8
"""Characters at either end of a text by which templates are filed."""


@dataclass(frozen=True)
class Served:
    """A tool that serves, with what is computed from it once."""

    tool: Tool

    @cached_property
    def version(self) -> str:
        return version_of(self.tool)

    @cached_property
    def matcher(self) -> Matcher | None:
        return matcher_of(self.tool.template) if self.tool.template else None


@dataclass(frozen=True, slots=True)
class Hit:
    """One class serves the question; ``tools`` are its matching tools by shape."""

    name: str
    tools: tuple[Served, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """No class serves the question, or more than one would. ``reason`` is one line."""

    reason: str
    ambiguous: bool = False


class Dispatcher:
    """An immutable index over the serving tools; a change of tools makes a new one."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        served = sorted(map(Served, tools), key=lambda s: (s.tool.name, s.tool.shape))
        classes: defaultdict[str, list[Served]] = defaultdict(list)
        for one in served:
            classes[one.tool.name].append(one)
        self._classes = {name: tuple(members) for name, members in classes.items()}
        self.served = tuple(served)
        self._index = _parted(_entries(served), frozenset())

    @property
    def classes(self) -> Mapping[str, tuple[Served, ...]]:
        """The serving tools of each class, by shape."""
        return MappingProxyType(self._classes)

    def route(self, question: str) -> Hit | Miss:
        """The class whose template matches, if there is exactly one."""
        found: list[_Entry] = []
        names: set[str] = set()
        for entry in self._candidates(question):
            if _matches(entry.served[0], question):
                found.append(entry)
                names.update(entry.names)
            if len(names) > 1:
                both = ", ".join(sorted(names)[:_FEW])
                return Miss(f"ambiguous: the templates of {both} match", ambiguous=True)
        if not found:
            return Miss("no template matches")
        tools = sorted((one for e in found for one in e.served), key=lambda one: one.tool.shape)
        return Hit(tools[0].tool.name, tuple(tools))

    def within(self, name: str, question: str) -> Hit:
        """The tools of a class that the caller names: those that match, else all of them.

        Raises:
            UnknownNameError: no tool of that class serves.
        """
        if name not in self._classes:
            raise UnknownNameError(f"no tool named {name!r} serves; 'latm tools list' shows all")
        members = self._classes[name]
        fitting = matching(members, question) if len(members) > 1 else ()
        return Hit(name, fitting or members)

    def _candidates(self, question: str) -> list[_Entry]:
        """The templates whose fixed text stands in the question."""
        text = question.strip()
        keys = _keys(_TOKEN.findall(text)) | _ends(text)
        found = [e for e in _reached(self._index, keys) if _holds(text, e.template.literals)]
        return sorted(found, key=lambda entry: entry.number)


def matching(tools: Iterable[Served], question: str) -> tuple[Served, ...]:
    """Those tools whose template matches the question, in their order."""
    return tuple(one for one in tools if _matches(one, question))


def _matches(one: Served, question: str) -> bool:
    return one.matcher is not None and one.matcher.texts(question) is not None


# --- the index -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """A template on file, with the tools that have it.

    Attributes:
        number: orders the entries.
        names: of their classes, a few at most.
        keys: what every text of the template holds.
    """

    number: int
    template: Template
    served: Sequence[Served]
    names: Sequence[str]
    keys: frozenset[str]


def _entries(served: Iterable[Served]) -> list[_Entry]:
    """One for each template: equal ones match together, so one of them is asked."""
    by_template: defaultdict[Template, list[Served]] = defaultdict(list)
    for one in served:
        if one.tool.template is not None:
            by_template[one.tool.template].append(one)
    return [
        _Entry(
            n,
            template,
            tuple(alike),
            sorted({one.tool.name for one in alike})[:_FEW],
            frozenset(map(intern, fixed(template) | _fixed_ends(template))),
        )
        for n, (template, alike) in enumerate(by_template.items())
    ]


@dataclass(frozen=True, slots=True)
class _Node:
    """Templates that hold all keys on the way here: some to ask, others by one more key."""

    asked: Sequence[_Entry]
    branches: Mapping[str, _Node] = field(default_factory=dict[str, "_Node"])


def _parted(entries: Sequence[_Entry], used: frozenset[str]) -> _Node:
    """The templates by their rarest key, as far as keys tell them apart."""
    if len(entries) <= _FEW and used:
        return _Node(entries)
    counts = Counter(key for entry in entries for key in entry.keys if key not in used)
    asked: list[_Entry] = []
    groups: defaultdict[str, list[_Entry]] = defaultdict(list)
    for entry in entries:
        left = entry.keys - used
        key = min(left, key=lambda k: (counts[k], -len(k), k), default=None)
        if key is None or len(used) == _DEEPEST:
            asked.append(entry)
        else:
            groups[key].append(entry)
    return _Node(
        asked,
        {
            key: _Node(group) if _alike(group) else _parted(group, used | {key})
            for key, group in groups.items()
        },
    )


def _alike(entries: Sequence[_Entry]) -> bool:
    """Whether no further key tells them apart."""
    return all(entry.keys == entries[0].keys for entry in entries)


def _reached(node: _Node, keys: Set[str]) -> Iterator[_Entry]:
    yield from node.asked
    for key in node.branches.keys() & keys:
        yield from _reached(node.branches[key], keys)


def _holds(text: str, literals: Sequence[str]) -> bool:
    """Whether the fixed texts stand in the text, in their order: the ends at its ends."""
    if not (text.startswith(literals[0]) and text.endswith(literals[-1])):
        return False
    place = len(literals[0])
    for literal in literals[1:-1]:
        place = text.find(literal, place)
        if place < 0:
            return False
        place += len(literal)
    return True


def fixed(template: Template) -> set[str]:
    """Words, marks, and pairs of neighbours, that every text of the template holds.

    A word at the edge of a slot may be glued to the slot's text, so it does not count.
    """
    keys: set[str] = set()
    last = len(template.literals) - 1
    for n, literal in enumerate(template.literals):
        keys |= _keys(
            [
                found[0]
                for found in _TOKEN.finditer(literal)
                if not _glued(found, at_start=n > 0, at_end=n < last)
            ]
        )
    return keys


def _glued(found: re.Match[str], *, at_start: bool, at_end: bool) -> bool:
    """Whether a word may go on in the slot beside it; a mark is one character and ends there."""
    edge = (at_start and found.start() == 0) or (at_end and found.end() == len(found.string))
    return edge and _WORD.match(found[0]) is not None


def _keys(words: Sequence[str]) -> set[str]:
    return {*words, *map(" ".join, pairwise(words))}


def _ends(text: str) -> set[str]:
    """How a text begins and ends, at each length."""
    lengths = range(1, _END + 1)
    return {f"^{text[:n]}" for n in lengths} | {f"${text[-n:]}" for n in lengths}


def _fixed_ends(template: Template) -> set[str]:
    """How every text of the template begins and ends."""
    head, tail = template.literals[0], template.literals[-1]
    ends = {f"^{head[:_END]}" if head else "", f"${tail[-_END:]}" if tail else ""}
    return ends - {""}
