"""Embedded models: llama.cpp in a child process, spoken to over loopback.

A `ChatRequest` flows in, a `Reply` flows out. Invariants: a crash of llama.cpp is a
`ModelUnavailableError` here and nothing worse; the child dies with its parent; a reply to
a request with a schema either fits the schema or has ``finish`` "other" (or "length").

What it does not cover: requests beyond the context are refused by the server, and greedy
sampling is repeatable only for the same build, threads, slots and neighbours in the batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import httpx2

from latm.errors import ModelFileError, ModelRefusedError, ModelUnavailableError
from latm.models.grammar import enforceable, fits
from latm.types import ChatRequest, Reply, Usage

_START_SECONDS = 180.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Child:
    """A running server and the client that speaks to it; both end together."""

    process: asyncio.subprocess.Process
    client: httpx2.AsyncClient


class LocalModel:
    """One embedded model; its child process starts with the first call.

    One event loop may use an instance.

    Args:
        name: full name, ``local:…``.
        path: of the GGUF file.
        threads: None: all cores of this process.
        slots: calls answered at the same time; each has ``context`` tokens.
        timeout: of one call, in seconds, from when it has a slot.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        threads: int | None = None,
        slots: int = 2,
        context: int = 4096,
        timeout: float = 300.0,
    ) -> None:
        self._name = name
        self._path = path
        self._context = context
        self._timeout = timeout
        self._key = secrets.token_urlsafe(24)
        self._options: Mapping[str, object] = {
            "path": str(path),
            "alias": name,
            "slots": slots,
            "context": context,
            "threads": threads or _cores(),
            "key": self._key,
        }
        self._child: _Child | None = None
        self._starting = asyncio.Lock()
        self._gate = asyncio.Semaphore(slots)

    @property
    def name(self) -> str:
        return self._name

    async def chat(self, request: ChatRequest) -> Reply:
        """Answer one request; a crashed child is started once more.

        Raises:
            ModelFileError: the file is not there.
            ModelUnavailableError: llama.cpp does not start, crashed twice or is too slow.
            ModelRefusedError: the request does not fit the context or the grammar.
        """
        body = _body(request)
        async with self._gate:
            response = await self._post(body) or await self._post(body)
        if response is None:
            raise ModelUnavailableError(
                f"{self._name!r} crashed twice on one request; check the memory that is "
                "free and the file with 'latm models verify'"
            )
        if response.status_code >= 500:
            raise ModelUnavailableError(f"{self._name!r} failed: {_reason(response)}; try again")
        if response.status_code >= 400:
            raise ModelRefusedError(
                f"{self._name!r} refused the request: {_reason(response)}; "
                f"a request has at most {self._context} tokens"
            )
        return _reply(response.json(), self._name, request)

    async def aclose(self) -> None:
        """End the child process; may be called twice."""
        child, self._child = self._child, None
        if child is not None:
            await _stop(child)

    async def _post(self, body: Mapping[str, object]) -> httpx2.Response | None:
        """The server's response; None when the child crashed."""
        child = await self._running()
        try:
            return await child.client.post("/v1/chat/completions", json=body)
        except httpx2.TimeoutException as error:
            raise ModelUnavailableError(
                f"{self._name!r} gave no answer in {self._timeout:g} s; "
                "ask for fewer tokens or set LATM_REQUEST_SECONDS higher"
            ) from error
        except httpx2.TransportError:
            # Of several chats that saw the same crash, only the first finds its child here.
            if self._child is child:
                await self.aclose()
            return None

    async def _running(self) -> _Child:
        async with self._starting:
            if self._child is not None and self._child.process.returncode is not None:
                await self.aclose()
            if self._child is None:
                self._child = await self._start()
            return self._child

    async def _start(self) -> _Child:
        if not self._path.is_file():
            raise ModelFileError(
                f"the file of {self._name!r} is not there; "
                f"run 'latm models fetch {self._name.partition(':')[2]}'"
            )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "latm.models.llama_server"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
        try:
            address = await self._greet(process)
        except BaseException:
            await _end(process)
            raise
        client = httpx2.AsyncClient(
            base_url=address,
            timeout=httpx2.Timeout(self._timeout, connect=10.0),
            headers={"Authorization": f"Bearer {self._key}"},
            # A proxy of the environment must not see loopback traffic.
            trust_env=False,
        )
        return _Child(process, client)

    async def _greet(self, process: asyncio.subprocess.Process) -> str:
        """Hand the child its options; the address that it listens on."""
        assert process.stdin is not None
        assert process.stdout is not None
        options = json.dumps({**self._options, "parent": os.getpid()})
        try:
            process.stdin.write(options.encode() + b"\n")
            await process.stdin.drain()
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        except (TimeoutError, ConnectionError):
            line = b""
        greeting: dict[str, str] = json.loads(line or "{}")
        if "address" in greeting:
            return greeting["address"]
        why = greeting.get("error", "its process ended or hung while loading")
        raise ModelUnavailableError(
            f"llama.cpp does not start with {self._path.name!r}: {why}; check the file with "
            "'latm models verify' and that the extra 'latm[local]' is installed"
        )


async def _stop(child: _Child) -> None:
    await child.client.aclose()
    await _end(child.process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the child see the end of its input; kill it when it does not go."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _environment() -> Mapping[str, str]:
    """What the child gets: no keys, and the parent's path of modules."""
    return {
        # OpenMP's spinning collapses under other load (22 to 2 tokens/s); passive holds.
        "OMP_WAIT_POLICY": "passive",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _reply(answer: Any, name: str, request: ChatRequest) -> Reply:  # noqa: ANN401 - wire data
    choice, usage = answer["choices"][0], answer["usage"]
    text = str(choice["message"].get("content") or "")
    timings: dict[str, Any] = answer.get("timings") or {}
    tokens = Usage(
        int(usage["prompt_tokens"]),
        min(int(timings.get("cache_n") or 0), int(usage["prompt_tokens"])),
        int(usage["completion_tokens"]),
    )
    finish: Literal["stop", "length", "other"] = "other"
    if choice.get("finish_reason") == "length":
        finish = "length"
    elif choice.get("finish_reason") == "stop" and fits(text, request.schema):
        finish = "stop"
    return Reply(text, name, tokens, Decimal(0), "local", finish)


def _body(request: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = {
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "cache_prompt": True,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if request.stop:
        body["stop"] = list(request.stop)
    if request.schema is not None:
        schema = enforceable(json.loads(request.schema))
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": schema},
        }
    return body


def _reason(response: httpx2.Response) -> str:
    try:
        message = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = f"status {response.status_code}"
    return " ".join(message.split())[:200]
