"""The dispatcher: which class of tools serves this question, out of all that serve.

Tools flow in once; then a question flows in and a `Hit` or a `Miss` flows out (bypass is
the gate's word). Invariants: pure; the route is the one that a loop over all matchers
gives; two classes that both match are a miss; the cost follows the question's length, not
the number of tools.

A template can only match a text that holds its fixed words. Each template is filed under
its rarest fixed word or pair of words, so a question looks up its own words and pairs and
asks only the templates filed there.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

from latm.errors import UnknownNameError
from latm.execution import matcher_of
from latm.identity import version_of
from latm.templates import Matcher
from latm.types import Template, Tool

_WORD = re.compile(r"\w+")


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


class Dispatcher:
    """An immutable index over the serving tools; a change of tools makes a new one."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        served = sorted(map(Served, tools), key=lambda s: (s.tool.name, s.tool.shape))
        classes: defaultdict[str, list[Served]] = defaultdict(list)
        for one in served:
            classes[one.tool.name].append(one)
        self._classes = {name: tuple(members) for name, members in classes.items()}
        self._index = _index(served)

    @property
    def classes(self) -> Mapping[str, tuple[Served, ...]]:
        """The serving tools of each class, by shape."""
        return MappingProxyType(self._classes)

    def route(self, question: str) -> Hit | Miss:
        """The class whose template matches, if there is exactly one."""
        found = matching(self._candidates(question), question)
        names = sorted({s.tool.name for s in found})
        if not names:
            return Miss("no template matches")
        if len(names) > 1:
            return Miss(f"ambiguous: the templates of {', '.join(names)} match")
        return Hit(names[0], tuple(sorted(found, key=lambda s: s.tool.shape)))

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

    def _candidates(self, question: str) -> Iterator[Served]:
        text = question.strip()
        for key in {"", *_keys(_WORD.findall(text))}:
            for head, tail, served in self._index.get(key, ()):
                if text.startswith(head) and text.endswith(tail):
                    yield served


def matching(tools: Iterable[Served], question: str) -> tuple[Served, ...]:
    """Those tools whose template matches the question, in their order."""
    return tuple(
        s for s in tools if s.matcher is not None and s.matcher.texts(question) is not None
    )


def _index(served: Iterable[Served]) -> dict[str, list[tuple[str, str, Served]]]:
    """Templates by their rarest key; those without one are filed under ''."""
    keyed = [(s, t, fixed(t)) for s in served if (t := s.tool.template) is not None]
    frequency = Counter(key for _, _, keys in keyed for key in keys)
    index: defaultdict[str, list[tuple[str, str, Served]]] = defaultdict(list)
    for one, template, keys in keyed:
        key = min(keys, key=lambda k: (frequency[k], -len(k), k), default="")
        index[key].append((template.literals[0], template.literals[-1], one))
    return dict(index)


def fixed(template: Template) -> set[str]:
    """Words, and pairs of neighbours, that every text of the template holds.

    A word at the edge of a slot may be glued to the slot's text, so it does not count.
    """
    keys: set[str] = set()
    last = len(template.literals) - 1
    for n, literal in enumerate(template.literals):
        keys |= _keys(
            [
                found[0]
                for found in _WORD.finditer(literal)
                if (found.start() > 0 or n == 0) and (found.end() < len(literal) or n == last)
            ]
        )
    return keys


def _keys(words: Sequence[str]) -> set[str]:
    return {*words, *map(" ".join, pairwise(words))}
