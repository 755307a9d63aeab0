"""Tools from a hand-written solver and cases, as a making would wrap them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from latm.execution import Executor
from latm.induction import induce_template
from latm.making.shape import build_shape
from latm.making.wrapper import wrap
from latm.sandbox.monty import MontySandbox
from latm.types import Case, Limits, Program, Provenance, Solver, Tool

PROVENANCE = Provenance("made", "scripted:model", "greedy", "2026-01-01T00:00:00Z")


def built(executor: Executor, source: str, cases: Sequence[Case]) -> Tool:
    """The tool around ``solve``, with the template and the form of answers of the cases."""
    template = induce_template([case.question for case in cases])
    assert template is not None
    shape = build_shape(0, template, cases)
    version = executor.engine_version("monty")
    solver = Solver(source, "solve", shape.parameters, "monty", version)
    return wrap("some-class", shape, solver, PROVENANCE)


@asynccontextmanager
async def monty_executor(limits: Limits | None = None) -> AsyncGenerator[Executor]:
    """An executor with the quick engine alone."""
    monty = MontySandbox()
    # Generous: what is tested is the outcome, on machines with anything else to do.
    executor = Executor({"monty": monty}, limits or Limits(wall_seconds=30, cpu_seconds=20))
    # The engine knows its walls, and so its version, once it has started.
    await monty.run(Program("def solve():\n    return 1\n", "solve"), [], Limits())
    yield executor
    await monty.aclose()
