"""A provider on loopback that says what a test tells it to.

Requests flow in and are kept in ``seen``; answers flow out as the script says. Invariant:
after the block no socket of it is open.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One request: header names in lower case, the body parsed."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Silence:
    """The request is read and never answered."""


Said = Answer | Silence
Script = Sequence[Said] | Callable[[Seen], Said]
"""Answers in order, the last one again and again; or a function of the request."""


class Stub:
    """A server of one test; its ``url`` is ``http://127.0.0.1:port``."""

    def __init__(self, script: Script) -> None:
        self.seen: list[Seen] = []
        self.url = ""
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def last(self) -> dict[str, Any]:
        """The body of the last request."""
        return self.seen[-1].body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # A client that gives up closes its end.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._exchange(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.append(await _read(reader))
        said = self._answer(self.seen[-1])
        if isinstance(said, Silence):
            await reader.read()  # until the client hangs up
            return
        content = json.dumps(said.body).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Connection": "close",
            **said.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {said.status} Said\r\n{head}\r\n".encode() + content)
        await writer.drain()

    def _answer(self, seen: Seen) -> Said:
        if callable(self._script):
            return self._script(seen)
        return self._script[min(len(self.seen), len(self._script)) - 1]

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def stub(script: Script) -> AsyncGenerator[Stub]:
    """Serve the script until the block ends."""
    served = Stub(script)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    served.url = f"http://{host}:{port}"
    try:
        yield served
    finally:
        server.close()
        await served.end()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in head[1:] if line]
    headers = {name.lower(): value for name, value in pairs}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(head[0].split(" ")[1], headers, json.loads(content or b"{}"))


# --- what providers say ----------------------------------------------------------------


def completion(
    text: str,
    *,
    model: str = "gpt-4o-mini",
    finish: str = "stop",
    cached: int = 0,
    output: int = 10,
    counted: bool = True,
) -> Answer:
    """An answer of OpenAI's chat completions: 100 tokens in, ``cached`` among them."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
        "logprobs": None,
    }
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": output,
        "total_tokens": 100 + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    body: dict[str, object] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": model,
        "choices": [choice],
    }
    return Answer({**body, "usage": usage} if counted else body)


def message(text: str, *, model: str = "claude-haiku-4-5", **usage: int) -> Answer:
    """An answer of Anthropic's messages."""
    return Answer(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 200, "output_tokens": 50} | usage,
        }
    )


def error(status: int, text: str = "no", **headers: str) -> Answer:
    """An error as OpenAI words it; ``Retry_After`` becomes the header ``Retry-After``."""
    body = {"error": {"message": text, "type": "error", "code": None, "param": None}}
    return Answer(body, status, {name.replace("_", "-"): v for name, v in headers.items()})
