"""The watch: what the monitor has to know of the toolbox for each request, kept for a while.

Revisions of the toolbox and records of versions flow in from the store; the shadow tools
that a question concerns, and what is known of a version, flow out. Invariants: a shadow
tool is asked only what it would be asked when live: requests of its own fingerprint that
the index sends to it. What is kept here decides what is looked at, never a state.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from latm.monitor.rules import audits, known_wrong
from latm.store import Store, StoredTool

Route = Callable[[str], Sequence[StoredTool]]
"""The tools that a question goes to; none when it is a miss."""
Index = Callable[[Sequence[StoredTool]], Route]
"""Makes the route over tools of one fingerprint."""

POLL_SECONDS = 1.0
STALE_SECONDS = 30.0
"""After so long what other processes have put on record is looked up again."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a version.

    Attributes:
        wrong: digests of questions that it was found wrong on, at any time.
        wrong_live: those of them since it went live.
        audits: since it went live or was last wrong.
    """

    item: StoredTool
    wrong: frozenset[str]
    wrong_live: frozenset[str]
    audits: int


@dataclass(slots=True)
class Watch:
    """A view of the toolbox; ``clock`` is monotonic, in seconds."""

    store: Store
    index: Index
    clock: Callable[[], float]
    _revision: int = -1
    _polled: float | None = None
    _routes: Mapping[str, Route] = field(default_factory=dict[str, Route])
    _known: dict[str, tuple[float, Known]] = field(default_factory=dict[str, tuple[float, Known]])

    async def shadows(
        self, question: str, fingerprint: str, *, bare: bool
    ) -> tuple[StoredTool, ...]:
        """The shadow tools that would be asked this question, if they were live."""
        await self._refresh()
        route = self._routes.get(fingerprint) or (self._routes.get("") if bare else None)
        if route is None:
            return ()
        return tuple(item for item in route(question) if item.state == "shadow")

    async def known(self, version: str) -> Known:
        """What is known of a version.

        Raises:
            UnknownNameError: no such version.
        """
        await self._refresh()
        at, known = self._known.get(version, (0.0, None))
        if known is not None and self.clock() - at < STALE_SECONDS:
            return known
        standing = await self.store.standing(version)
        wrong = frozenset(one.case_digest for one in standing.compared if one.outcome == "wrong")
        known = Known(standing.item, wrong, known_wrong(standing), audits(standing))
        self._known[version] = (self.clock(), known)
        return known

    def audited(self, version: str) -> None:
        """One more audit did not find the version wrong."""
        if version in self._known:
            at, known = self._known[version]
            self._known[version] = (at, replace(known, audits=known.audits + 1))

    def forget(self, version: str) -> None:
        """Look a version up again: something that matters is on record."""
        self._known.pop(version, None)

    async def _refresh(self) -> None:
        """Take up the tools of the store, when they have changed."""
        now = self.clock()
        if self._polled is not None and now - self._polled < POLL_SECONDS:
            return
        self._polled = now
        revision = await self.store.toolbox.revision()
        if revision == self._revision:
            return
        found = await self.store.toolbox.by_state("live", "shadow")
        groups: defaultdict[str, list[StoredTool]] = defaultdict(list)
        for item in _newest(found):
            groups[item.tool.fingerprint].append(item)
        self._routes = await asyncio.to_thread(
            lambda: {fingerprint: self.index(items) for fingerprint, items in groups.items()}
        )
        self._revision = revision
        self._known.clear()


def _newest(found: Iterable[StoredTool]) -> tuple[StoredTool, ...]:
    """Of each class and shape the newest live tool, and the shadow tool that is newer still."""
    live: dict[tuple[str, int], StoredTool] = {}
    shadow: dict[tuple[str, int], StoredTool] = {}
    for item in found:
        shape = (item.tool.name, item.tool.shape)
        if item.state == "live":
            live[shape] = item
            shadow.pop(shape, None)
        else:
            shadow[shape] = item
    return (*live.values(), *shadow.values())
