"""One request under ``/v1``: in from the client, out to it.

    admitted → read → asked → tools → answer
                       └ bypass, opted out, no tool, slow tool → upstream → its bytes

Invariants: what no tool answers goes on and comes back with its bytes unchanged; a client
that goes away ends its call; the observer is told after the client.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import aiohttp
from starlette.types import Receive, Scope, Send

from latm.gateway import writing
from latm.gateway.breaker import Clock
from latm.gateway.budgets import Budgets
from latm.gateway.charging import NOTHING, Charging
from latm.gateway.flights import Flights
from latm.gateway.headers import OURS, one, to_client, to_upstream
from latm.gateway.insight import Insight
from latm.gateway.keys import Keys
from latm.gateway.observing import MOST_KEPT, Observed, Observer
from latm.gateway.reading import Kind, read
from latm.gateway.refusal import Header, Refusal
from latm.gateway.serving import Serving
from latm.gateway.transfer import Outbound, body_of, target_of, until_gone
from latm.gateway.upstream import Call, Upstream, Whole, read_whole
from latm.gateway.visits import NO_RECEIPT, Done, Outcome, Visit
from latm.identity import canonical_json, digest
from latm.types import Receipt
from latm.using.gate import Asked, asked

_KINDS: dict[str, Kind] = {"/chat/completions": "chat", "/responses": "responses"}
_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
_UPSTREAM: Header = (OURS + b"-rung", b"upstream")
_SMALL = 1024 * 1024
"""Bytes; an answer up to this size is read before it is passed on, so that it is whole."""
_MOST_ERROR = 1024 * 1024
_READ = ("text/event-stream", "application/json")
"""Media types of answers that say what they cost."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Landed:
    """A shared call's answer; ``taken`` once somebody bears its cost."""

    whole: Whole | Refusal
    taken: bool = False


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
    charging: Charging
    budgets: Budgets
    insight: Insight
    key: str | None
    most_body: int
    clock: Clock
    now: Callable[[], float]
    new_id: Callable[[], str]
    observer: Observer | None = None
    _flights: Flights[Landed] = field(default_factory=Flights[Landed])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        out = Outbound(send, self.new_id())
        began, started = self.now(), self.clock()
        visit: Visit | Refusal | None = None
        try:
            visit = await self._let_in(scope, receive)
            if isinstance(visit, Refusal):
                await out.refuse(visit)
            elif visit is not None and not await self._serve(visit, out):
                await self._go_on(visit, out, receive)
        finally:
            let_in = visit if isinstance(visit, Visit) else None
            self.insight.done(
                Done(
                    out.request_id,
                    let_in,
                    out.status,
                    out.complete,
                    began,
                    started,
                    self.clock() - started,
                    let_in.outcome.receipt if let_in else NO_RECEIPT,
                    (one(scope["headers"], b"traceparent") or b"").decode("latin-1"),
                )
            )

    # --- in ----------------------------------------------------------------------------

    async def _let_in(self, scope: Scope, receive: Receive) -> Visit | Refusal | None:
        """The request, read; None when the client left."""
        outcome = Outcome(started=self.clock())
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
            outcome,
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
        answer = await self.serving.answer(question, incoming.request)
        if answer is None or answer.text is None:
            visit.outcome.tried = answer.receipt if answer else visit.outcome.tried
            return False
        visit.outcome.rung, visit.outcome.answer = answer.receipt.rung, answer
        answered = writing.Answered(
            incoming, answer.text, answer.receipt.usage, out.request_id, int(self.now())
        )
        out.extra += [*_stated(answer.receipt), (b"x-request-id", out.request_id.encode("ascii"))]
        if incoming.stream:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
            await out.stream(200, [*headers, (b"cache-control", b"no-cache")], _each(answered))
        else:
            body = writing.whole(answered)
            length = (b"content-length", b"%d" % len(body))
            await out.whole(200, [(b"content-type", b"application/json"), length], body)
        self._tell(visit, out, Whole(200, (), b""))
        return True

    # --- the upstream's answer ---------------------------------------------------------

    async def _go_on(self, visit: Visit, out: Outbound, receive: Receive) -> None:
        """Ask the upstream, if the tenant's budget allows it."""
        if (refusal := self.budgets.admit(visit)) is not None:
            await out.refuse(refusal)
            return
        visit.outcome.rung, visit.outcome.asked_at = "upstream", self.clock()
        if visit.call.method != "POST":
            visit.outcome.charge = NOTHING
        try:
            await until_gone(receive, self._pass(visit, out))
        finally:
            self.budgets.release(visit)

    async def _pass(self, visit: Visit, out: Outbound) -> None:
        incoming = visit.incoming
        if incoming and incoming.shareable and not incoming.stream and not visit.off:
            await self._pass_shared(visit, out)
            return
        answer = await self.upstream.ask(visit.call)
        if isinstance(answer, Refusal):
            await self._pass_whole(visit, out, Landed(answer))
        elif answer.status >= 400 or _is_small(answer):
            body = await read_whole(answer, _MOST_ERROR)
            await self._pass_whole(visit, out, Landed(_with(answer, body)))
        else:
            await self._pass_stream(visit, out, answer)

    async def _pass_shared(self, visit: Visit, out: Outbound) -> None:
        """One call for all who ask the same at the same time; only one is told and charged."""

        async def call() -> Landed:
            return Landed(await self.upstream.whole(visit.call))

        await self._pass_whole(visit, out, await self._flights.join(_key(visit), call))

    async def _pass_whole(self, visit: Visit, out: Outbound, landed: Landed) -> None:
        whole, first = landed.whole, not landed.taken
        landed.taken = True
        self._charge(visit, whole, first=first)
        out.extra += _stated(visit.outcome.receipt)
        if isinstance(whole, Refusal):
            await out.refuse(whole)
            return
        body = whole.body
        if whole.status >= 400 and self.key:
            # Some upstreams repeat the key in their errors; this one is not the client's.
            body = body.replace(self.key.encode(), b"*" * len(self.key.encode()))
        await out.whole(whole.status, whole.headers, body)
        if first:
            self._tell(visit, out, whole)

    def _charge(self, visit: Visit, whole: Whole | Refusal, *, first: bool) -> None:
        """Put the cost of an answer to the one who asked first; the others avoided it."""
        outcome = visit.outcome
        if isinstance(whole, Refusal):
            outcome.charge = NOTHING if whole.unasked or not first else outcome.charge
        elif whole.status >= 400:
            # No API charges for what it refuses or fails to do.
            outcome.charge = NOTHING
        elif outcome.charge.cost_usd is None:
            charge = self.charging.of_whole(visit.incoming, whole.body, _coding(whole.headers))
            outcome.charge = charge if first else NOTHING
            outcome.avoided_usd = outcome.avoided_usd if first else charge.cost_usd

    async def _pass_stream(
        self, visit: Visit, out: Outbound, answer: aiohttp.ClientResponse
    ) -> None:
        kept: list[bytes] = []
        headers = tuple(to_client(answer.raw_headers))
        media = _media(headers)
        room = MOST_KEPT if media in _READ or visit.incoming else 0
        cut = False

        async def parts() -> AsyncIterator[bytes]:
            nonlocal room, cut
            async for part in answer.content.iter_any():
                cut = cut or len(part) > room
                if not cut:
                    kept.append(part)
                    room -= len(part)
                yield part

        out.extra.append(_UPSTREAM)
        try:
            await out.stream(answer.status, headers, parts())
        except (aiohttp.ClientError, TimeoutError) as error:
            # The client sees what happened: its connection ends in the middle too.
            _log.warning("the upstream broke off its answer: %s", type(error).__name__)
        finally:
            answer.close()
            whole = Whole(answer.status, headers, b"".join(kept))
            if not cut and media == "text/event-stream":
                of_stream = self.charging.of_stream
                visit.outcome.charge = of_stream(visit.incoming, whole.body, _coding(headers))
            elif not cut and out.complete:
                self._charge(visit, whole, first=True)
            self._tell(visit, out, whole, kept=not cut)

    def _tell(self, visit: Visit, out: Outbound, whole: Whole, *, kept: bool = True) -> None:
        if self.observer is None or visit.incoming is None:
            return
        self.observer.observe(
            Observed(
                request_id=out.request_id,
                tenant=visit.tenant.name,
                incoming=visit.incoming,
                asked=visit.asked,
                served=visit.outcome.answer,
                status=whole.status,
                media_type=_media(whole.headers),
                encoding=_coding(whole.headers),
                body=whole.body,
                complete=out.complete and kept,
                opted_out=visit.off,
                seconds=self.clock() - visit.outcome.started,
                call=visit.call,
            )
        )


def _stated(receipt: Receipt) -> list[Header]:
    """What the client is told of its answer; an unknown amount is left out."""
    stated = {
        b"-rung": receipt.rung,
        b"-tool": receipt.tool,
        b"-cost-usd": None if receipt.cost_usd is None else f"{receipt.cost_usd:f}",
        b"-avoided-usd": None if receipt.avoided_usd is None else f"{receipt.avoided_usd:f}",
    }
    return [(OURS + name, value.encode("ascii")) for name, value in stated.items() if value]


def _media(headers: Sequence[Header]) -> str:
    value = (one(headers, b"content-type") or b"").partition(b";")[0]
    return value.strip().decode("latin-1").lower()


def _coding(headers: Sequence[Header]) -> str:
    return (one(headers, b"content-encoding") or b"").decode("latin-1").lower()


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
