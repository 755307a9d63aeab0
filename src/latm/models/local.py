"""Embedded models: llama.cpp in a child process, spoken to over loopback.

A `ChatRequest` flows in, a `Reply` flows out. Invariants: a crash of llama.cpp is a
`ModelUnavailableError` here and nothing worse; the child dies with its parent; a reply to
a request with a schema either fits the schema or has ``finish`` "other".

What it does not cover: requests beyond the context are refused by the server, and greedy
sampling is repeatable only for the same build, threads and slots.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import secrets
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema

from latm.errors import ModelFileError, ModelRefusedError, ModelUnavailableError
from latm.models.catalog import find, path_of
from latm.models.grammar import enforceable
from latm.models.names import LOCAL
from latm.types import ChatRequest, Reply, Usage

_START_SECONDS = 120.0
_PR_SET_PDEATHSIG = 1


class LocalModel:
    """One embedded model; its child process starts with the first call.

    Args:
        name: full name, ``local:…``.
        path: of the GGUF file.
        threads: None: all cores of this process.
        slots: calls answered at the same time; each has ``context`` tokens.
        timeout: of one call, in seconds.
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
        self._threads = threads or len(os.sched_getaffinity(0))
        self._slots = slots
        self._context = context
        self._timeout = timeout
        self._key = secrets.token_urlsafe(24)
        self._process: asyncio.subprocess.Process | None = None
        self._client: httpx.AsyncClient | None = None
        self._starting = asyncio.Lock()
        self._gate = asyncio.Semaphore(slots)

    @classmethod
    def of_catalog(
        cls, model: str, home: Path, *, threads: int | None, slots: int, timeout: float
    ) -> LocalModel:
        """An embedded model by its name in the catalog.

        Raises:
            UnknownNameError: no such embedded model.
        """
        embedded = find(model)
        path = path_of(embedded, home)
        return cls(f"{LOCAL}:{model}", path, threads=threads, slots=slots, timeout=timeout)

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
        async with self._gate:
            try:
                return await self._ask(request)
            except httpx.TimeoutException as error:
                raise ModelUnavailableError(
                    f"{self._name!r} gave no answer in {self._timeout:g} s; "
                    "ask for fewer tokens or set LATM_REQUEST_SECONDS higher"
                ) from error
            except httpx.TransportError:
                await self._stop()
            try:
                return await self._ask(request)
            except httpx.TransportError as error:
                raise ModelUnavailableError(
                    f"{self._name!r} crashed twice on one request; check the memory that is "
                    "free and the file with 'latm models verify'"
                ) from error

    async def aclose(self) -> None:
        """End the child process; may be called twice."""
        await self._stop()

    async def _ask(self, request: ChatRequest) -> Reply:
        client = await self._running()
        response = await client.post("/v1/chat/completions", json=_body(request))
        if response.status_code >= 400:
            raise ModelRefusedError(
                f"{self._name!r} refused the request: {_reason(response)}; "
                f"a request has at most {self._context} tokens"
            )
        return self._reply(response.json(), request)

    def _reply(self, answer: Any, request: ChatRequest) -> Reply:  # noqa: ANN401 - wire data
        choice, usage = answer["choices"][0], answer["usage"]
        text = str(choice["message"].get("content") or "")
        timings: dict[str, Any] = answer.get("timings") or {}
        cached = int(timings.get("cache_n") or 0)
        finish = choice.get("finish_reason")
        if finish not in ("stop", "length") or not _fits(text, request.schema):
            finish = "length" if finish == "length" else "other"
        tokens = Usage(
            int(usage["prompt_tokens"]),
            min(cached, int(usage["prompt_tokens"])),
            int(usage["completion_tokens"]),
        )
        return Reply(text, self._name, tokens, Decimal(0), "local", finish)

    async def _running(self) -> httpx.AsyncClient:
        async with self._starting:
            if self._process is not None and self._process.returncode is not None:
                await self._stop()
            if self._client is None:
                address = await self._start()
                self._client = httpx.AsyncClient(
                    base_url=address,
                    timeout=httpx.Timeout(self._timeout, connect=10.0),
                    headers={"Authorization": f"Bearer {self._key}"},
                    # A proxy of the environment must not see loopback traffic.
                    trust_env=False,
                )
            return self._client

    async def _start(self) -> str:
        if not self._path.is_file():
            raise ModelFileError(
                f"the file of {self._name!r} is not there; "
                f"run 'latm models fetch {self._name.partition(':')[2]}'"
            )
        options = {
            "path": str(self._path),
            "alias": self._name,
            "slots": self._slots,
            "context": self._context,
            "threads": self._threads,
            "key": self._key,
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "latm.models.llama_server", json.dumps(options)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # OpenMP's spinning collapses under other load (22 to 2 tokens/s); passive holds.
            env={"OMP_WAIT_POLICY": "passive", "LC_ALL": "C.UTF-8"},
            preexec_fn=_die_with_parent,
        )
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _START_SECONDS)
        except TimeoutError:
            line = b""
        if not line:
            await self._stop()
            raise ModelUnavailableError(
                f"llama.cpp does not start with {self._path.name!r}; check the file with "
                "'latm models verify' and that the extra 'latm[local]' is installed"
            )
        return str(json.loads(line)["address"])

    async def _stop(self) -> None:
        client, self._client = self._client, None
        process, self._process = self._process, None
        if client is not None:
            await client.aclose()
        if process is not None:
            if process.returncode is None:
                process.kill()
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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


def _reason(response: httpx.Response) -> str:
    try:
        message = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = f"status {response.status_code}"
    return " ".join(message.split())[:200]


def _fits(text: str, schema: str | None) -> bool:
    if schema is None:
        return True
    try:
        jsonschema.validate(json.loads(text), json.loads(schema))
    except (ValueError, RecursionError, jsonschema.ValidationError):
        return False
    return True
