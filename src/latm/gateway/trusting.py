"""Trusting: answers that went out flow in, and behind them tools gain and lose trust.

Invariants: `observe` neither waits nor fails; what waits is bounded, and what does not fit
is left out before anybody knows how it would have come out, so the evidence is not biased;
who opted out is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from latm.errors import LatmError
from latm.gateway.asking import Asking
from latm.gateway.observing import Observed, Observer, heard
from latm.models import Model
from latm.monitor.flow import Monitor
from latm.monitor.seen import Seen
from latm.runtime import Runtime, opened
from latm.settings import Settings
from latm.using.gate import Asked

MOST_WAITING = 256
MOST_BODY = 128 * 1024
"""Bytes; a larger answer is none that a tool gives."""
_RETRY_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trusting:
    """An observer before another one, and the task behind it.

    Attributes:
        keeps: whether questions of clients may be stored.
        left_out: requests that there was no room for.
    """

    settings: Settings
    asking: Asking
    models: Mapping[str, Model] = field(default_factory=dict[str, Model])
    then: Observer | None = None
    keeps: bool = True
    left_out: int = 0
    _waiting: deque[Observed] = field(default_factory=deque[Observed])
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def observe(self, seen: Observed) -> None:
        if self.then is not None:
            self.then.observe(seen)
        if not isinstance(seen.asked, Asked) or seen.opted_out or len(seen.body) > MOST_BODY:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.left_out += 1
            return
        self._waiting.append(seen)
        self._arrived.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the answers until told to stop; what cannot be opened is tried again."""
        while not stop.is_set():
            try:
                async with opened(self.settings, self.models) as runtime:
                    await self._follow(runtime, stop)
            except (LatmError, OSError) as error:
                _log.warning("no tool gains or loses trust: %s", error)
                await _waited(stop, _RETRY_SECONDS)

    async def _follow(self, runtime: Runtime, stop: asyncio.Event) -> None:
        monitor: Monitor | None = None
        async for seen in self._each(stop):
            if monitor is None:
                # Engines are not opened before there is a tool.
                if await runtime.store.toolbox.revision() == 0:
                    continue
                monitor = await runtime.monitor(keeps=self.keeps)
            try:
                await self.take(monitor, seen)
            except LatmError as error:
                _log.warning("an answer was not compared: %s", error)

    async def take(self, monitor: Monitor, seen: Observed) -> None:
        """Compare one answer.

        Raises:
            StoreError: the store is not to be had.
        """
        asked = seen.asked
        if not isinstance(asked, Asked):
            return
        again = self.asking.again(seen)
        known = Seen(
            seen.request_id, seen.tenant, asked.question, asked.fingerprint, asked.bare, again
        )
        if seen.served is None:
            concerned = await monitor.watch.shadows(
                asked.question, asked.fingerprint, bare=asked.bare
            )
            said = heard(seen) if concerned else None
            if said is not None and said.finish == "stop" and said.text.strip():
                await monitor.shadow(known, said.text)
        elif (version := seen.served.receipt.version) and seen.served.text is not None:
            await monitor.audit(known, version, seen.served.text)

    async def _each(self, stop: asyncio.Event) -> AsyncGenerator[Observed]:
        """The answers in order, until it is time to stop."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._arrived.set())
        try:
            while not stop.is_set():
                if self._waiting:
                    yield self._waiting.popleft()
                    continue
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            stopping.cancel()


async def _waited(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
