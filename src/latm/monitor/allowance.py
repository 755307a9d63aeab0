"""The allowance: the reference model is asked for shadow runs and audits, so much a day.

What was seen flows in, a text flows out, or None; rows of usage go to the store.
Invariants: each paid call is on record once, before anything is concluded from it; a day's
calls, those of all processes and of earlier starts included, stay within the allowance, but
for calls under way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from latm.errors import OperationError
from latm.monitor.seen import Seen, Source
from latm.store import Store, StoredTool, UsageRow, UsageSum

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Allowance:
    """What may be spent in a day, UTC.

    Attributes:
        calls: of the reference model.
        usd: US dollars; None: no bound. A call of unknown price counts as a call only.
        clock: the time, with its zone.
    """

    store: Store
    calls: int
    usd: Decimal | None
    clock: Callable[[], datetime]
    _spent: UsageSum = field(default_factory=UsageSum)
    _day: str = ""
    _last: int = 0

    async def ask(self, source: Source, item: StoredTool, seen: Seen) -> str | None:
        """One more answer of the reference; None without one that is sound and whole."""
        if seen.again is None or not self.calls or not await self._left():
            return None
        try:
            reply = await seen.again()
        except OperationError as error:
            _log.warning("the reference of %s was not to be had: %s", item.tool.name, error)
            return None
        row = UsageRow(
            purpose=source,
            name=item.tool.name,
            version=item.version,
            model=reply.model,
            usage=reply.usage,
            cost_usd=reply.cost_usd,
            tenant=seen.tenant or None,
            request=seen.request_id,
        )
        await self.store.usage.append([row])
        return reply.text if reply.finish == "stop" and reply.text.strip() else None

    async def _left(self) -> bool:
        """Whether another call may be made."""
        now = self.clock().astimezone(UTC)
        day = now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat(
            timespec="microseconds"
        )
        if day != self._day:
            self._spent, self._day, self._last = UsageSum(), day, 0
        news = await self.store.usage.news(self._last, since=day)
        self._last = news.last
        for group, summed in news.since.items():
            if group.purpose in ("shadow", "audit"):
                self._spent += summed
        over = self.usd is not None and self._spent.cost.known >= self.usd
        return self._spent.rows < self.calls and not over
