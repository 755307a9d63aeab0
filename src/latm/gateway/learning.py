"""Learning: answers that went out flow in, what can be learnt from them goes on record.

Invariants: `observe` neither waits nor fails; what waits is bounded, and what does not fit
is left out and counted; only what the upstream answered soundly, wholly and not by chance
is learnt, nothing of who opted out, and nothing that redaction keeps out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from latm.errors import InputError, LatmError, StoreError
from latm.gateway.charging import Charging
from latm.gateway.observing import Observed, Observer, heard
from latm.gateway.redaction import Redaction
from latm.making.collector import LONGEST, Bounds
from latm.making.gathering import Gathering
from latm.settings import Settings
from latm.store import Store
from latm.store.observed import Context, Miss
from latm.using.gate import Asked

MOST_WAITING = 2000
MOST_BODY = 128 * 1024
"""Bytes; a larger answer is none that a tool gives."""
MOST_BYTES = 32 * 1024 * 1024
"""Bytes of requests and answers that wait."""
MOST_RECORDED = 20_000
"""Misses on record that nobody has grouped; more are left out."""
_BATCH = 200
_MOST_KNOWN = 10_000
_KNOWN_SECONDS = 86_400.0
"""After so long it is said again what stands around a question: it may have been dropped."""
_MOST_SHOWN = 4000
"""Characters of instructions that are kept, for people."""
_RETRY_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Learning:
    """An observer before another one, and the task behind it.

    Attributes:
        holder: unique name of the process.
        now: Unix time, in seconds.
        left_out: misses that there was no room for.
        withheld: misses that redaction kept out.
    """

    settings: Settings
    charging: Charging
    holder: str
    now: Callable[[], float]
    poll_seconds: float = 1.0
    then: Observer | None = None
    left_out: int = 0
    withheld: int = 0
    _waiting: deque[Observed] = field(default_factory=deque[Observed])
    _bytes: int = 0
    _known: OrderedDict[str, float] = field(default_factory=OrderedDict[str, float])

    @property
    def waiting(self) -> int:
        """Answers that were not looked at yet."""
        return len(self._waiting)

    def observe(self, seen: Observed) -> None:
        if self.then is not None:
            self.then.observe(seen)
        if not self.settings.record or not _may_teach(seen):
            return
        size = _size(seen)
        if len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self.left_out += 1
            return
        self._bytes += size
        self._waiting.append(seen)

    async def run(self, stop: asyncio.Event) -> None:
        """Record and gather until told to stop; what cannot be opened is tried again."""
        if not self.settings.record:
            return
        gathering = self._gathering()
        while not stop.is_set():
            try:
                async with await Store.open(self.settings.database) as store:
                    await self._learn(store, gathering, stop)
            except (LatmError, OSError) as error:
                _log.warning("nothing is learnt, %d answers wait: %s", self.waiting, error)
                await _waited(stop, _RETRY_SECONDS)
        if self._waiting:
            _log.error("%d answers were not recorded", self.waiting)

    async def _learn(self, store: Store, gathering: Gathering, stop: asyncio.Event) -> None:
        while True:
            last = stop.is_set()
            await self.record(store)
            if last:
                await gathering.end(store)
                return
            more = await gathering.turn(store)
            if not (more or self._waiting):
                await _waited(stop, self.poll_seconds)

    async def record(self, store: Store) -> None:
        """Put what waits on record.

        Raises:
            StoreError: the store cannot be written; what it was about to take still waits.
        """
        while self._waiting:
            batch = [self._waiting[n] for n in range(min(_BATCH, len(self._waiting)))]
            if await store.observations.backlog() >= MOST_RECORDED:
                self.left_out += len(batch)
            else:
                await self._record(store, batch)
            for _ in batch:
                self._bytes -= _size(self._waiting.popleft())

    async def _record(self, store: Store, batch: list[Observed]) -> None:
        redaction = Redaction(self.settings.redact)
        contexts: dict[str, Context] = {}
        now = self.now()
        withheld = Counter[str]()
        misses: list[Miss] = []
        for seen in batch:
            miss = self._miss(seen)
            if miss is None:
                continue
            if now - self._known.get(miss.fingerprint, -_KNOWN_SECONDS) >= _KNOWN_SECONDS:
                contexts[miss.fingerprint] = _context(seen, miss.fingerprint, redaction)
            if redaction.withholds((miss.question, miss.answer)):
                withheld[miss.fingerprint] += 1
            else:
                misses.append(miss)
            # Others are served between two answers that have to be read.
            await asyncio.sleep(0)
        try:
            await store.observations.record(misses, tuple(contexts.values()), withheld)
        except StoreError:
            raise
        except InputError as error:
            _log.error("%d answers were not recorded: %s", len(misses), error)
            return
        self.withheld += withheld.total()
        for fingerprint in contexts:
            self._known[fingerprint] = now
            self._known.move_to_end(fingerprint)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _miss(self, seen: Observed) -> Miss | None:
        """What an answer teaches; None when it is not sound."""
        said, asked = heard(seen), seen.asked
        if said is None or not isinstance(asked, Asked):
            return None
        if said.finish != "stop" or not said.text.strip() or len(said.text) > LONGEST:
            return None
        streamed = seen.media_type == "text/event-stream"
        read = self.charging.of_stream if streamed else self.charging.of_whole
        charge = read(seen.incoming, seen.body, seen.encoding)
        return Miss(asked.fingerprint, asked.question, said.text, charge.usage, charge.cost_usd)

    def _gathering(self) -> Gathering:
        return Gathering(
            self.holder,
            Bounds(classes=self.settings.record_classes),
            self.settings.record_days,
            self.settings.record_cases,
            self.now,
        )


def _may_teach(seen: Observed) -> bool:
    """Whether an answer is worth reading; a sampled one may be another the next time."""
    return (
        isinstance(seen.asked, Asked)
        and seen.asked.steering is not None
        and len(seen.asked.question) <= LONGEST
        and seen.served is None
        and seen.status == 200
        and seen.complete
        and not seen.opted_out
        and len(seen.body) <= MOST_BODY
    )


def _size(seen: Observed) -> int:
    return len(seen.body) + (len(seen.call.body) if seen.call else 0)


def _context(seen: Observed, fingerprint: str, redaction: Redaction) -> Context:
    request = seen.incoming.request
    earlier = "\n\n".join(message.content for message in request.messages[:-1])
    shown = "" if redaction.withholds((earlier,)) else earlier[:_MOST_SHOWN]
    return Context(fingerprint, seen.tenant, request.model, shown, request.form)


async def _waited(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
