"""Gathering: recorded misses are read, grouped, compared for form, and put on record as classes.

The store flows in, and out again with its misses in classes. Invariants: one process at a
time gathers, by a lease; memory is only a copy of what is on record, so a process that is
killed or loses its lease leaves nothing half done, and the next one goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from latm.induction.slots import vague
from latm.making.collector import SAMPLE, Bounds, Collector, Known
from latm.making.form import LEAST, form_of
from latm.store import Store
from latm.store.observed import Born, Grouping, RequestClass

_BATCH = 200
_LEASE_SECONDS = 60.0
_COMPARED = 60
"""Answers that are compared for form."""
_GROWTH = 1.5
_PRUNE_SECONDS = 3600.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Gathering:
    """What one process does to gather.

    Attributes:
        holder: unique name of the process.
        days: how long questions are kept; ``most``: how many different ones of a class.
        now: Unix time, in seconds.
    """

    holder: str
    bounds: Bounds
    days: float
    most: int
    now: Callable[[], float]
    _collector: Collector | None = None
    _last: int = 0
    _compared: dict[str, int] = field(default_factory=dict[str, int])
    _pruned: float = 0.0

    async def turn(self, store: Store) -> bool:
        """Gather once; whether there may be more to do right away.

        Raises:
            StoreError: the store is not to be had; nothing is lost by it.
        """
        try:
            return await self._turn(store)
        except BaseException:
            # What was grouped is not on record.
            self._collector = None
            raise

    async def end(self, store: Store) -> None:
        """Let another process gather."""
        self._collector = None
        await store.observations.release(self.holder)

    async def _turn(self, store: Store) -> bool:
        observations = store.observations
        if self._collector is None or not await observations.hold(self.holder, _LEASE_SECONDS):
            self._collector = None
            if not await observations.take(self.holder, _LEASE_SECONDS):
                return False
            self._collector = await self._loaded(store)
        if self.now() - self._pruned >= _PRUNE_SECONDS:
            self._pruned = self.now()
            before = datetime.fromtimestamp(self.now(), UTC) - timedelta(days=self.days)
            if await observations.prune(before.isoformat(timespec="microseconds")):
                self._collector = None
                return True
        misses = await observations.waiting(self._last, _BATCH)
        if not misses:
            return False
        self._last = misses[-1].number
        # Aligning texts takes a while; requests are answered meanwhile.
        try:
            grouping = await asyncio.to_thread(self._collector.take, misses)
        except Exception:  # noqa: BLE001 - edge of a task: one odd question must not end it
            _log.exception("%d misses are dropped: they cannot be grouped", len(misses))
            grouping = Grouping(gone=tuple(one.number for one in misses))
            await observations.settle(self.holder, grouping, self.most)
            self._collector = None
            return True
        cases = await observations.settle(self.holder, grouping, self.most)
        if cases is None:
            self._collector = None
            return True
        for name, count in cases.items():
            await self._compare(store, self._collector, name, count)
        return True

    async def _loaded(self, store: Store) -> Collector:
        """A collector that knows the classes on record; questions in its pool are read again."""
        self._last = 0
        self._compared = {}
        samples = await store.observations.questions(SAMPLE)
        known = [
            Known(
                Born(one.name, one.context.fingerprint, one.template),
                samples.get(one.name, ()),
                kept=one.state in ("making", "made"),
                loose=_may_be_several(one),
            )
            # Those with the most requests come last: they stay.
            for one in reversed(await store.observations.classes())
        ]
        return await asyncio.to_thread(Collector, self.bounds, known)

    async def _compare(self, store: Store, collector: Collector, name: str, cases: int) -> None:
        """Compare answers for form, each time that there are half as many more."""
        if cases < max(LEAST, _GROWTH * self._compared.get(name, 0)):
            return
        self._compared[name] = cases
        kept = await store.observations.kept(name, _COMPARED)
        pairs = [(one.question, one.answer) for one in kept if not one.disputed]
        form = await asyncio.to_thread(form_of, pairs, len(kept) - len(pairs))
        if form is None:
            return
        await store.observations.set_form(name, form.kind, form.written())
        collector.loosen(name, loose=not form.stable)


def _may_be_several(one: RequestClass) -> bool:
    """Whether a class is perhaps several in one: its answers say so, or that no tool came of it."""
    if one.form_kind == "unstable":
        return True
    return one.state == "refused" and any(map(vague, one.template.slots))
