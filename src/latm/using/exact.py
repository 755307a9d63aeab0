"""The exact rung: what the upstream just said to the very same request is said again.

A request's key and the upstream's answer flow in; the same key gives the answer back until
it is too old. Invariants: the key is all that can change the answer, in full and not hashed
together with the question, so no other tenant, model or instruction can meet it; only a
whole answer is kept, and only where no sample was asked for; memory is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from latm.types import Answer, Receipt, Usage
from latm.using.gate import Asked

MOST_BYTES = 32 * 1024 * 1024
"""Of all questions and answers that are kept."""
MOST_EACH = 64 * 1024
"""Of one key with its answer; longer ones are not kept."""
_OVERHEAD = 512
"""Bytes that an entry takes besides its texts, about."""


class Key(NamedTuple):
    """What two requests have in common that one answer serves.

    Attributes:
        fingerprint: of tenant, model, earlier messages and form (`latm.using.gate`).
        steering: what else steers the model, as canonical JSON.
        question: the whole text.
    """

    fingerprint: str
    steering: str
    question: str


def key_of(asked: Asked) -> Key | None:
    """The key of a request; None where an earlier answer will not do."""
    if asked.steering is None:
        return None
    return Key(asked.fingerprint, asked.steering, asked.question)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of the upstream. ``usage`` is what it counted, None when it did not say."""

    text: str
    usage: Usage | None
    at: float
    size: int


class Exact:
    """The answers of the last while, the least recently used given up first.

    Args:
        seconds: how long an answer is repeated; 0 keeps nothing.
        clock: monotonic, in seconds.
        most_bytes: bound of all that is kept.
    """

    def __init__(
        self, seconds: float, clock: Callable[[], float], most_bytes: int = MOST_BYTES
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._most = most_bytes
        self._size = 0
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    @property
    def on(self) -> bool:
        """Whether anything is kept at all."""
        return self._seconds > 0

    def keep(self, asked: Asked, text: str, usage: Usage | None = None) -> None:
        """Keep the upstream's answer, which has to be whole and to have ended by itself."""
        key = key_of(asked) if self.on else None
        if key is None or not text:
            return
        size = sum(len(part.encode("utf-8", "surrogatepass")) for part in (*key, text))
        self._forget(key)
        if size > MOST_EACH:
            return
        size += _OVERHEAD
        self._kept[key] = Kept(text, usage, self._clock(), size)
        self._size += size
        while self._size > self._most:
            self._forget(next(iter(self._kept)))

    def answer(
        self, asked: Asked, price: Callable[[str, Usage | None], Decimal | None] | None = None
    ) -> Answer | None:
        """The answer that was given to the same request, with its receipt; None without one.

        Args:
            price: what the upstream would charge for a text, given the tokens that it
                counted the last time.
        """
        key = key_of(asked) if self.on else None
        kept = self._kept.get(key) if key is not None else None
        if key is None or kept is None:
            return None
        age = self._clock() - kept.at
        if age >= self._seconds:
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        receipt = Receipt(
            rung="exact",
            avoided_usd=price(kept.text, kept.usage) if price else None,
            why=f"exact: the upstream gave this answer to the same request {age:.0f} s ago",
        )
        return Answer(asked.question, kept.text, receipt)

    def clear(self) -> None:
        """Forget all answers."""
        self._kept.clear()
        self._size = 0

    def _forget(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        self._size -= kept.size if kept else 0
