"""The upstream over HTTP: a call flows in, its open response or a `Refusal` flows out.

Invariants: the address is the operator's and no redirect is followed; a call is made again
only when the upstream cannot have begun to answer it; what has gone wrong is told without
the words of the upstream's library.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from latm.gateway.breaker import Breaker
from latm.gateway.headers import to_client
from latm.gateway.refusal import Header, Refusal

Pause = Callable[[float], Awaitable[None]]

RETRIES = 2
LONGEST_PAUSE = 5.0
"""Seconds; a longer ``Retry-After`` is left to the client."""
MOST_WHOLE = 64 * 1024 * 1024
"""Bytes of an answer that is read before it is passed on."""

_CONNECT_SECONDS = 10.0
# Servers close idle connections after 5 s or more; reusing one that is being closed would
# lose a request that must not be repeated.
_IDLE_SECONDS = 4.0
_LONGEST_HEADER = 64 * 1024
# aiohttp warns of larger ones that are handed over as bytes.
_LARGE = 1024 * 1024
_REFUSED_FOR_NOW = (429, 503)
_BROKEN = (502, 503, 504)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the upstream; ``target`` is path and query below its base address."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer of the upstream, read to its end."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


class Upstream:
    """A pool of connections to one API."""

    def __init__(
        self,
        base_url: str,
        *,
        seconds: float,
        breaker: Breaker,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._seconds = seconds
        self._pause = pause
        self._session: aiohttp.ClientSession | None = None
        self.breaker = breaker

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_SECONDS, sock_read=self._seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, call: Call) -> aiohttp.ClientResponse | Refusal:
        """The response, open before its body; the caller reads or closes it."""
        waited = 0.0
        for left in range(RETRIES, -1, -1):
            wait = self.breaker.wait()
            if wait > 0:
                return Refusal(
                    503,
                    f"the upstream does not answer; try again in {max(1, round(wait))} s",
                    "upstream_error",
                    "upstream_unavailable",
                    retry_after=wait,
                    unasked=True,
                )
            answer, pause = await self._once(call)
            waited += pause or 0.0
            if pause is None or not left or waited > LONGEST_PAUSE:
                return answer
            if not isinstance(answer, Refusal):
                answer.close()
            await self._pause(pause)
        raise AssertionError("the last try returns")

    async def whole(self, call: Call) -> Whole | Refusal:
        """The response with its body, read to the end."""
        answer = await self.ask(call)
        if isinstance(answer, Refusal):
            return answer
        body = await read_whole(answer)
        if isinstance(body, Refusal):
            return body
        return Whole(answer.status, tuple(to_client(answer.raw_headers)), body)

    async def _once(self, call: Call) -> tuple[aiohttp.ClientResponse | Refusal, float | None]:
        """One try, and the pause after which another one is safe; None: it is not."""
        assert self._session is not None, "the upstream is used inside its block"
        body = call.body or None
        try:
            answer = await self._session.request(
                call.method,
                URL(self._base + call.target, encoded=True),
                headers=call.headers,
                data=io.BytesIO(body) if body and len(body) > _LARGE else body,
                allow_redirects=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self.breaker.failed()
            _log.warning("the upstream cannot be reached: %s", type(error).__name__)
            return replace(_gone(502, "cannot be reached"), unasked=True), 0.1
        except TimeoutError:
            self.breaker.failed()
            return _gone(504, f"was silent for {self._seconds:g} s"), None
        except (aiohttp.ClientError, ValueError) as error:
            self.breaker.failed()
            _log.warning("the upstream gave no HTTP response: %s", type(error).__name__)
            return _gone(502, "gave no HTTP response"), None
        if not 200 <= answer.status <= 599:
            answer.close()
            self.breaker.failed()
            return _gone(502, "gave no HTTP response"), None
        if answer.status in _BROKEN:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
        return answer, _pause_of(answer)


async def read_whole(answer: aiohttp.ClientResponse, most: int = MOST_WHOLE) -> bytes | Refusal:
    """The body of a response, which is closed or done afterwards."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in answer.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > most:
                return _gone(502, f"gave more than {most} bytes")
    except TimeoutError:
        return _gone(504, "fell silent in its answer")
    except (aiohttp.ClientError, ValueError):
        return _gone(502, "broke off its answer")
    finally:
        answer.close() if size > most else answer.release()
    return b"".join(parts)


def _pause_of(answer: aiohttp.ClientResponse) -> float | None:
    """Seconds that a refused call should wait, when the upstream says how many."""
    if answer.status not in _REFUSED_FOR_NOW:
        return None
    try:
        pause = float(answer.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return pause if 0 <= pause <= LONGEST_PAUSE else None


def _gone(status: int, what: str) -> Refusal:
    return Refusal(status, f"the upstream {what}", "upstream_error", "upstream_failed")
