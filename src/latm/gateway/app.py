"""The application: settings flow in, an ASGI application with its life flows out.

Invariant: it starts without a store, a sandbox or an upstream; what is missing is told by
`/readyz`, and the rest works.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from latm.errors import SettingsError
from latm.gateway.breaker import Breaker, Clock
from latm.gateway.handler import Gateway
from latm.gateway.keys import Keys, is_loopback
from latm.gateway.observing import Observer
from latm.gateway.refusal import Refusal
from latm.gateway.serving import Serving
from latm.gateway.transfer import ROOT, Outbound
from latm.gateway.upstream import Pause, Upstream
from latm.models import Model
from latm.settings import Settings

_NOWHERE = Refusal(404, f"nothing is here; the API is below {ROOT}")


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a process is passed in: its clock and pauses, models of one's own, an observer."""

    clock: Clock = time.monotonic
    pause: Pause = asyncio.sleep
    poll_seconds: float = 1.0
    models: Mapping[str, Model] | None = None
    observer: Observer | None = None


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
    serving = Serving(settings, parts.clock, parts.poll_seconds, parts.models or {})
    key = settings.upstream_key
    gateway = Gateway(
        upstream,
        serving,
        Keys(settings.serve_keys, settings.serve_admin_key, frozenset(settings.serve_off)),
        key.get_secret_value() if key else None,
        settings.serve_body_bytes,
        parts.clock,
        time.time,
        lambda: secrets.token_hex(12),
        parts.observer,
    )

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
        async with upstream:
            stop = asyncio.Event()
            following = asyncio.create_task(serving.run(stop))
            try:
                yield
            finally:
                stop.set()
                await following

    return Router(
        [
            Route(ROOT + "/{rest:path}", gateway),
            Route("/healthz", _healthy, methods=["GET"]),
            Route("/readyz", ready, methods=["GET"]),
        ],
        redirect_slashes=False,
        default=_nowhere,
        lifespan=life,
    )


async def _healthy(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await Outbound(send, secrets.token_hex(12)).refuse(_NOWHERE)
