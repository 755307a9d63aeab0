"""The pool: questions of one fingerprint that belong to no class yet.

Questions flow in, those that are like a question flow out, and the oldest make room.
Invariant: a bounded number of different questions, each with a bounded number of misses.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from latm.making.filing import Postings, ends_of

_MOST_REPEATS = 64
_LIKE = 0.2
_SHARED = 3
"""So many words and pairs have to be the same, and this share of the shorter question's."""
_NEAR = 0.5
"""Less like it than this share of what the nearest one is, a question is of another class."""


@dataclass(slots=True)
class Waiting:
    """A question in the pool.

    Attributes:
        numbers: of its misses.
        fresh: not yet part of a try to find a class.
    """

    question: str
    keys: frozenset[str]
    numbers: list[int]
    fresh: bool = True


@dataclass(slots=True)
class Pool:
    """Questions, the oldest first."""

    most: int
    _items: OrderedDict[str, Waiting] = field(default_factory=OrderedDict[str, Waiting])
    _postings: Postings[str] = field(default_factory=Postings[str])

    def __len__(self) -> int:
        return len(self._items)

    @property
    def touched(self) -> int:
        """Entries that were looked at so far."""
        return self._postings.touched

    def again(self, question: str, number: int) -> int | None:
        """The miss, or nothing, that is not kept of a question that is here already.

        Raises:
            KeyError: it is not.
        """
        numbers = self._items[question].numbers
        if len(numbers) >= _MOST_REPEATS:
            return number
        numbers.append(number)
        return None

    def __contains__(self, question: str) -> bool:
        return question in self._items

    def add(self, question: str, number: int) -> tuple[Waiting, Waiting | None]:
        """Put a new question in; the oldest one comes out when there are too many."""
        item = Waiting(question, ends_of(question), [number])
        self._items[question] = item
        self._postings.add(question, item.keys)
        return item, self.oldest() if len(self._items) > self.most else None

    def oldest(self) -> Waiting:
        """Take the oldest question out."""
        item = next(iter(self._items.values()))
        self.remove(item)
        return item

    def remove(self, item: Waiting) -> None:
        """Take a question out."""
        del self._items[item.question]
        self._postings.remove(item.question, item.keys)

    def like(self, item: Waiting, most: int) -> list[Waiting]:
        """The questions that are most like one of them, itself left out."""
        shared = self._postings.shared(item.keys)
        shared.pop(item.question, None)
        found = [
            (count / min(len(item.keys), len(self._items[question].keys)), question)
            for question, count in shared.items()
            if count >= _SHARED
        ]
        found.sort(key=lambda one: (-one[0], one[1]))
        least = max(_LIKE, _NEAR * found[0][0]) if found else _LIKE
        return [self._items[question] for share, question in found[:most] if share >= least]
