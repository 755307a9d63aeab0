"""Bytes between the gateway and one client: ASGI messages in and out.

Invariants: no more of a request is held than its bound; every response carries its
request's id; a client that has gone away is noticed while its answer is being made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from latm.gateway.headers import one
from latm.gateway.refusal import Header, Refusal

ROOT = "/v1"
BODY_SECONDS = 30.0
"""For a whole request to arrive."""
_DRAINED = 4


def target_of(scope: Scope) -> str | Refusal:
    """Path and query below `ROOT`, as the client wrote them."""
    raw: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    try:
        path = raw.decode("ascii")
        target = f"{path}?{query.decode('ascii')}" if query else path
    except UnicodeDecodeError:
        return Refusal(400, "the address is not ASCII; encode other characters as %XX")
    parts = unquote(path).replace("\\", "/").split("/")
    if not path.startswith(ROOT) or "." in parts or ".." in parts or not path.isprintable():
        return Refusal(400, "the path is not below /v1; send it without '.' and '..'")
    return target.removeprefix(ROOT)


async def body_of(receive: Receive, headers: Sequence[Header], most: int) -> bytes | Refusal | None:
    """The body of a request; None when the client left before it was whole."""
    too_large = Refusal(413, f"the request is larger than {most} bytes", close=True)
    length = one(headers, b"content-length")
    if length is not None and (len(length) > 15 or int(length) > most * _DRAINED):
        return too_large
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            # A client that is still sending reads no refusal, so a little more is taken in.
            while more and size <= most * _DRAINED:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                part = message.get("body", b"")
                size += len(part)
                if size <= most:
                    parts.append(part)
                else:
                    parts.clear()
                more = message.get("more_body", False)
    except TimeoutError:
        return Refusal(408, f"the request took longer than {BODY_SECONDS:g} s", close=True)
    return too_large if size > most else b"".join(parts)


async def until_gone(receive: Receive, work: Awaitable[None]) -> None:
    """Do the work, and stop in the middle when the client goes away."""
    worker = asyncio.current_task()
    assert worker is not None, "requests are handled in tasks"
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        worker.cancel()

    watcher = asyncio.create_task(watch())
    try:
        await work
    except asyncio.CancelledError:
        if not gone:
            raise
        worker.uncancel()
    finally:
        watcher.cancel()


@dataclass(slots=True)
class Outbound:
    """The response to one request.

    Attributes:
        extra: headers of ours that it carries.
        complete: the client was given all of it.
        status: as sent; 0 before.
    """

    send: Send
    request_id: str
    extra: list[Header] = field(default_factory=list[Header])
    complete: bool = False
    status: int = 0

    async def whole(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """A response in one piece; its length is among the headers, or told in chunks."""
        await self._start(status, headers)
        await self.send({"type": "http.response.body", "body": body})
        self.complete = True

    async def stream(
        self, status: int, headers: Iterable[Header], parts: AsyncIterator[bytes]
    ) -> None:
        """A response in the pieces that it comes in."""
        await self._start(status, headers)
        async for part in parts:
            await self.send({"type": "http.response.body", "body": part, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})
        self.complete = True

    async def refuse(self, refusal: Refusal) -> None:
        """A refusal, as an error of the API."""
        body = refusal.body()
        length = (b"content-length", b"%d" % len(body))
        await self.whole(refusal.status, [*refusal.headers(), length], body)

    async def _start(self, status: int, headers: Iterable[Header]) -> None:
        self.status = status
        ours = [(b"x-latm-request-id", self.request_id.encode("ascii")), *self.extra]
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *ours]}
        )
