"""The request path on one screen.

    question → gate → dispatcher → tool → user → upstream → answer + receipt
                 └ bypass  └ miss    └ abstain └ abstain ↑
                 └─────────┴─────────┴─────────┴─────────┘

A question flows in, an `Answer` flows out. Invariants: a rung that cannot answer passes
the question on with its reason; nobody answering is an answer too, with the text None.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from latm.execution import Executor
from latm.models import Model
from latm.types import Answer, RungName
from latm.using.dispatcher import Dispatcher, Hit, Served
from latm.using.gate import admit
from latm.using.ladder import Attempt, Price, UserMode, by_tool, by_user, concluded
from latm.using.upstream import by_upstream

RUNGS: tuple[RungName, ...] = ("tool", "user", "upstream")


@dataclass(frozen=True, slots=True)
class Flow:
    """The parts of the path; a rung whose model is None abstains."""

    dispatcher: Dispatcher
    executor: Executor
    user: Model | None = None
    upstream: Model | None = None
    user_mode: UserMode = "schema"
    price: Price | None = None

    async def answer(
        self, question: str, *, name: str | None = None, rungs: Sequence[RungName] = RUNGS
    ) -> Answer:
        """Ask the rungs in order until one answers.

        Args:
            name: the request class, when the caller knows it; None asks the dispatcher.

        Raises:
            UnknownNameError: no tool of that class serves.
        """
        started = time.perf_counter()
        tools, passed = self._target(question, name)
        tried: list[Attempt] = []
        for rung in rungs:
            asked = tools or rung == "upstream"
            tried.append(
                await self._ask(rung, tools, question) if asked else Attempt(rung, None, passed)
            )
            if tried[-1].text is not None:
                break
        return concluded(question, tried, time.perf_counter() - started, self.price)

    def _target(self, question: str, name: str | None) -> tuple[Sequence[Served], str]:
        """The tools that may serve the question, or none and why."""
        if (bypass := admit(question)) is not None:
            return (), bypass.reason
        route = self.dispatcher.within(name, question) if name else self.dispatcher.route(question)
        return (route.tools, "") if isinstance(route, Hit) else ((), route.reason)

    async def _ask(self, rung: RungName, tools: Sequence[Served], question: str) -> Attempt:
        if rung == "tool":
            return await by_tool(self.executor, tools, question)
        if rung == "user" and self.user is not None:
            return await by_user(self.executor, self.user, tools, question, self.user_mode)
        if rung == "upstream" and self.upstream is not None:
            return await by_upstream(self.upstream, question)
        return Attempt(rung, None, "not configured")
