"""Serving: a question that a tool may serve flows in, its `Answer` flows out, or None.

The tools are those of the store, looked up again whenever the toolbox has changed.
Invariants: nothing that breaks here reaches the client, None lets the upstream answer; no
request waits longer than `SECONDS`; a tool serves only requests of its own fingerprint.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from latm.errors import LatmError
from latm.execution import Executor
from latm.gateway.breaker import Breaker, Clock
from latm.models import Model
from latm.models.prices import list_price
from latm.runtime import Runtime, opened
from latm.settings import Settings
from latm.types import Answer, EngineName, RungName, Tool, Usage
from latm.using.dispatcher import Dispatcher, Hit
from latm.using.flow import Flow
from latm.using.gate import Asked

SECONDS = 2.5
"""Longest that a client waits for the tools before the upstream is asked."""
_RETRY_SECONDS = 10.0
# English text and code have about four bytes a token with all current tokenizers.
_BYTES_PER_TOKEN = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one state of the toolbox, by who may be served by them."""

    revision: int
    executor: Executor
    user: Model | None
    bare: Dispatcher
    bound: Mapping[str, Dispatcher]

    def dispatcher(self, asked: Asked) -> Dispatcher | None:
        """The tools that may serve a request of this fingerprint."""
        if asked.fingerprint in self.bound:
            return self.bound[asked.fingerprint]
        return self.bare if asked.bare else None


@dataclass(slots=True)
class Serving:
    """The tools at work; without any, every question is the upstream's.

    Attributes:
        status: one word or line about the tools, for `/readyz`.
    """

    settings: Settings
    clock: Clock
    poll_seconds: float = 1.0
    models: Mapping[str, Model] = field(default_factory=dict[str, Model])
    status: str = "starting"
    _tools: Tools | None = None
    _breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])

    @property
    def engines(self) -> tuple[str, ...]:
        """The sandbox engines that passed their self-test."""
        return self._tools.executor.engines if self._tools else ()

    async def answer(self, asked: Asked, model: str) -> Answer | None:
        """The answer of a tool, or None when the upstream has to answer.

        Args:
            model: that the client asked for; its price is what is avoided.
        """
        tools = self._tools
        dispatcher = tools.dispatcher(asked) if tools else None
        if tools is None or dispatcher is None:
            return None
        route = dispatcher.route(asked.question)
        if not isinstance(route, Hit):
            return None
        breaker = self._breakers.setdefault(route.name, Breaker(self.clock, failures=3, seconds=60))
        if breaker.wait() > 0:
            return None
        flow = Flow(dispatcher, tools.executor, user=tools.user, price=_price(model, self.settings))
        rungs: tuple[RungName, ...] = ("tool", "user") if tools.user else ("tool",)
        try:
            async with asyncio.timeout(SECONDS):
                answer = await flow.answer(asked.question, name=route.name, rungs=rungs)
        except TimeoutError:
            breaker.failed()
            _log.warning("the tool of %s took longer than %g s", route.name, SECONDS)
            return None
        breaker.succeeded()
        return answer if _fits(answer.text, asked.most_bytes) else None

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the toolbox until told to stop; what cannot be opened is tried again.

        It is told and not cancelled, because engines that are being opened have to be closed.
        """
        while not stop.is_set():
            try:
                async with opened(self.settings, self.models) as runtime:
                    while not stop.is_set():
                        await self.refresh(runtime)
                        await _waited(stop, self.poll_seconds)
            except (LatmError, OSError) as error:
                # Its text may name files and hosts; `/readyz` is open to anybody.
                self.status = f"no tool serves: {type(error).__name__}"
                _log.warning("no tool serves, the upstream answers: %s", error)
            finally:
                # A closed store or sandbox must not be asked, and stale tools must not serve.
                self._tools = None
            await _waited(stop, _RETRY_SECONDS)

    async def refresh(self, runtime: Runtime) -> None:
        """Take up the tools of the store, when they have changed.

        Raises:
            StoreError: the store cannot be read.
            SandboxUnavailableError: no engine works here.
        """
        toolbox = runtime.store.toolbox
        revision = await toolbox.revision()
        if self._tools is not None and self._tools.revision == revision:
            return
        found = [item.tool for item in await toolbox.serving()]
        engines: set[EngineName] = {tool.solver.engine for tool in found} or {"monty"}
        executor = await runtime.executor(engines)
        # Named by the operator; a light model that was not may take seconds to answer.
        named = "user" in self.settings.model_fields_set
        user = runtime.model(self.settings.user) if named else None
        bare, bound = await asyncio.to_thread(_dispatchers, found)
        self._tools = Tools(revision, executor, user, bare, bound)
        self._breakers = {}
        self.status = f"{len(found)} tools serve"


async def _waited(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _dispatchers(tools: Iterable[Tool]) -> tuple[Dispatcher, dict[str, Dispatcher]]:
    """An index of the tools for bare questions, and one for each fingerprint."""
    groups: defaultdict[str, list[Tool]] = defaultdict(list)
    for tool in tools:
        groups[tool.fingerprint].append(tool)
    bare = groups.pop("", [])
    # The list of prices takes a moment to load; no request should wait for it.
    _per_million("gpt-4o")
    return Dispatcher(bare), {key: Dispatcher(group) for key, group in groups.items()}


def _fits(text: str | None, most_bytes: int | None) -> bool:
    """Whether there is an answer, and an upstream would not have had to cut it."""
    return text is not None and (most_bytes is None or len(text.encode()) <= most_bytes)


def _price(model: str, settings: Settings) -> Callable[[str, str], Decimal | None]:
    """What the upstream would have charged, at list price for estimated tokens."""
    own = settings.prices.get(f"openai:{model}")

    def price(question: str, text: str) -> Decimal | None:
        each = (own.input, own.output) if own else _per_million(model)
        if each is None:
            return None
        return (_tokens(question) * each[0] + _tokens(text) * each[1]) / 1_000_000

    return price


@lru_cache(maxsize=256)
def _per_million(model: str) -> tuple[Decimal, Decimal] | None:
    """List prices of input and output; kept, because looking one up takes as long as a tool."""
    # Asked for a thousand tokens, as some prices rise with the length of the input.
    each = [
        list_price(f"openai:{model}", usage) for usage in (Usage(input=1000), Usage(output=1000))
    ]
    if each[0] is None or each[1] is None:
        return None
    return each[0] * 1000, each[1] * 1000


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)
