"""A stream of requests through a real gateway: what it learns, what it costs, what is wrong.

Requests flow in, over loopback and with the OpenAI client, to a `latm serve` process in front
of a stub; a `Row` for each stretch of the stream flows out. Invariants: tools are recorded,
made, tried in shadow and let live by the processes of the gateway alone; what the stub was
asked and has charged is counted there, not estimated.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from openai import AsyncOpenAI

from latm.bench.known import written
from latm.bench.solve import quantile
from latm.bench.stub import MODEL, Stub, as_json, listens, price_of, usage_of
from latm.bench.traffic import Request
from latm.errors import OperationError
from latm.jobs.classes import recorded
from latm.jobs.durable import listed
from latm.jobs.planner import next_task
from latm.jobs.work import left_today
from latm.models.prices import list_price
from latm.settings import Settings, load
from latm.store import Store
from latm.types import Usage

SCRIPTED = "bench:maker"
"""Full name of the maker that knows the classes."""
_QUIET_SECONDS = 2.5
"""Without a change in the store: more than all the pauses of the gateway's tasks."""
_LONGEST_SECONDS = 900.0
_LOOK_SECONDS = 0.25
_LISTENS = re.compile(r"http://127\.0\.0\.1:\d+/v1")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the stream is sent.

    Attributes:
        home: of the gateway's state; empty before.
        maker: `SCRIPTED`, or a model of the settings.
        stretch: requests of a row.
        block: requests after which the stream stands still until the background is idle, as
            minutes or days would pass in earnest.
        parallel: requests in flight.
        upstream_seconds: that the stub takes for an answer.
    """

    home: Path
    maker: str = SCRIPTED
    stretch: int = 250
    block: int = 50
    parallel: int = 4
    upstream_seconds: float = 0.05
    max_error: float = 0.05
    making_cases: int = 20
    audit_calls: int = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and what came back.

    Attributes:
        rung: that answered; "upstream" or one of ours.
        wrong: answered by us, and not rightly.
    """

    request: Request
    rung: str
    answer: str
    ms: float

    @property
    def ours(self) -> bool:
        return self.rung != "upstream"

    @property
    def wrong(self) -> bool:
        return self.ours and not self.request.is_right(self.answer)


@dataclass(frozen=True, slots=True)
class Row:
    """A stretch of the stream.

    Attributes:
        first: number of its first request.
        toolable: single questions of a class; ``by_tools``: those of them a tool answered.
        upstream_calls: that the stub was asked, with audits.
        usd: what upstream and maker charged; ``alone_usd``: the upstream without a gateway.
        live: tools that answer, at the end of the stretch.
        hit_p50_ms: of the requests that tools answered; None without one.
    """

    first: int
    requests: int
    toolable: int
    by_tools: int
    wrong: int
    near_misses: int
    near_misses_wrong: int
    upstream_calls: int
    maker_calls: int
    usd: Decimal
    alone_usd: Decimal
    live: int
    p50_ms: float
    p99_ms: float
    hit_p50_ms: float | None

    @property
    def hit_rate(self) -> float:
        return self.by_tools / self.toolable if self.toolable else 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """A whole stream.

    Attributes:
        wrong: what we answered wrongly, all of it.
        classes: name, state and form of each class that was found.
        tools: class, state, how many right and wrong comparisons.
    """

    rows: tuple[Row, ...]
    wrong: tuple[Sent, ...]
    classes: tuple[tuple[str, str, int, str], ...]
    tools: tuple[tuple[str, str, int, int], ...]


@dataclass(slots=True)
class _Count:
    """Where the meters stood when a stretch began."""

    calls: int = 0
    maker: int = 0
    usd: Decimal = Decimal(0)
    sent: list[Sent] = field(default_factory=list[Sent])


async def run(
    requests: Sequence[Request], plan: Plan, done: Callable[[Row], None] = lambda _: None
) -> Result:
    """Send the stream.

    Raises:
        OperationError: the gateway does not start, or its background never comes to rest.
    """
    stub = Stub({one.messages: one.said for one in requests}, written, plan.upstream_seconds)
    rows: list[Row] = []
    wrong: list[Sent] = []
    async with (
        listens(stub),
        serving(plan, stub) as url,
        await Store.open(str(plan.home / "latm.db")) as store,
        AsyncOpenAI(base_url=url, api_key="bench", max_retries=0) as client,
    ):
        settings = settings_of(plan, stub)
        count = _Count()
        for start in range(0, len(requests), plan.block):
            block = requests[start : start + plan.block]
            count.sent += await _send(client, block, plan.parallel)
            await at_rest(store, plan, settings)
            reached = start + len(block)
            if reached % plan.stretch == 0 or reached == len(requests):
                live = len(await store.toolbox.serving())
                rows.append(_row(reached, count, stub, live))
                wrong += [one for one in count.sent if one.wrong]
                done(rows[-1])
                charged = stub.upstream.usd + stub.maker.usd
                count = _Count(stub.upstream.calls, stub.maker.calls, charged)
        return Result(tuple(rows), tuple(wrong), await _classes(store), await _tools(store))


async def _send(client: AsyncOpenAI, block: Sequence[Request], parallel: int) -> list[Sent]:
    waiting = iter(block)
    sent: list[Sent] = []

    async def one_after_another() -> None:
        for request in waiting:
            started = time.perf_counter()
            raw = await client.chat.completions.with_raw_response.create(
                model=MODEL,
                messages=request.body(),  # pyright: ignore[reportArgumentType] - plain dicts
                temperature=0,
            )
            text = raw.parse().choices[0].message.content or ""
            ms = (time.perf_counter() - started) * 1000
            sent.append(Sent(request, raw.headers.get("x-latm-rung", "upstream"), text, ms))

    await asyncio.gather(*(one_after_another() for _ in range(parallel)))
    return sent


def _row(reached: int, count: _Count, stub: Stub, live: int) -> Row:
    sent = count.sent
    times = sorted(one.ms for one in sent)
    hits = sorted(one.ms for one in sent if one.ours)
    toolable = [one for one in sent if one.request.kind == "class"]
    near = [one for one in sent if one.request.kind == "decoy"]
    return Row(
        first=reached - len(sent) + 1,
        requests=len(sent),
        toolable=len(toolable),
        by_tools=sum(one.ours for one in toolable),
        wrong=sum(one.wrong for one in sent),
        near_misses=len(near),
        near_misses_wrong=sum(one.wrong for one in near),
        upstream_calls=stub.upstream.calls - count.calls,
        maker_calls=stub.maker.calls - count.maker,
        usd=stub.upstream.usd + stub.maker.usd - count.usd,
        alone_usd=sum((alone_usd(one.request) for one in sent), Decimal(0)),
        live=live,
        p50_ms=quantile(times, 0.50),
        p99_ms=quantile(times, 0.99),
        hit_p50_ms=quantile(hits, 0.50) if hits else None,
    )


def alone_usd(request: Request) -> Decimal:
    """What the upstream charges for a request."""
    return price_of(usage_of((text for _, text in request.messages), request.said))


# --- the gateway -----------------------------------------------------------------------


@asynccontextmanager
async def serving(plan: Plan, stub: Stub) -> AsyncGenerator[str]:
    """The address of a gateway in front of the stub, in a process of its own.

    Raises:
        OperationError: it does not start.
    """
    plan.home.mkdir(parents=True, exist_ok=True)
    log = (plan.home / "serve.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from latm.cli import main; main()", "serve"),
        *("--upstream", stub.base, "--port", "0"),
        cwd=plan.home,
        env=_environment(plan, stub),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    reading = process.stderr

    async def keep() -> None:
        async for line in reading:
            log.write(line)

    try:
        told = (await reading.readline()).decode()
        address = _LISTENS.search(told)
        if address is None:
            raise OperationError(f"the gateway of the bench did not start: {told.strip()}")
        keeping = asyncio.create_task(keep())
        yield address[0]
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(keeping, process.wait())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        log.close()


def _environment(plan: Plan, stub: Stub) -> dict[str, str]:
    """All that the gateway's process sees: nothing of the caller's own settings gets in."""
    chosen = {
        "home": str(plan.home),
        "maker": plan.maker,
        "max_error": str(plan.max_error),
        "base_urls": as_json({"bench": stub.maker_base}),
        "prices": as_json({SCRIPTED: _price()}),
        "making_cases": str(plan.making_cases),
        "making_poll_seconds": "0.2",
        "audit_calls": str(plan.audit_calls),
    }
    variables = {f"LATM_{name.upper()}": text for name, text in chosen.items()}
    return {"PATH": os.defpath, **variables}


def settings_of(plan: Plan, stub: Stub) -> Settings:
    """The settings that the gateway has read."""
    return load(environ=_environment(plan, stub), directory=plan.home)


def _price() -> dict[str, str]:
    """The maker's, per million tokens: that of the upstream, so that both add up."""
    thousand = 1000
    read = list_price(f"openai:{MODEL}", Usage(input=thousand))
    told = list_price(f"openai:{MODEL}", Usage(output=thousand))
    return {"input": str((read or 0) * thousand), "output": str((told or 0) * thousand)}


async def at_rest(store: Store, plan: Plan, settings: Settings) -> None:
    """Wait until the background has done what there was to do.

    Raises:
        OperationError: it goes on for too long.
    """
    before: object = None
    since = started = time.monotonic()
    while time.monotonic() - since < _QUIET_SECONDS:
        now = await _state(store)
        if now != before or await _busy(store, settings):
            before, since = now, time.monotonic()
        if time.monotonic() - started > _LONGEST_SECONDS:
            raise OperationError(
                f"the gateway's background is not at rest after {_LONGEST_SECONDS:.0f} s; see "
                f"{plan.home / 'serve.log'}"
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _state(store: Store) -> object:
    """What changes as long as somebody is at work."""
    classes = await store.observations.classes()
    return (
        await store.observations.recorded(),
        [(one.name, one.state, one.requests, one.form_kind) for one in classes],
        await store.toolbox.revision(),
        await store.usage.total(),
    )


async def _busy(store: Store, settings: Settings) -> bool:
    """Whether a job is under way, or the maker's process is about to begin one."""
    jobs = await asyncio.to_thread(listed, settings.jobs_database)
    if any(job.active for job in jobs):
        return True
    if not (await left_today(store, settings, datetime.now(UTC))).any:
        return False
    ready = await recorded(store).ready()
    return next_task(jobs, ready, await store.cases.undealt(), settings) is not None


async def _classes(store: Store) -> tuple[tuple[str, str, int, str], ...]:
    return tuple(
        (one.name, one.state, one.requests, one.reason)
        for one in await store.observations.classes()
    )


async def _tools(store: Store) -> tuple[tuple[str, str, int, int], ...]:
    found: list[tuple[str, str, int, int]] = []
    for item in await store.toolbox.current():
        counts = await store.evidence.counts(item.version, "held_out", "shadow", "audit")
        found.append((item.tool.name, item.state, counts.right, counts.wrong))
    return tuple(found)
