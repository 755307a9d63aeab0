"""The request path on one screen.

    question → gate → dispatcher → tool → user → upstream → answer + receipt
                 └ bypass  └ miss    └ abstain └ abstain ↑
                 └─────────┴─────────┴─────────┴─────────┘

A question flows in, an `Answer` flows out. The exact rung stands before all this, in the
gateway, which knows the whole request (`latm.using.exact`). Invariants: a rung that cannot
answer passes the question on with its reason; nobody answering is an answer too, with the
text None.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from latm.execution import Executor
from latm.models import Model
from latm.types import Answer, RungName
from latm.using.dispatcher import Dispatcher, Hit, Miss, Served
from latm.using.gate import admit
from latm.using.ladder import Attempt, Price, UserMode, by_tool, by_user, concluded
from latm.using.semantic import Judged, Semantic
from latm.using.upstream import by_upstream

RUNGS: tuple[RungName, ...] = ("tool", "user", "upstream")


@dataclass(frozen=True, slots=True)
class _Target:
    """The tools that may serve a question, or none and why; ``judged``: what that cost."""

    tools: Sequence[Served]
    passed: str = ""
    judged: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """The parts of the path; a rung whose model is None abstains."""

    dispatcher: Dispatcher
    executor: Executor
    user: Model | None = None
    upstream: Model | None = None
    user_mode: UserMode = "schema"
    price: Price | None = None
    semantic: Semantic | None = None

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
        target = await self._target(question, name, rungs)
        tried = [target.judged] if target.judged else []
        for rung in rungs:
            if target.tools or rung == "upstream":
                tried.append(await self._ask(rung, target.tools, question))
            else:
                tried.append(Attempt(rung, None, target.passed))
            if tried[-1].text is not None:
                break
        return concluded(question, tried, time.perf_counter() - started, self.price)

    async def _target(self, question: str, name: str | None, rungs: Sequence[RungName]) -> _Target:
        if (bypass := admit(question)) is not None:
            return _Target((), bypass.reason)
        if name:
            return _Target(self.dispatcher.within(name, question).tools)
        route = self.dispatcher.route(question)
        if isinstance(route, Miss) and not route.ambiguous and "user" in rungs and self.semantic:
            return _judged(await self.semantic.route(question), route)
        return _Target(route.tools) if isinstance(route, Hit) else _Target((), route.reason)

    async def _ask(self, rung: RungName, tools: Sequence[Served], question: str) -> Attempt:
        if rung == "tool":
            return await by_tool(self.executor, tools, question)
        if rung == "user" and self.user is not None:
            return await by_user(self.executor, self.user, tools, question, self.user_mode)
        if rung == "upstream" and self.upstream is not None:
            return await by_upstream(self.upstream, question)
        return Attempt(rung, None, "not configured")


def _judged(judged: Judged, missed: Miss) -> _Target:
    """Tools without a template that the judge agreed on; what it cost is on the receipt."""
    route = judged.route
    hit = isinstance(route, Hit)
    reason = f"the judge took it for {route.name}" if hit else f"{missed.reason}; {route.reason}"
    spent = Attempt("user", None, reason, None, judged.usage, judged.cost_usd)
    return _Target(route.tools if hit else (), reason, spent if judged.asked else None)
