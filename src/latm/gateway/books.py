"""Books: rows of usage flow in, off the request path; sums of all processes flow out.

Rows wait in memory and go to the store in batches; sums are read back from the store, by
what is new in it. Invariants: `put` neither waits nor fails; an orderly stop loses
nothing, a killed process at most the rows of its last `SECONDS`; memory is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from latm.errors import LatmError, StoreError
from latm.store import Store, UsageGroup, UsageRow, UsageSum
from latm.types import RungName

SECONDS = 1.0
"""Between two looks at the store: how long a row waits, and how old a sum may be."""
_BATCH = 1000
_MOST_WAITING = 100_000
_RETRY_SECONDS = 5.0
_DAY_SECONDS = 86_400

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Books:
    """The usage on record, as one process sees it.

    Attributes:
        location: of the database.
        now: Unix time, in seconds.
        store: open while it can be had.
        sums: of all rows in the store, newest news included.
        lost: rows that could not be kept.
    """

    location: str
    now: Callable[[], float]
    poll_seconds: float = SECONDS
    store: Store | None = None
    sums: dict[UsageGroup, UsageSum] = field(default_factory=dict[UsageGroup, UsageSum])
    lost: int = 0
    _waiting: deque[UsageRow] = field(default_factory=deque[UsageRow])
    _full: asyncio.Event = field(default_factory=asyncio.Event)
    _last: int = 0
    _day: int = -1
    _stored_today: dict[str, UsageSum] = field(default_factory=dict[str, UsageSum])
    _waiting_today: dict[str, UsageSum] = field(default_factory=dict[str, UsageSum])

    @property
    def waiting(self) -> int:
        """Rows that are not in the store yet."""
        return len(self._waiting)

    def put(self, row: UsageRow) -> None:
        """Have a row written soon."""
        if len(self._waiting) >= _MOST_WAITING:
            self.lost += 1
            return
        self._waiting.append(row)
        if len(self._waiting) >= _BATCH:
            self._full.set()
        if row.tenant:
            self._turn_day()
            self._count_waiting(row)

    def today(self, tenant: str) -> UsageSum:
        """What a tenant's requests to the upstream came to since midnight UTC."""
        self._turn_day()
        nothing = UsageSum()
        return self._stored_today.get(tenant, nothing) + self._waiting_today.get(tenant, nothing)

    async def run(self, stop: asyncio.Event) -> None:
        """Write and read until told to stop; what cannot be opened is tried again."""
        while not stop.is_set():
            try:
                async with await Store.open(self.location) as store:
                    self.store = store
                    await self._keep(store, stop)
            except (LatmError, OSError) as error:
                _log.warning("usage is not written, %d rows wait: %s", self.waiting, error)
                await _waited(stop, _RETRY_SECONDS)
            finally:
                self.store = None
        if self._waiting:
            _log.error("%d rows of usage are lost: the store could not be written", self.waiting)

    async def _keep(self, store: Store, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        try:
            while True:
                last = stop.is_set()
                await self.turn(store)
                if last:
                    return
                self._full.clear()
                full = asyncio.create_task(self._full.wait())
                await asyncio.wait(
                    (stopping, full),
                    timeout=self.poll_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                full.cancel()
        finally:
            stopping.cancel()

    async def turn(self, store: Store) -> None:
        """Write what waits, and read what is new.

        Raises:
            StoreError: the store cannot be written or read; nothing is lost by it.
        """
        while self._waiting:
            batch = list(islice(self._waiting, _BATCH))
            try:
                await store.usage.append(batch)
            except StoreError:
                raise
            except LatmError as error:
                self.lost += len(batch)
                _log.error("%d rows of usage are lost: %s", len(batch), error)
            for _ in batch:
                self._waiting.popleft()
        await self._read(store)

    async def _read(self, store: Store) -> None:
        self._turn_day()
        day = self._day
        since = datetime.fromtimestamp(day * _DAY_SECONDS, UTC).date().isoformat()
        news = await store.usage.news(self._last, since=since)
        self._last = news.last
        for group, summed in news.sums.items():
            self.sums[group] = self.sums.get(group, UsageSum()) + summed
        self._turn_day()
        if self._day == day:
            for group, summed in news.since.items():
                _add(self._stored_today, group.tenant, group.rung, summed)
        # What was written is in the sums now; only what has come in meanwhile is not.
        self._waiting_today = {}
        for row in self._waiting:
            self._count_waiting(row)

    def _turn_day(self) -> None:
        day = int(self.now() // _DAY_SECONDS)
        if day != self._day:
            self._day = day
            self._stored_today, self._waiting_today = {}, {}

    def _count_waiting(self, row: UsageRow) -> None:
        _add(self._waiting_today, row.tenant, row.rung, UsageSum.of(row))


def _add(
    days: dict[str, UsageSum], tenant: str | None, rung: RungName | None, summed: UsageSum
) -> None:
    """Only what tenants asked of the upstream is under a budget."""
    if tenant and rung == "upstream":
        days[tenant] = days.get(tenant, UsageSum()) + summed


async def _waited(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
