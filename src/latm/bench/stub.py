"""An upstream that knows the right answers, and a maker beside it, on loopback.

What is to be said flows in, an OpenAI-compatible server with a meter flows out. Invariants:
tokens are counted by one rule, about four bytes each, and priced by the list of prices; a
question that it was not told of is an error, never a guess.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from latm.errors import InputError
from latm.gateway.pricing import PriceList, tokens
from latm.gateway.server import configured, listening
from latm.settings import Settings
from latm.types import Usage

MODEL = "gpt-4o"
"""Whose list price is charged, for answers and for what a maker writes."""

Turns = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Meter:
    """What one of the two was asked, and what it charged."""

    calls: int = 0
    usd: Decimal = Decimal(0)


@dataclass(slots=True)
class Stub:
    """The answers, and who asked for how many.

    Attributes:
        answers: of each conversation.
        written: what the maker writes to a prompt.
        seconds: that an answer takes.
    """

    answers: dict[Turns, str]
    written: Callable[[str], str]
    seconds: float = 0.0
    upstream: Meter = field(default_factory=Meter)
    maker: Meter = field(default_factory=Meter)
    url: str = ""

    @property
    def base(self) -> str:
        """Of the upstream's API; that of the maker is `maker_base`."""
        return f"{self.url}/v1"

    @property
    def maker_base(self) -> str:
        return f"{self.url}/maker/v1"

    async def answer(self, request: Request) -> JSONResponse:
        """Say what is right, after the time that it takes."""
        turns = _turns(await request.json())
        if turns not in self.answers:
            return JSONResponse({"error": {"message": f"not told of {turns!r}"}}, 404)
        await asyncio.sleep(self.seconds)
        return _said(self.upstream, turns, self.answers[turns])

    async def make(self, request: Request) -> JSONResponse:
        """Write what a prompt of the maker asks for."""
        turns = _turns(await request.json())
        return _said(self.maker, turns, self.written(turns[-1][1]))


def _turns(body: Any) -> Turns:  # noqa: ANN401 - JSON
    return tuple((str(m["role"]), _text(m["content"])) for m in body["messages"])


def _text(content: Any) -> str:  # noqa: ANN401 - JSON
    return content if isinstance(content, str) else "".join(str(p["text"]) for p in content)


def usage_of(asked: Iterable[str], answer: str) -> Usage:
    """Tokens of one call, by the stub's rule."""
    return Usage(input=tokens(asked), output=tokens([answer]))


def price_of(usage: Usage) -> Decimal:
    """US dollars of one call.

    Raises:
        InputError: the list of prices no longer knows the model.
    """
    cost = PriceList({}).cost(MODEL, usage)
    if cost is None:
        raise InputError(f"the list of prices has no price of {MODEL!r}")
    return cost


def _said(meter: Meter, turns: Turns, text: str) -> JSONResponse:
    usage = usage_of((content for _, content in turns), text)
    meter.calls += 1
    meter.usd += price_of(usage)
    return JSONResponse(
        {
            "id": f"chatcmpl-{meter.calls}",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": usage.input,
                "completion_tokens": usage.output,
                "total_tokens": usage.total,
            },
        }
    )


@asynccontextmanager
async def listens(stub: Stub) -> AsyncGenerator[Stub]:
    """The stub on a free port of loopback, as long as the context is open."""
    routes = [
        Route("/v1/chat/completions", stub.answer, methods=["POST"]),
        Route("/maker/v1/chat/completions", stub.make, methods=["POST"]),
    ]
    with listening(Settings(serve_port=0)) as bound:
        stub.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        server = uvicorn.Server(configured(Starlette(routes=routes)))
        task = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        try:
            yield stub
        finally:
            server.should_exit = True
            await task


def as_json(value: object) -> str:
    """JSON for an environment variable."""
    return json.dumps(value, separators=(",", ":"))
