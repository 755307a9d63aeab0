"""The rungs: each takes a question and either answers it or says why not.

A question and the tools that may serve it flow in; an `Attempt` flows out, and the
attempts of one request become its `Receipt`. Invariant: a rung never raises for want of a
sandbox or a model, it abstains with the reason; what it spent is in its attempt either way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from latm.errors import ModelError, ModelFileError, SandboxUnavailableError
from latm.execution import Execution, Executor
from latm.models import Model
from latm.types import Answer, Receipt, RungName, Solver, Usage
from latm.using import user
from latm.using.dispatcher import Served

UserMode = Literal["schema", "code"]
Price: TypeAlias = Callable[[str, str], Decimal | None]
"""What the upstream would charge for a question and its answer; None when unknown."""

_NOTHING = Usage()
_ZERO: Decimal | None = Decimal(0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one rung made of a question; ``text`` is None when it abstained."""

    rung: RungName
    text: str | None
    reason: str
    by: Served | None = None
    usage: Usage = _NOTHING
    cost_usd: Decimal | None = _ZERO


async def by_tool(executor: Executor, tools: Sequence[Served], question: str) -> Attempt:
    """The tool alone: its own parser, zero tokens."""
    reason = "no tool serves the question"
    for served in tools:
        try:
            done = await executor.answer(served.tool, question)
        except SandboxUnavailableError as error:
            reason = str(error)
            continue
        if done.text is not None:
            return Attempt("tool", done.text, "the template matches", served)
        reason = done.reason
    return Attempt("tool", None, reason)


async def by_user(
    executor: Executor, model: Model, tools: Sequence[Served], question: str, mode: UserMode
) -> Attempt:
    """A light model fills in the arguments, or writes the call; the tool computes."""
    reason, usage, cost = "no tool serves the question", _NOTHING, _ZERO
    for served in tools:
        try:
            _require(executor, served.tool.solver)
            turn = await _turn(model, served, question, mode)
            usage, cost = usage + turn.usage, add(cost, turn.cost_usd)
            done = await _run(executor, served, turn)
        except (SandboxUnavailableError, ModelError, ModelFileError) as error:
            reason = str(error)
            continue
        if done.text is not None:
            return Attempt("user", done.text, f"{model.name} wrote the call", served, usage, cost)
        reason = done.reason
    return Attempt("user", None, reason, None, usage, cost)


def _require(executor: Executor, solver: Solver) -> None:
    """Find out before tokens are spent that the call they make could not run.

    Raises:
        SandboxUnavailableError: the engine is absent, or not the one that the tool was
            verified in.
    """
    here = executor.engine_version(solver.engine)
    if here != solver.engine_version:
        raise SandboxUnavailableError(
            f"the tool was verified in {solver.engine_version!r}, this machine has {here!r}; "
            "run 'latm tools verify' to judge it here"
        )


async def _turn(model: Model, served: Served, question: str, mode: UserMode) -> user.Turn:
    if mode == "code":
        return await user.write_code(model, served.tool, question)
    return await user.fill(model, served.tool, question)


async def _run(executor: Executor, served: Served, turn: user.Turn) -> Execution:
    solver, form = served.tool.solver, served.tool.answer
    if turn.code is not None:
        return await executor.code(solver, form, turn.code)
    if turn.arguments is not None:
        return await executor.call(solver, form, turn.arguments)
    return Execution(None, "abstained", turn.reason)


def add(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    """A sum of costs; unknown as soon as one part is."""
    return None if a is None or b is None else a + b


def concluded(
    question: str, tried: Sequence[Attempt], seconds: float, price: Price | None
) -> Answer:
    """The answer of the last attempt, with the receipt over all of them.

    Only a rung before the upstream avoids its price.
    """
    last = tried[-1] if tried else Attempt("tool", None, "no rung was asked")
    usage, cost = _NOTHING, _ZERO
    for attempt in tried:
        usage, cost = usage + attempt.usage, add(cost, attempt.cost_usd)
    avoided = None
    if price is not None and last.text is not None and last.rung != "upstream":
        avoided = price(question, last.text)
    receipt = Receipt(
        rung=last.rung if last.text is not None else None,
        tool=last.by.tool.name if last.by else None,
        version=last.by.version if last.by else None,
        usage=usage,
        cost_usd=cost,
        avoided_usd=avoided,
        seconds=seconds,
        why="; ".join(f"{attempt.rung}: {attempt.reason}" for attempt in tried) or last.reason,
    )
    return Answer(question, last.text, receipt)
