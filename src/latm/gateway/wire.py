"""The gateway's side of a connection, on top of uvicorn's: bounds on what a client may do.

Bytes of a client flow in, requests flow out to the application. Invariant: a client that
sends or reads slowly, or sends too much before its request begins, loses its connection
and nobody else's time.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from latm.gateway.refusal import Refusal

HEADER_SECONDS = 10.0
"""From the start of a connection, or of its next request, to the end of its headers."""
WRITE_SECONDS = 30.0
"""For a client that reads nothing while its answer waits."""
MOST_HEADER_BYTES = 64 * 1024
MOST_HEADERS = 200
MOST_CONNECTIONS = 1024
"""Of one address."""

_TOO_LONG = Refusal(431, f"the headers are more than {MOST_HEADER_BYTES} bytes; send fewer")
_TOO_MANY = Refusal(431, f"there are more than {MOST_HEADERS} headers; send fewer")
_TOO_SLOW = Refusal(408, f"the headers took longer than {HEADER_SECONDS:g} s")
_TOO_FULL = Refusal(503, "too many connections of one address; close some", retry_after=1)
_NO_HTTP = Refusal(400, "the request is not valid HTTP/1.1")


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a client."""

    _timer: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _header_bytes: int | None = 0
    """So far; None while a body or an answer is under way."""
    _breach: Refusal = _NO_HTTP

    # uvloop's transports are no subclass of asyncio's, so the type can only be stated.
    def connection_made(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        if self._same_address() > MOST_CONNECTIONS:
            self._refuse(_TOO_FULL)
        else:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._refuse, _TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer = _cancelled(self._timer)
        self._stall = _cancelled(self._stall)
        super().connection_lost(exc)

    # --- what comes in -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._header_bytes is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self._refuse(_TOO_LONG)

    def on_message_begin(self) -> None:
        self._timer = _cancelled(self._timer)
        self._timer = self.loop.call_later(HEADER_SECONDS, self._refuse, _TOO_SLOW)
        self._header_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._timer = _cancelled(self._timer)
        self._header_bytes = None
        if len(self.headers) > MOST_HEADERS:
            self._breach = _TOO_MANY
        elif sum(len(name) + len(value) for name, value in self.headers) > MOST_HEADER_BYTES:
            self._breach = _TOO_LONG
        if self._breach is not _NO_HTTP:
            # The parser turns it into the call of `send_400_response`.
            raise ValueError(self._breach.message)
        super().on_headers_complete()

    # --- what goes out -----------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._stall = _cancelled(self._stall)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._breach)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer without the application, and hang up."""
        if self.transport.is_closing():
            return
        body = refusal.body()
        head = [
            b"HTTP/1.1 %d %b" % (refusal.status, HTTPStatus(refusal.status).phrase.encode()),
            *(b"%b: %b" % header for header in refusal.headers()),
            b"content-length: %d" % len(body),
            b"connection: close",
        ]
        if not self._answering:
            self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.close()

    @property
    def _answering(self) -> bool:
        # None before the first request, against the declared type.
        cycle = self.cycle
        return bool(cycle) and cycle.response_started and not cycle.response_complete

    def _same_address(self) -> int:
        own = self.client[0] if self.client else None
        others = (getattr(connection, "client", None) for connection in self.connections)
        return sum(client is not None and client[0] == own for client in others)


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
