"""Seam: groups of texts in; which of them a new text is most like, out.

Groups of texts flow in once, then a text flows in and the nearest groups flow out.
Invariants: the same groups and text give the same likenesses in every process, nothing
leaves the machine, and a likeness is no proof: who asks decides what to do with it.
Adapters: `words` (hashed words and pairs, always there) and `minilm` (a small sentence
model, extra ``semantic``). Any adapter must pass `latm.embedding.conformance`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Near:
    """A group, by its place among those given, and how like it a text is, from 0 to 1."""

    group: int
    likeness: float


@dataclass(frozen=True, slots=True)
class Bar:
    """From where on a nearest group is worth a closer look.

    Attributes:
        likeness: at least so like the nearest group.
        margin: at least so much more than the next one.
    """

    likeness: float
    margin: float


class Neighbours(Protocol):
    """Groups of texts, laid out so that the nearest ones are found."""

    @property
    def bar(self) -> Bar:
        """From where on this embedding's likenesses mean something."""
        ...

    def nearest(self, text: str) -> Sequence[Near]:
        """At most two groups, the nearest first; none where the text is like nothing."""
        ...


Embedding: TypeAlias = Callable[[Sequence[Sequence[str]]], Neighbours]
"""Lays out groups of texts; what ``nearest`` says of a group is its place among them."""
