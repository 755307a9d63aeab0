"""The maker: search for a solver that a model writes and the shown cases accept.

A `Shape` flows in; candidates that pass the lint and every shown example flow out, best
guess first, until the budget ends. Invariant: only shown examples decide here; whether a
candidate becomes a tool is the verifier's word.

Greedy over a portfolio of strategies first, then samples at higher temperature, then repair
of the best partial candidate: fresh samples under another strategy help more than repair
(LATM reports 2 of 60 repairs).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from latm.answers import same
from latm.execution import Executor, render_answer
from latm.making.budget import Budget
from latm.making.checks import Finding, lint, parse_solver
from latm.making.prompts import ENTRY, PORTFOLIO, Strategy, assertion, propose, repair
from latm.making.shape import Example, Shape, as_text, numbers_only
from latm.models import Model
from latm.types import ChatRequest, EngineName, Failed, Outcome, Solver, Usage

_MAX_TIMEOUTS = 2


@dataclass(frozen=True, slots=True)
class Attempt:
    """One model call of the search and what became of it; kept as evidence."""

    strategy: str
    temperature: float
    usage: Usage
    passed: int
    shown: int
    result: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A solver that all shown examples accept, for the shape it was written for."""

    shape: Shape
    solver: Solver
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class _Trial:
    """A solver's run over the shown examples."""

    solver: Solver
    passed: int
    failure: str


@dataclass(frozen=True, slots=True)
class _Step:
    shape: Shape
    strategy: str
    temperature: float
    request: ChatRequest


Report = Callable[[Attempt], None]


class Maker:
    """Searches with one model, in the engines of this machine."""

    def __init__(self, model: Model, executor: Executor, report: Report) -> None:
        self._model = model
        self._executor = executor
        self._report = report

    async def candidates(self, shape: Shape, budget: Budget, seed: int) -> AsyncIterator[Candidate]:
        """Solvers that pass every shown example, each source once.

        Raises:
            ModelError: the model cannot be used.
            SandboxUnavailableError: no engine can run the candidates.
        """
        seen: set[str] = set()
        best: tuple[_Step, _Trial] | None = None
        for step in _plan(shape, seed):
            candidate, trial = await self._try(step, budget, seen)
            if candidate:
                yield candidate
            elif trial and (best is None or trial.passed > best[1].passed):
                best = (step, trial)
            if not budget.allows(step.request):
                return
        for n in range(2 if best else 0):
            assert best is not None
            step = _repair(*best, seed=seed + n)
            if not budget.allows(step.request):
                return
            candidate, trial = await self._try(step, budget, seen)
            if candidate:
                yield candidate
            elif trial and trial.passed > best[1].passed:
                best = (step, trial)

    async def _try(
        self, step: _Step, budget: Budget, seen: set[str]
    ) -> tuple[Candidate | None, _Trial | None]:
        if not budget.allows(step.request):
            return None, None
        reply = await self._model.chat(step.request)
        budget.spend(reply)
        shape, shown = step.shape, len(step.shape.examples)

        def attempt(passed: int, result: str) -> Attempt:
            done = Attempt(step.strategy, step.temperature, reply.usage, passed, shown, result)
            self._report(done)
            return done

        parsed = parse_solver(reply.text, ENTRY)
        if isinstance(parsed, Finding):
            attempt(0, f"{parsed.check}: {parsed.detail}")
            return None, None
        if parsed.source in seen:
            attempt(0, "seen before")
            return None, None
        seen.add(parsed.source)
        findings = lint(parsed.source, [(e.arguments, e.wanted) for e in shape.examples])
        if findings:
            attempt(0, "; ".join(f"{f.check}: {f.detail}" for f in findings[:3]))
            return None, None
        trial = await self._trial(shape, parsed.source, parsed.entry)
        done = attempt(trial.passed, trial.failure or "passed all shown cases")
        if trial.passed == shown:
            return Candidate(shape, trial.solver, done), None
        return None, trial

    async def _trial(self, shape: Shape, source: str, entry: str) -> _Trial:
        """Run in the first engine; in the next one what the first lacks or is too slow for."""
        trials: list[_Trial] = []
        for engine in self._executor.engines:
            trial, go_on = await self._trial_in(engine, shape, source, entry)
            trials.append(trial)
            if not go_on:
                break
        return max(trials, key=lambda t: t.passed)

    async def _trial_in(
        self, engine: EngineName, shape: Shape, source: str, entry: str
    ) -> tuple[_Trial, bool]:
        version = self._executor.engine_version(engine)
        solver = Solver(source, entry, shape.parameters, engine, version)
        passed, timeouts, failure = 0, 0, ""
        elsewhere = False
        for example in shape.examples:
            outcome = await self._executor.outcome(solver, example.arguments)
            if _right(shape, example, outcome):
                passed += 1
                continue
            failure = failure or _failure(shape, example, outcome)
            if isinstance(outcome, Failed):
                elsewhere |= outcome.unsupported or outcome.kind == "timeout"
                timeouts += outcome.kind == "timeout"
            if timeouts == _MAX_TIMEOUTS or elsewhere:
                break
        return _Trial(solver, passed, failure), elsewhere


def _plan(shape: Shape, seed: int) -> Iterator[_Step]:
    """Greedy over the likely strategies, samples over them, greedy over the rest, samples."""
    first, rest = PORTFOLIO[:8], PORTFOLIO[8:]
    for strategies, temperature, rounds in ((first, 0.0, 1), (first, 0.8, 2), (rest, 0.0, 1)):
        for number in range(rounds):
            for strategy in strategies:
                step = _step(shape, strategy, temperature, seed + number)
                if step:
                    yield step


_VIEWS: dict[str, Callable[[Shape], Shape]] = {
    "all": lambda shape: shape,
    "numbers": numbers_only,
    "text": as_text,
}


def _step(shape: Shape, strategy: Strategy, temperature: float, seed: int) -> _Step | None:
    view = _VIEWS[strategy.view](shape)
    if strategy.view != "all" and view == shape and not strategy.hint:
        return None
    request = propose(view, strategy, temperature=temperature, seed=seed)
    return _Step(view, strategy.name, temperature, request)


def _repair(step: _Step, trial: _Trial, *, seed: int) -> _Step:
    request = repair(step.shape, trial.solver.source, trial.failure, seed=seed)
    return _Step(step.shape, f"{step.strategy}+repair", 0.4, request)


def _right(shape: Shape, example: Example, outcome: Outcome) -> bool:
    if isinstance(outcome, Failed) or outcome.value is None:
        return False
    text = render_answer(shape.answer, outcome.value)
    return text is not None and same(example.case.answer, text)


def _failure(shape: Shape, example: Example, outcome: Outcome) -> str:
    wanted = assertion(shape, example)
    if isinstance(outcome, Failed):
        return f"{wanted}  # {outcome.kind}: {outcome.message[:120]}"
    return f"{wanted}  # but it returned {outcome.value!r}"[:400]
