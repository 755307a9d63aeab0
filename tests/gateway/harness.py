"""A raw upstream and a gateway on loopback, in the process of the test.

Bytes of requests are kept as they come, bytes of answers go out as a test wrote them.
Invariant: after a block no socket and no task of it is left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from latm.gateway.app import Parts, build
from latm.gateway.server import configured, listening
from latm.runtime import opened
from latm.settings import Settings
from latm.types import (
    Parameter,
    Provenance,
    Slot,
    Solver,
    State,
    Template,
    Tool,
    Verification,
)


@dataclass(frozen=True)
class Seen:
    """One request, as its bytes came."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class Step:
    """What the upstream does: bytes to send one after another, then the end.

    Attributes:
        gate: awaited before the last part.
        hold: keep the connection until the client hangs up; ``close``: hang up.
    """

    parts: Sequence[bytes]
    gate: asyncio.Event | None = None
    hold: bool = False
    close: bool = False


Script = Step | Callable[[Seen], Step]
"""What is done each time, or a function of the request."""


def http(body: bytes, status: int = 200, **headers: str) -> Step:
    """A whole answer with its length."""
    named = {"content-type": "application/json", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    start = f"HTTP/1.1 {status} Said\r\n{head}content-length: {len(body)}\r\n\r\n"
    return Step([start.encode() + body])


def chunked(parts: Sequence[bytes], *, gate: asyncio.Event | None = None, **headers: str) -> Step:
    """An answer in chunks, one for each part."""
    named = {"content-type": "text/event-stream", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    start = f"HTTP/1.1 200 OK\r\n{head}transfer-encoding: chunked\r\n\r\n".encode()
    body = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part]
    return Step([start, *body, b"0\r\n\r\n"], gate)


class RawUpstream:
    """Listens on loopback; ``url`` ends in ``/v1``."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[Seen] = []
        self.arrived = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    await self._exchange(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8").split("\r\n")
        headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append(Seen(head[0], headers, body))
        self.arrived.set()
        step = self.script if isinstance(self.script, Step) else self.script(self.seen[-1])
        for number, part in enumerate(step.parts):
            if step.gate and number == len(step.parts) - 1:
                await step.gate.wait()
            writer.write(part)
            await writer.drain()
        if step.hold:
            await reader.read()
            self.hung_up.set()
        if step.close:
            raise ConnectionError("the script says so")

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def upstream(script: Script) -> AsyncGenerator[RawUpstream]:
    served = RawUpstream(script)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, limit=2**24)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
        await served.end()
        await server.wait_closed()


@dataclass
class Running:
    """A gateway that listens."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def raw(self, request: bytes) -> bytes:
        """All that comes back on a fresh connection until its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer

    async def post(
        self, body: bytes | Mapping[str, object], path: str = "/v1/chat/completions", **headers: str
    ) -> Got:
        """A POST on a fresh connection; its answer with status, headers and bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"host": "localhost", "connection": "close", **headers}
        head = "".join(f"{n.replace('_', '-')}: {v}\r\n" for n, v in named.items())
        start = f"POST {path} HTTP/1.1\r\n{head}content-length: {len(data)}\r\n\r\n"
        return Got.of(await self.raw(start.encode() + data))

    async def get(self, path: str, **headers: str) -> Got:
        named = {"host": "localhost", "connection": "close", **headers}
        head = "".join(f"{n.replace('_', '-')}: {v}\r\n" for n, v in named.items())
        return Got.of(await self.raw(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()))


@dataclass(frozen=True)
class Got:
    """An answer; ``body`` is without the chunks it came in."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool

    @staticmethod
    def of(raw: bytes) -> Got:
        head, _, rest = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}
        if headers.get("transfer-encoding") != "chunked":
            length = int(headers.get("content-length", len(rest)))
            return Got(int(first.split(" ")[1]), headers, rest, len(rest) == length)
        body, whole = b"", False
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            count = int(size, 16)
            whole = whole or count == 0
            body, rest = body + rest[:count], rest[count + 2 :]
        return Got(int(first.split(" ")[1]), headers, body, whole)

    @property
    def error(self) -> dict[str, object]:
        return json.loads(self.body)["error"]


@dataclass
class Clock:
    """A clock that only a test moves."""

    seconds: float = 1000.0
    pauses: list[float] = field(default_factory=list[float])

    def __call__(self) -> float:
        return self.seconds

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


@asynccontextmanager
async def gateway(
    home: Path, upstream_url: str, parts: Parts | None = None, **settings: object
) -> AsyncGenerator[Running]:
    settings.setdefault("serve_port", 0)
    # What reaches the upstream is what clients sent; the tests of trust say otherwise.
    settings.setdefault("audit_calls", 0)
    chosen = Settings.model_validate({"home": home, "upstream_url": upstream_url, **settings})
    bound = listening(chosen)
    server = uvicorn.Server(configured(build(chosen, parts) if parts else build(chosen)))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started:
        assert not task.done(), "the gateway did not start"
        await asyncio.sleep(0)
    try:
        yield Running(bound.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        bound.close()


def listening_port(url: str) -> int:
    """The port of an address."""
    return urlsplit(url).port or 0


SORT_SOURCE = "def solve(words):\n    return sorted(words)"


async def store_sorting(
    home: Path, *, fingerprint: str = "", source: str = SORT_SOURCE, state: State = "live"
) -> None:
    """Put a tool into the store of a home: ``Sort the words: b a`` gives ``a b``."""
    async with opened(Settings(home=home)) as runtime:
        version = (await runtime.executor(["monty"])).engine_version("monty")
        solver = Solver(source, "solve", (Parameter("words", ("words",)),), "monty", version)
        words = Slot("words", "list", item="word", separator=" ")
        made = Tool(
            name="sorting",
            shape=0,
            template=Template(("Sort the words: ", ""), (words,)),
            solver=solver,
            answer=Template(("", ""), (words,)),
            schema="{}",
            demonstrations=(),
            provenance=Provenance("made", "scripted:maker", "greedy", "2026-01-01T00:00:00Z"),
            verification=Verification(3, 3, 3, 3),
            fingerprint=fingerprint,
        )
        await runtime.store.toolbox.add(made, state, "a test says so")


async def until_ready(running: Running, tools: str) -> None:
    """Wait until the gateway says of its tools what is expected."""
    while tools not in (await running.get("/readyz")).body.decode():
        pass
