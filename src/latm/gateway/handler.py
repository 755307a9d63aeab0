"""One request under ``/v1``: in from the client, out to it.

    admitted → read → asked → tools → answer
                       └ bypass, opted out, no tool, slow tool → upstream → its bytes

Invariants: what no tool answers goes on and comes back with its bytes unchanged; a client
that goes away ends its call; the observer is told after the client.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

import aiohttp
from starlette.types import Receive, Scope, Send

from latm.gateway import writing
from latm.gateway.breaker import Clock
from latm.gateway.flights import Flights
from latm.gateway.headers import OURS, one, to_client, to_upstream
from latm.gateway.keys import Keys, Tenant
from latm.gateway.observing import MOST_KEPT, Observed, Observer
from latm.gateway.reading import Incoming, Kind, read
from latm.gateway.refusal import Header, Refusal
from latm.gateway.serving import Serving
from latm.gateway.transfer import Outbound, body_of, target_of, until_gone
from latm.gateway.upstream import Call, Upstream, Whole, read_whole
from latm.identity import canonical_json, digest
from latm.types import Answer
from latm.using.gate import Asked, Bypass, asked

_KINDS: dict[str, Kind] = {"/chat/completions": "chat", "/responses": "responses"}
_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
_UPSTREAM: Header = (OURS + b"-rung", b"upstream")
_SMALL = 1024 * 1024
"""Bytes; an answer up to this size is read before it is passed on, so that it is whole."""
_MOST_ERROR = 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that was let in; ``asked`` is None where nothing is asked of a model."""

    tenant: Tenant
    call: Call
    incoming: Incoming | None
    asked: Asked | Bypass | None
    off: bool
    started: float


@dataclass(slots=True)
class Gateway:
    """The ASGI endpoint of everything under ``/v1``.

    Attributes:
        key: of the upstream; None sends the client's own.
        most_body: largest request, in bytes.
        now: Unix time, in seconds; ``new_id`` gives letters and digits, unique.
    """

    upstream: Upstream
    serving: Serving
    keys: Keys
    key: str | None
    most_body: int
    clock: Clock
    now: Callable[[], float]
    new_id: Callable[[], str]
    observer: Observer | None = None
    _flights: Flights[Whole | Refusal] = field(default_factory=Flights[Whole | Refusal])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        out = Outbound(send, self.new_id())
        visit = await self._let_in(scope, receive)
        if isinstance(visit, Refusal):
            await out.refuse(visit)
        elif visit is not None and not await self._serve(visit, out):
            out.extra.append(_UPSTREAM)
            await until_gone(receive, self._pass(visit, out))

    # --- in ----------------------------------------------------------------------------

    async def _let_in(self, scope: Scope, receive: Receive) -> Visit | Refusal | None:
        """The request, read; None when the client left."""
        started = self.clock()
        headers: list[Header] = scope["headers"]
        tenant = self.keys.tenant(headers)
        if isinstance(tenant, Refusal):
            return replace(tenant, close=True)
        call = await self._call(scope, receive)
        if not isinstance(call, Call):
            return call
        kind = _KINDS.get(call.target.partition("?")[0]) if call.method == "POST" else None
        # A body that is packed is not unpacked here, so it cannot be read.
        legible = kind is not None and one(headers, b"content-encoding") is None
        incoming = read(kind, call.body, tenant.name) if kind is not None and legible else None
        if isinstance(incoming, Refusal):
            return incoming
        return Visit(
            tenant,
            call,
            incoming,
            asked(incoming.request) if incoming else None,
            tenant.off or (one(headers, OURS) or b"").lower() == b"off",
            started,
        )

    async def _call(self, scope: Scope, receive: Receive) -> Call | Refusal | None:
        """The request as it would go on; None when the client left."""
        if scope["method"] not in _METHODS:
            return Refusal(405, f"the method {scope['method']!r} is not served here", close=True)
        target = target_of(scope)
        if isinstance(target, Refusal):
            return target
        headers: list[Header] = scope["headers"]
        passed = to_upstream(headers, self.key, keep_credentials=not self.keys.tenants)
        if isinstance(passed, Refusal):
            return passed
        body = await body_of(receive, headers, self.most_body)
        if body is None or isinstance(body, Refusal):
            return body
        return Call(scope["method"], target, tuple(passed), body)

    # --- a tool's answer ---------------------------------------------------------------

    async def _serve(self, visit: Visit, out: Outbound) -> bool:
        """Answer by a tool, if one does."""
        incoming, question = visit.incoming, visit.asked
        if visit.off or incoming is None or not isinstance(question, Asked):
            return False
        answer = await self.serving.answer(question, incoming.request.model)
        if answer is None or answer.text is None:
            return False
        answered = writing.Answered(
            incoming, answer.text, answer.receipt.usage, out.request_id, int(self.now())
        )
        out.extra += _receipt(answer, out.request_id)
        if incoming.stream:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
            await out.stream(200, [*headers, (b"cache-control", b"no-cache")], _each(answered))
        else:
            body = writing.whole(answered)
            length = (b"content-length", b"%d" % len(body))
            await out.whole(200, [(b"content-type", b"application/json"), length], body)
        if self.observer is not None:
            self._tell(visit, out, Whole(200, (), b""), answer)
        return True

    # --- the upstream's answer ---------------------------------------------------------

    async def _pass(self, visit: Visit, out: Outbound) -> None:
        incoming = visit.incoming
        if incoming and incoming.shareable and not incoming.stream and not visit.off:
            await self._pass_shared(visit, out)
            return
        answer = await self.upstream.ask(visit.call)
        if isinstance(answer, Refusal):
            await out.refuse(answer)
            return
        if answer.status >= 400 or _is_small(answer):
            body = await read_whole(answer, _MOST_ERROR)
            await self._pass_whole(visit, out, _with(answer, body), told=True)
        else:
            await self._pass_stream(visit, out, answer)

    async def _pass_shared(self, visit: Visit, out: Outbound) -> None:
        """One call for all who ask the same at the same time; only the first one is told."""
        led = False

        async def call() -> Whole | Refusal:
            nonlocal led
            led = True
            return await self.upstream.whole(visit.call)

        whole = await self._flights.join(_key(visit), call)
        await self._pass_whole(visit, out, whole, told=led)

    async def _pass_whole(
        self, visit: Visit, out: Outbound, whole: Whole | Refusal, *, told: bool
    ) -> None:
        if isinstance(whole, Refusal):
            await out.refuse(whole)
            return
        body = whole.body
        if whole.status >= 400 and self.key:
            # Some upstreams repeat the key in their errors; this one is not the client's.
            body = body.replace(self.key.encode(), b"*" * len(self.key.encode()))
        await out.whole(whole.status, whole.headers, body)
        if told:
            self._tell(visit, out, whole)

    async def _pass_stream(
        self, visit: Visit, out: Outbound, answer: aiohttp.ClientResponse
    ) -> None:
        kept: list[bytes] = []
        room = MOST_KEPT if self.observer is not None and visit.incoming else 0
        cut = False

        async def parts() -> AsyncIterator[bytes]:
            nonlocal room, cut
            async for part in answer.content.iter_any():
                cut = cut or len(part) > room
                if not cut:
                    kept.append(part)
                    room -= len(part)
                yield part

        headers = tuple(to_client(answer.raw_headers))
        try:
            await out.stream(answer.status, headers, parts())
        except (aiohttp.ClientError, TimeoutError) as error:
            # The client sees what happened: its connection ends in the middle too.
            _log.warning("the upstream broke off its answer: %s", type(error).__name__)
        finally:
            answer.close()
            out.complete = out.complete and not cut
            self._tell(visit, out, Whole(answer.status, headers, b"".join(kept)))

    def _tell(
        self, visit: Visit, out: Outbound, whole: Whole, served: Answer | None = None
    ) -> None:
        if self.observer is None or visit.incoming is None:
            return
        media = (one(whole.headers, b"content-type") or b"").partition(b";")[0]
        self.observer.observe(
            Observed(
                request_id=out.request_id,
                tenant=visit.tenant.name,
                incoming=visit.incoming,
                asked=visit.asked,
                served=served,
                status=whole.status,
                media_type=media.strip().decode("latin-1").lower(),
                encoding=(one(whole.headers, b"content-encoding") or b"").decode("latin-1").lower(),
                body=whole.body,
                complete=out.complete,
                opted_out=visit.off,
                seconds=self.clock() - visit.started,
            )
        )


def _receipt(answer: Answer, request_id: str) -> list[Header]:
    """What the client is told of a tool's answer; an unknown amount is left out."""
    receipt = answer.receipt
    stated = {
        b"-rung": receipt.rung,
        b"-tool": receipt.tool,
        b"-cost-usd": None if receipt.cost_usd is None else f"{receipt.cost_usd:f}",
        b"-avoided-usd": None if receipt.avoided_usd is None else f"{receipt.avoided_usd:f}",
    }
    found = [(OURS + name, value.encode("ascii")) for name, value in stated.items() if value]
    return [*found, (b"x-request-id", request_id.encode("ascii"))]


async def _each(answered: writing.Answered) -> AsyncIterator[bytes]:
    for event in writing.events(answered):
        yield event


def _is_small(answer: aiohttp.ClientResponse) -> bool:
    return answer.content_length is not None and answer.content_length <= _SMALL


def _with(answer: aiohttp.ClientResponse, body: bytes | Refusal) -> Whole | Refusal:
    if isinstance(body, Refusal):
        return body
    return Whole(answer.status, tuple(to_client(answer.raw_headers)), body)


def _key(visit: Visit) -> str:
    """Equal for two requests only when the upstream could not tell them apart."""
    call = visit.call
    return digest(
        canonical_json(
            [
                visit.tenant.name,
                call.method,
                call.target,
                [list(header) for header in call.headers],
                sha256(call.body).hexdigest(),
            ]
        )
    )
