"""Streams of questions and answers for the tests of trust: one tool, one reference, a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from latm.errors import ModelError, ModelUnavailableError, SandboxUnavailableError
from latm.execution import Executor
from latm.monitor.allowance import Allowance
from latm.monitor.flow import Monitor
from latm.monitor.rules import Rules
from latm.monitor.sampler import Sampler
from latm.monitor.seen import Seen
from latm.monitor.watch import Watch
from latm.store import Store, StoredTool, ToolEvent
from latm.types import (
    EngineName,
    Failed,
    Json,
    Limits,
    Outcome,
    Parameter,
    Program,
    Provenance,
    Reply,
    Returned,
    Slot,
    Solver,
    State,
    Template,
    Tool,
    Usage,
    Verification,
)

WRONG = "not this"
WORDS = Slot("words", "list", item="word", separator=" ")


def tool(name: str = "sorting", *, fingerprint: str = "", strategy: str = "greedy") -> Tool:
    """Sorts words, in the sandbox of these tests."""
    return Tool(
        name=name,
        shape=0,
        template=Template(("Sort the words: ", ""), (WORDS,)),
        solver=Solver("", "sorted", (Parameter("words", ("words",)),), "monty", "fake-1"),
        answer=Template(("", ""), (WORDS,)),
        schema="{}",
        demonstrations=(),
        provenance=Provenance("made", "scripted:maker", strategy, "2026-01-01T00:00:00Z"),
        verification=Verification(3, 3, 3, 3),
        fingerprint=fingerprint,
    )


class Sorting:
    """A sandbox that sorts, unless it is told to do otherwise."""

    engine: EngineName = "monty"
    version = "fake-1"

    def __init__(self) -> None:
        self.mode = "right"
        self.calls = 0

    async def run(self, program: Program, arguments: Sequence[Json], limits: Limits) -> Outcome:
        self.calls += 1
        if self.mode == "broken":
            raise SandboxUnavailableError("monty is broken here")
        if self.mode == "raising":
            return Failed("raised", "ValueError: no", 0.0)
        (words,) = arguments
        assert isinstance(words, list)
        value: Json = [*sorted(map(str, words))]
        return Returned(None if self.mode == "abstaining" else value, 0.0)

    async def aclose(self) -> None:
        pass


class Clock:
    """A day in which a microsecond passes whenever it is looked at."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.passed = 0.0

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def seconds(self) -> float:
        """A second and more passes from one question to the next, so states are never stale."""
        self.passed += 1.1
        return self.passed


def every_match(items: Sequence[StoredTool]) -> Callable[[str], Sequence[StoredTool]]:
    return lambda question: items if question.startswith("Sort the words: ") else ()


@dataclass(slots=True)
class World:
    """A store with one tool, and who watches it."""

    store: Store
    clock: Clock
    monitor: Monitor
    item: StoredTool
    sandbox: Sorting

    async def state(self) -> State:
        return (await self.store.standing(self.item.version)).item.state

    async def upstream_says(self, question: str, answer: str, *again: str) -> ToolEvent | None:
        """The upstream answered a client; ``again`` is what it says when it is asked again."""
        events = await self.monitor.shadow(seen(question, again=answers(*again)), answer)
        return events[0] if events else None

    async def tool_said(
        self, question: str, *reference: str, request_id: str = "r1"
    ) -> ToolEvent | None:
        """The tool answered a client, rightly by its own lights; the reference says otherwise."""
        asked = seen(question, again=answers(*reference), request_id=request_id)
        return await self.monitor.audit(asked, self.item.version, right(question))

    async def agree(self, count: int, start: int = 0) -> list[ToolEvent]:
        """So many questions on which upstream and tool agree; what came of them."""
        events = [
            await self.upstream_says(question(n), right(question(n)))
            for n in range(start, start + count)
        ]
        return [event for event in events if event]


async def world(
    store: Store,
    clock: Clock,
    *,
    max_error: float = 0.1,
    state: State = "shadow",
    added: Tool | None = None,
    floor: float = 1.0,
    calls: int = 1000,
    usd: Decimal | None = None,
    keeps: bool = True,
    exercised: bool = True,
) -> World:
    """A tool in a state, and a monitor that audits every answer."""
    sandbox = Sorting()
    item = await store.toolbox.add(added or tool(), state)
    monitor = Monitor(
        store,
        Executor({"monty": sandbox}, Limits()),
        Watch(store, every_match, clock.seconds),
        Rules(max_error, 0.95, lambda _: exercised),
        Sampler(floor, 0),
        Allowance(store, calls, usd, clock),
        keeps,
    )
    return World(store, clock, monitor, item, sandbox)


def question(number: int) -> str:
    letters = [chr(ord("a") + int(digit)) for digit in str(number)]
    return "Sort the words: z " + " ".join(letters)


def right(question: str) -> str:
    """What the tool of these tests answers."""
    return " ".join(sorted(question.removeprefix("Sort the words: ").split()))


def seen(
    question: str,
    *,
    again: Callable[[], Reply] | None = None,
    request_id: str = "r1",
    tenant: str = "",
    fingerprint: str = "f",
    bare: bool = True,
) -> Seen:
    async def ask() -> Reply:
        assert again is not None
        return again()

    return Seen(request_id, tenant, question, fingerprint, bare, ask if again else None)


def answers(*texts: str | ModelError, finish: str = "stop") -> Callable[[], Reply] | None:
    """A reference that gives these answers in turn; an error is raised in its turn."""
    left = list(texts)

    def ask() -> Reply:
        text = left.pop(0) if left else ModelUnavailableError("it was asked once too often")
        if isinstance(text, ModelError):
            raise text
        reply = Reply(text, "openai:strong", Usage(10, 0, 5), Decimal("0.01"), "list")
        return replace(reply, finish="length") if finish == "length" else reply

    return ask if texts else None
