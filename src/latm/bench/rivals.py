"""Other caches on the same stream: the very same request, and one that means nearly the same.

Requests flow in, a `Tally` for each cache flows out. Invariants: a cache sees what a gateway
sees, in the same order, and learns from the same upstream; what it answers is judged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from latm.bench.stream import alone_usd
from latm.bench.traffic import Request
from latm.embedding.minilm import loaded

LIKENESS = 0.8
"""Cosine from which on two texts count as one: what GPTCache calls its threshold."""


class Cache(Protocol):
    """Answers by request."""

    def get(self, request: Request) -> str | None:
        """The answer of an earlier request that counts as the same."""
        ...

    def put(self, request: Request) -> None:
        """Keep what the upstream has answered."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """What a cache did with a stream.

    Attributes:
        wrong: of its answers, on all requests; ``near_misses_wrong``: on those alone.
        usd: what the upstream charged for the rest.
    """

    name: str
    toolable: int
    hits: int
    wrong: int
    near_misses: int
    near_misses_wrong: int
    upstream_calls: int
    usd: Decimal


class ExactCache:
    """The very same messages."""

    def __init__(self) -> None:
        self._kept: dict[tuple[tuple[str, str], ...], str] = {}

    def get(self, request: Request) -> str | None:
        return self._kept.get(request.messages)

    def put(self, request: Request) -> None:
        self._kept[request.messages] = request.said


class SemanticCache:
    """The nearest question by MiniLM, from `LIKENESS` on.

    It looks at the last message alone, as GPTCache does unless it is told otherwise.

    Raises:
        ModelFileError: the extra ``semantic`` is not installed.
    """

    def __init__(self) -> None:
        self._model = loaded()
        self._vectors: list[object] = []
        self._answers: list[str] = []
        self._last: tuple[str, object] = ("", None)

    def get(self, request: Request) -> str | None:
        vector = self._model.vectors([request.question])[0]
        self._last = (request.question, vector)
        best, found = LIKENESS, None
        for known, answer in zip(self._vectors, self._answers, strict=True):
            likeness = float(known @ vector)  # pyright: ignore[reportOperatorIssue] - arrays of an extra
            if likeness >= best:
                best, found = likeness, answer
        return found

    def put(self, request: Request) -> None:
        self._vectors.append(self._last[1])
        self._answers.append(request.said)


CACHES: dict[str, Callable[[], Cache]] = {
    "exact cache": ExactCache,
    "semantic cache (MiniLM, cosine 0.8)": SemanticCache,
}


def tallied(name: str, requests: Sequence[Request]) -> Tally:
    """One cache over a stream."""
    return tally_of(name, requests, CACHES[name]())


def tally_of(name: str, requests: Sequence[Request], cache: Cache) -> Tally:
    """A cache of one's own over a stream."""
    hits = wrong = near_wrong = calls = 0
    usd = Decimal(0)
    for request in requests:
        answer = cache.get(request)
        if answer is None:
            calls += 1
            usd += alone_usd(request)
            cache.put(request)
            continue
        hits += request.kind == "class"
        # To repeat what the upstream says to the very same request is never wrong.
        bad = answer != request.said and not request.is_right(answer)
        wrong += bad
        near_wrong += bad and request.kind == "decoy"
    return Tally(
        name,
        sum(one.kind == "class" for one in requests),
        hits,
        wrong,
        sum(one.kind == "decoy" for one in requests),
        near_wrong,
        calls,
        usd,
    )
