"""Tools, sandboxes and models for the tests of the request path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

from latm.errors import ModelError, SandboxUnavailableError
from latm.execution import Executor
from latm.types import (
    ChatRequest,
    Demonstration,
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
    Template,
    Tool,
    Usage,
    Verification,
)

SCHEMA = (
    '{"additionalProperties":false,"properties":{"words":{"items":{"type":"string"},'
    '"type":"array"}},"required":["words"],"type":"object"}'
)
WORDS = Slot("words", "list", item="word", separator=" ")
SORT = Template(("Sort the words: ", ""), (WORDS,))
REVERSE = Template(("Reverse the words: ", " please"), (WORDS,))
LIST = Template(("", ""), (Slot("answer", "list", item="word", separator=" "),))


def tool(
    name: str = "sorting",
    template: Template | None = SORT,
    *,
    shape: int = 0,
    schema: str = SCHEMA,
    entry: str = "sorted",
) -> Tool:
    """A tool whose solver is the builtin of the fake sandbox named ``entry``."""
    return Tool(
        name=name,
        shape=shape,
        template=template,
        solver=Solver("", entry, (Parameter("words", ("words",)),), "monty", "fake-1"),
        answer=LIST,
        schema=schema,
        demonstrations=(
            Demonstration("Sort b a", "a b", '{"words":["b","a"]}', 'ans = sorted(["b", "a"])'),
        ),
        provenance=Provenance("made", "scripted:maker", "greedy", "2026-01-01T00:00:00Z"),
        verification=Verification(3, 3, 3, 3),
    )


class FakeSandbox:
    """Runs a few functions of ours in place of a program; counts its calls."""

    engine: EngineName = "monty"
    version = "fake-1"

    def __init__(self) -> None:
        self.calls = 0
        self.functions: dict[str, Callable[[list[str]], Json]] = {
            "sorted": lambda words: [*sorted(words)],
            "reversed": lambda words: [*reversed(words)],
            "nothing": lambda words: None,
        }

    async def run(self, program: Program, arguments: Sequence[Json], limits: Limits) -> Outcome:
        self.calls += 1
        if program.entry == "broken":
            return Failed("raised", "ValueError: no", 0.0)
        if program.entry == "unavailable":
            raise SandboxUnavailableError("monty is broken here")
        if program.entry not in self.functions:  # free code
            return Returned(["from", "code"], 0.0)
        words = cast("list[str]", arguments[0])  # the schema of `tool` says so
        return Returned(self.functions[program.entry](words), 0.0)

    async def aclose(self) -> None:
        pass


def executor(*sandboxes: FakeSandbox) -> Executor:
    return Executor({s.engine: s for s in sandboxes}, Limits())


class FakeModel:
    """Gives its replies in order; an error is raised in its turn."""

    def __init__(
        self,
        *replies: str | ModelError,
        cost: Decimal | None = Decimal("0.01"),
        finish: str = "stop",
        name: str = "fake:light",
    ) -> None:
        self.name = name
        self.requests: list[ChatRequest] = []
        self._replies = list(replies)
        self._cost = cost
        self._finish = finish

    async def chat(self, request: ChatRequest) -> Reply:
        self.requests.append(request)
        reply = self._replies.pop(0)
        if isinstance(reply, ModelError):
            raise reply
        finish = "length" if self._finish == "length" else "stop"
        return Reply(reply, self.name, Usage(10, 0, 5), self._cost, None, finish)

    async def aclose(self) -> None:
        pass
