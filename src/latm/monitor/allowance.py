"""The allowance: what shadow runs and audits may spend on the reference model in a day.

Replies of the reference flow in, rows of usage flow out. Invariants: each paid call is on
record once, before anything is concluded from it; a day's calls, those of all processes
and of earlier starts included, stay within the allowance, but for calls under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from latm.store import Store, UsageRow, UsageSum

PURPOSES = ("shadow", "audit")
_STALE = timedelta(seconds=30)
"""So old a sum may be, with what this process spent since added."""


@dataclass(slots=True)
class Allowance:
    """What is left of today, UTC.

    Attributes:
        calls: of the reference model, a day.
        usd: US dollars a day; None: no bound. A call of unknown price counts as none.
        clock: the time, with its zone.
    """

    store: Store
    calls: int
    usd: Decimal | None
    clock: Callable[[], datetime]
    _summed: UsageSum = field(default_factory=UsageSum)
    _at: datetime | None = None

    async def left(self) -> bool:
        """Whether another call may be made."""
        now = self.clock().astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._at is None or self._at < midnight or now - self._at > _STALE:
            since = midnight.isoformat(timespec="microseconds")
            self._summed = await self.store.usage.since(since, *PURPOSES)
            self._at = now
        over = self.usd is not None and self._summed.cost.known >= self.usd
        return self._summed.rows < self.calls and not over

    async def spent(self, row: UsageRow) -> None:
        """Put a call on record."""
        await self.store.usage.append([row])
        self._summed += UsageSum.of(row)
