"""Serving: a question that a tool may serve flows in, its `Answer` flows out, or None.

What was just answered to the very same request goes first, where that is on. The tools are
those of the store, looked up again whenever the toolbox has changed.
Invariants: nothing that breaks here reaches the client, None lets the upstream answer; no
request waits longer than `SECONDS`; a tool serves only requests of its own fingerprint.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from latm.embedding import Embedding
from latm.errors import LatmError
from latm.execution import Executor
from latm.gateway.breaker import Breaker, Clock
from latm.gateway.pricing import PriceList, tokens, warm_up
from latm.models import Model
from latm.runtime import Runtime, opened
from latm.settings import Settings
from latm.types import Answer, EngineName, RungName, Tool, Usage
from latm.using.dispatcher import Dispatcher, Hit
from latm.using.exact import Exact
from latm.using.flow import Flow
from latm.using.gate import Asked, Request
from latm.using.semantic import Semantic, semantic_of

SECONDS = 2.5
"""Longest that a client waits for the tools before the upstream is asked."""
NEAREST = "the nearest class"
"""In place of a name (names hold no blanks) where a judge has to say which class it is."""
_RETRY_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Group:
    """The tools of one fingerprint: by their templates, and those without one by likeness."""

    dispatcher: Dispatcher
    semantic: Semantic | None

    def target(self, question: str) -> str | None:
        """The class to ask; `NEAREST` where only a judge can tell, None where none serves."""
        route = self.dispatcher.route(question)
        if isinstance(route, Hit):
            return route.name
        if self.semantic is None or route.ambiguous:
            return None
        return NEAREST if isinstance(self.semantic.nearest(question), Hit) else None


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one state of the toolbox, by who may be served by them."""

    revision: int
    executor: Executor
    user: Model | None
    bare: Group
    bound: Mapping[str, Group]

    def group(self, asked: Asked) -> Group | None:
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
    exact: Exact = field(default_factory=lambda: Exact(0.0, time.monotonic))
    status: str = "starting"
    _tools: Tools | None = None
    _breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])

    @property
    def prices(self) -> PriceList:
        """What the upstream charges."""
        return PriceList(self.settings.prices)

    @property
    def engines(self) -> tuple[str, ...]:
        """The sandbox engines that passed their self-test."""
        return self._tools.executor.engines if self._tools else ()

    async def answer(self, asked: Asked, request: Request) -> Answer | None:
        """The answer of a tool, or None when the upstream has to answer.

        An answer without a text is the upstream's to give, too; its receipt says what was
        spent on trying.

        Args:
            request: what the client sent; its price at the upstream is what is avoided.
        """
        repeated = self.exact.answer(asked, _priced(self.prices, request))
        if repeated is not None:
            return repeated
        tools = self._tools
        group = tools.group(asked) if tools else None
        target = group.target(asked.question) if group else None
        if tools is None or group is None or target is None:
            return None
        breaker = self._breakers.setdefault(target, Breaker(self.clock, failures=3, seconds=60))
        if breaker.wait() > 0:
            return None
        flow = Flow(
            group.dispatcher,
            tools.executor,
            user=tools.user,
            price=_price(self.prices, request),
            semantic=group.semantic,
        )
        rungs: tuple[RungName, ...] = ("tool", "user") if tools.user else ("tool",)
        name = None if target == NEAREST else target
        try:
            async with asyncio.timeout(SECONDS):
                answer = await flow.answer(asked.question, name=name, rungs=rungs)
        except TimeoutError:
            breaker.failed()
            _log.warning("the tool of %s took longer than %g s", target, SECONDS)
            return None
        breaker.succeeded()
        fits = _fits(answer.text, asked.most_bytes)
        return answer if fits else replace(answer, text=None)

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
        bare, bound = await asyncio.to_thread(_groups, found, user, runtime.embedding)
        self._tools = Tools(revision, executor, user, bare, bound)
        self._breakers = {}
        self.status = f"{len(found)} tools serve"


async def _waited(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _groups(
    tools: Iterable[Tool], judge: Model | None, embedding: Embedding | None
) -> tuple[Group, dict[str, Group]]:
    """The tools for bare questions, and those of each fingerprint, laid out."""
    by_fingerprint: defaultdict[str, list[Tool]] = defaultdict(list)
    for tool in tools:
        by_fingerprint[tool.fingerprint].append(tool)
    warm_up()

    def group(found: Sequence[Tool]) -> Group:
        dispatcher = Dispatcher(found)
        return Group(dispatcher, semantic_of(dispatcher.served, embedding, judge))

    bare = by_fingerprint.pop("", [])
    return group(bare), {key: group(found) for key, found in by_fingerprint.items()}


def _fits(text: str | None, most_bytes: int | None) -> bool:
    """Whether there is an answer, and an upstream would not have had to cut it."""
    return text is not None and (most_bytes is None or len(text.encode()) <= most_bytes)


def _price(prices: PriceList, asked: Request) -> Callable[[str, str], Decimal | None]:
    """What the upstream would have charged, at list price for estimated tokens."""
    priced = _priced(prices, asked)
    return lambda _, text: priced(text, None)


def _priced(prices: PriceList, asked: Request) -> Callable[[str, Usage | None], Decimal | None]:
    """The same, for the tokens that the upstream has counted where it has."""

    def price(text: str, counted: Usage | None) -> Decimal | None:
        if counted is None:
            whole = tokens(message.content for message in asked.messages)
            counted = Usage(input=whole, output=tokens([text]))
        return prices.cost(asked.model, counted)

    return price
