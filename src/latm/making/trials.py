"""A trial: one source run over the shown examples, in the first engine that can run it.

A `Brief` with a model's source flows in; a `Trial` flows out: the solver with what it
returned and which examples it got right. Invariant: a trial is judged on the rendered
answer, exactly as the verifier will judge it, and on shown examples only.
"""

from __future__ import annotations

from dataclasses import dataclass

from latm.answers import same
from latm.execution import Executor, render_answer
from latm.making.brief import ENTRY, Brief, composed
from latm.making.prompts import assertion
from latm.making.shape import Example, Shape
from latm.types import EngineName, Failed, Json, Outcome, Solver

_MAX_TIMEOUTS = 2


@dataclass(frozen=True, slots=True)
class Draft:
    """A function as the model wrote it, for a brief.

    Attributes:
        entry: how the model named the function.
        strategy: of the portfolio, that it was asked with.
    """

    brief: Brief
    source: str
    entry: str
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A draft's run over the shown examples.

    Attributes:
        outcomes: of the solver, in the order of the shape's examples; fewer when it was cut.
        passed: numbers of the examples that came out right.
        failure: the first example that did not, for a repair.
    """

    draft: Draft
    solver: Solver
    outcomes: tuple[Outcome, ...]
    passed: frozenset[int]
    failure: str

    @property
    def passes_all(self) -> bool:
        return len(self.passed) == len(self.draft.brief.examples)


async def run(executor: Executor, draft: Draft) -> Trial:
    """Run in the first engine; in the next one what the first lacks or is too slow for.

    Raises:
        SandboxUnavailableError: an engine broke; says nothing of the draft.
    """
    trials: list[Trial] = []
    for engine in executor.engines:
        trial, go_on = await _run_in(executor, engine, draft)
        trials.append(trial)
        if not go_on:
            break
    return max(trials, key=lambda t: len(t.passed))


async def _run_in(executor: Executor, engine: EngineName, draft: Draft) -> tuple[Trial, bool]:
    brief, shape = draft.brief, draft.brief.shape
    source = composed(brief, draft.source, draft.entry)
    entry = ENTRY if brief.layers else draft.entry
    version = executor.engine_version(engine)
    solver = Solver(source, entry, shape.parameters, engine, version)
    outcomes: list[Outcome] = []
    passed: set[int] = set()
    timeouts, elsewhere = 0, False
    for n, example in enumerate(shape.examples):
        outcome = await executor.outcome(solver, example.arguments)
        outcomes.append(outcome)
        if is_right(shape, example, outcome):
            passed.add(n)
        elif isinstance(outcome, Failed):
            elsewhere |= outcome.unsupported or outcome.kind == "timeout"
            timeouts += outcome.kind == "timeout"
            if timeouts == _MAX_TIMEOUTS or elsewhere:
                break
    failure = _failure(brief, outcomes, passed)
    return Trial(draft, solver, tuple(outcomes), frozenset(passed), failure), elsewhere


def is_right(shape: Shape, example: Example, outcome: Outcome) -> bool:
    """Whether an outcome gives the example's answer once it is rendered."""
    return not isinstance(outcome, Failed) and gives(shape, example, outcome.value)


def gives(shape: Shape, example: Example, value: Json) -> bool:
    """Whether a value renders to the example's answer."""
    if value is None:
        return False
    text = render_answer(shape.answer, value)
    return text is not None and same(example.case.answer, text)


def _failure(brief: Brief, outcomes: list[Outcome], passed: set[int]) -> str:
    """The first example that went wrong, in the terms of the function wanted."""
    for n, outcome in enumerate(outcomes):
        if n not in passed:
            wanted = assertion(brief, brief.examples[n])
            if isinstance(outcome, Failed):
                return f"{wanted}  # {outcome.kind}: {outcome.message[:120]}"
            return f"{wanted}  # but it returned {outcome.value!r}"[:400]
    return ""
