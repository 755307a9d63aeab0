"""The application: settings flow in, an ASGI application with its life flows out.

Invariants: it starts without a store, a sandbox or an upstream; what is missing is told by
`/readyz`, and the rest works; all that was counted is written before it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.trace import Tracer
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from latm.errors import SettingsError
from latm.gateway.admin import Admin
from latm.gateway.asking import Asking
from latm.gateway.books import Books
from latm.gateway.breaker import Breaker, Clock
from latm.gateway.budgets import Budgets
from latm.gateway.charging import Charging
from latm.gateway.handler import Gateway
from latm.gateway.insight import Insight
from latm.gateway.keys import Keys, is_loopback
from latm.gateway.learning import Learning
from latm.gateway.logs import JsonLog
from latm.gateway.metrics import Metrics, Now
from latm.gateway.observing import Observer
from latm.gateway.refusal import Refusal
from latm.gateway.remembering import remembering
from latm.gateway.serving import Serving
from latm.gateway.spans import Spans, open_tracer
from latm.gateway.transfer import ROOT, Outbound
from latm.gateway.trusting import Trusting
from latm.gateway.upstream import Pause, Upstream
from latm.models import Model
from latm.settings import Settings
from latm.using.exact import Exact

_NOWHERE = Refusal(404, f"nothing is here; the API is below {ROOT}")


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a process is passed in: its clock and pauses, models of one's own, an observer.

    Attributes:
        now: Unix time, in seconds.
        tracer: makes spans; None: as the settings say.
        counts: folder where the processes of one gateway leave their counts for each other.
    """

    clock: Clock = time.monotonic
    pause: Pause = asyncio.sleep
    poll_seconds: float = 1.0
    models: Mapping[str, Model] | None = None
    observer: Observer | None = None
    now: Callable[[], float] = time.time
    tracer: Tracer | None = None
    counts: Path | None = None


_PARTS = Parts()


def check(settings: Settings) -> None:
    """Refuse settings that the gateway cannot or must not start with.

    Raises:
        SettingsError: there is no upstream, or others could reach it without a key.
    """
    if settings.upstream_url is None:
        raise SettingsError(
            "the gateway has no upstream: give --upstream, for example https://api.openai.com/v1"
        )
    if not settings.serve_keys and not is_loopback(settings.serve_host):
        raise SettingsError(
            f"the gateway has no key, so it does not listen on {settings.serve_host!r}: "
            "set LATM_SERVE_KEYS (latm serve --new-key NAME), or --host 127.0.0.1"
        )
    unknown = set(settings.serve_off) - set(settings.serve_keys)
    if unknown:
        raise SettingsError(f"serve_off names {min(unknown)!r}, which has no key in serve_keys")
    unknown = set(settings.serve_budgets) - set(settings.serve_keys)
    if unknown:
        raise SettingsError(f"serve_budgets names {min(unknown)!r}, which has no key in serve_keys")


def build(settings: Settings, parts: Parts = _PARTS) -> ASGIApp:
    """The application of one process.

    Raises:
        SettingsError: see `check`.
    """
    check(settings)
    upstream = Upstream(
        settings.upstream_url or "",
        seconds=settings.upstream_seconds,
        breaker=Breaker(parts.clock),
        pause=parts.pause,
    )
    exact = Exact(settings.exact_seconds, parts.clock)
    serving = Serving(settings, parts.clock, parts.poll_seconds, parts.models or {}, exact)
    keys = Keys(settings.serve_keys, settings.serve_admin_key, frozenset(settings.serve_off))
    books = Books(settings.database, parts.now, parts.poll_seconds)
    metrics = Metrics(parts.counts)
    tracer, end_tracing = _tracing(settings, parts)
    spans = Spans(tracer, settings.upstream_url or "", settings.serve_texts) if tracer else None
    key = settings.upstream_key
    charging = Charging(serving.prices)
    learning = Learning(
        settings,
        charging,
        secrets.token_hex(12),
        parts.now,
        parts.poll_seconds,
        then=parts.observer,
    )
    trusting = Trusting(settings, Asking(upstream, charging), parts.models or {}, then=learning)
    gateway = Gateway(
        upstream,
        serving,
        keys,
        charging,
        Budgets(settings.serve_budgets, books, serving.prices, parts.now),
        Insight(books, metrics, spans, settings.serve_log_json, settings.serve_texts),
        key.get_secret_value() if key else None,
        settings.serve_body_bytes,
        parts.clock,
        parts.now,
        lambda: secrets.token_hex(12),
        remembering(exact, trusting),
    )

    def now() -> Now:
        return Now(books.waiting, books.lost, serving.engines, not upstream.breaker.is_open)

    async def ready(_: Request) -> JSONResponse:
        """Ready is who can answer; whether tools take part is told beside it."""
        state = {
            "ready": serving.status != "starting" and not upstream.breaker.is_open,
            "upstream": "failing" if upstream.breaker.is_open else "ok",
            "tools": serving.status,
            "sandbox": list(serving.engines),
        }
        return JSONResponse(state, 200 if state["ready"] else 503)

    @asynccontextmanager
    async def life(_: object) -> AsyncGenerator[None]:
        lines = JsonLog() if settings.serve_log_json else contextlib.nullcontext()
        async with upstream:
            stop = asyncio.Event()
            tasks = [
                asyncio.create_task(serving.run(stop)),
                asyncio.create_task(books.run(stop)),
                asyncio.create_task(trusting.run(stop)),
                asyncio.create_task(learning.run(stop)),
                asyncio.create_task(_share(metrics, parts.poll_seconds, stop)),
            ]
            with lines:
                try:
                    yield
                finally:
                    stop.set()
                    await asyncio.gather(*tasks)
                    await asyncio.to_thread(end_tracing)

    return Router(
        [
            Route(ROOT + "/{rest:path}", gateway),
            Route("/healthz", _healthy, methods=["GET"]),
            Route("/readyz", ready, methods=["GET"]),
            *Admin(settings, keys, books, metrics, now).routes(),
        ],
        redirect_slashes=False,
        default=_nowhere,
        lifespan=life,
    )


def _tracing(settings: Settings, parts: Parts) -> tuple[Tracer | None, Callable[[], None]]:
    """What makes spans, if anything does, and its end."""
    if parts.tracer is not None or not settings.serve_traces:
        return parts.tracer, lambda: None
    return open_tracer()


async def _share(metrics: Metrics, seconds: float, stop: asyncio.Event) -> None:
    """Leave the counts where other processes find them, until told to stop."""
    while True:
        last = stop.is_set()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(metrics.share)
        if last:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()


async def _healthy(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await Outbound(send, secrets.token_hex(12)).refuse(_NOWHERE)
