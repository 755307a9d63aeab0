"""Filing: where to look for what may be like a question, without looking at everything.

Questions and templates flow in, the few entries that share a word or a pair of words with a
question flow out. Invariant: a look-up touches at most `MOST_TOUCHED` entries for each of
the question's keys, however many are filed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar

from latm.induction import tokens
from latm.types import Template

MOST_TOUCHED = 16
_END = 32
"""Words at either end of a question by which it is told whether others are like it."""

_BEFORE = re.compile(r"^\S+")
_BEHIND = re.compile(r"\S+$")

Entry = TypeVar("Entry", bound="int | str")


def keys_of(question: str) -> frozenset[str]:
    """The words and pairs of words that a question can be found by."""
    return _keys(_words(question))


def ends_of(question: str) -> frozenset[str]:
    """`keys_of` the ends of a question, where its fixed text stands as a rule."""
    words = _words(question)
    if len(words) <= 2 * _END:
        return _keys(words)
    return _keys(words[:_END]) | _keys(words[-_END:])


def keys_of_template(template: Template) -> frozenset[str]:
    """Keys that every question of the template has."""
    keys: set[str] = set()
    last = len(template.literals) - 1
    for n, literal in enumerate(template.literals):
        # What a slot touches may be part of a word: "un{word}", "{n}th", "{name}'s".
        whole = _BEFORE.sub("", literal) if n > 0 else literal
        words = _words(_BEHIND.sub("", whole) if n < last else whole)
        keys |= {word for word in words if word.isalpha()}
        keys |= {f"{a} {b}" for a, b in pairwise(words) if a.isalpha() and b.isalpha()}
    return frozenset(keys)


def _words(text: str) -> list[str]:
    """Words in small letters, numbers as 0, and marks."""
    found = (token for token in tokens(text) if not token.isspace())
    return ["0" if token[0].isdigit() else token.casefold() for token in found]


def _keys(words: list[str]) -> frozenset[str]:
    return frozenset((*words, *(f"{a} {b}" for a, b in pairwise(words))))


@dataclass(slots=True)
class Postings(Generic[Entry]):
    """Entries under each of their keys; a key knows the newest ones only.

    Attributes:
        touched: entries that were looked at so far.
    """

    touched: int = 0
    _by_key: dict[str, dict[Entry, None]] = field(default_factory=dict[str, "dict[Entry, None]"])

    def add(self, entry: Entry, keys: Iterable[str]) -> None:
        """File an entry."""
        for key in keys:
            under = self._by_key.setdefault(key, {})
            under[entry] = None
            if len(under) > MOST_TOUCHED:
                del under[next(iter(under))]

    def remove(self, entry: Entry, keys: Iterable[str]) -> None:
        """Take an entry out again; ``keys`` as it was filed."""
        for key in keys:
            under = self._by_key.get(key)
            if under is None:
                continue
            under.pop(entry, None)
            if not under:
                del self._by_key[key]

    def shared(self, keys: Iterable[str]) -> dict[Entry, int]:
        """How many of the keys each entry shares, of those that know it."""
        counts: defaultdict[Entry, int] = defaultdict(int)
        for key in keys:
            for entry in self._by_key.get(key, ()):
                self.touched += 1
                counts[entry] += 1
        return dict(counts)

    def __len__(self) -> int:
        return sum(map(len, self._by_key.values()))


@dataclass(slots=True)
class Files:
    """Names, each under one key of its own: the one with the fewest others.

    Attributes:
        touched: names that were looked at so far.
    """

    touched: int = 0
    _by_key: dict[str, list[str]] = field(default_factory=dict[str, "list[str]"])
    _key_of: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, name: str, keys: Iterable[str]) -> str | None:
        """File a name; the oldest one under its key has to make room when there are too many.

        Returns:
            The name that made room, if one did.
        """
        # A template without a whole word of fixed text is looked at for every question.
        key = min(keys, key=lambda k: (len(self._by_key.get(k, ())), -len(k), k), default="")
        under = self._by_key.setdefault(key, [])
        under.append(name)
        self._key_of[name] = key
        if len(under) <= MOST_TOUCHED:
            return None
        oldest = under[0]
        self.remove(oldest)
        return oldest

    def remove(self, name: str) -> None:
        """Take a name out again."""
        key = self._key_of.pop(name, None)
        if key is None:
            return
        under = self._by_key[key]
        under.remove(name)
        if not under:
            del self._by_key[key]

    def under(self, keys: Iterable[str]) -> Iterator[str]:
        """The names that are filed under one of the keys."""
        for key in ("", *keys):
            for name in tuple(self._by_key.get(key, ())):
                self.touched += 1
                yield name

    def __len__(self) -> int:
        return len(self._key_of)
