"""The maker: search for a solver that the shown cases accept.

A `Shape` flows in; candidates that pass the lint and every shown example flow out, best
guess first, until the budget ends. Invariant: only shown examples decide here; whether a
candidate becomes a tool is the verifier's word.

What costs nothing comes first: solvers that are known, answers that are copied from the
question. Then a model is asked: greedy over the strategies that suit, then samples, then
the answer's fields and the arguments' forms one by one; between any two calls the form of
what came back is mended and partial candidates are combined, at no tokens. Repair comes
last: fresh samples under another strategy help more (LATM reports 2 of 60 repairs).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from latm.execution import Executor
from latm.making import parts, plan
from latm.making.adapters import adapted, completed
from latm.making.agreement import ranked
from latm.making.brief import Brief, brief_of
from latm.making.budget import Budget
from latm.making.checks import Finding, lint, parse_solver
from latm.making.combining import (
    by_cases,
    distinctions,
    of_fields,
    of_several_forms,
    part_of,
    whole,
)
from latm.making.copies import copies_of
from latm.making.patching import MIN_PASSED, patched
from latm.making.plan import Step, Terms
from latm.making.portfolio import ordered
from latm.making.prompts import propose, repair
from latm.making.shape import Shape
from latm.making.trials import Draft, Trial, run
from latm.models import Model
from latm.types import Returned, Solver, Usage

_REPAIRS = 2
_CASE_CALLS = 3
_FIELD_CALLS = 4


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of the search and what became of it; kept as evidence.

    ``usage`` is zero where no model was asked.
    """

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


Report = Callable[[Attempt], None]


class Maker:
    """Searches with one model, in the engines of this machine."""

    def __init__(self, model: Model, executor: Executor, report: Report) -> None:
        self._model = model
        self._executor = executor
        self._report = report

    def candidates(self, shape: Shape, budget: Budget, terms: Terms) -> AsyncIterator[Candidate]:
        """Solvers that pass every shown example, each source once.

        Raises:
            ModelError: the model cannot be used.
            SandboxUnavailableError: no engine can run the candidates.
        """
        return _Search(self._model, self._executor, self._report, budget, terms).run(shape)


@dataclass(slots=True)
class _Search:
    """The state of one search."""

    model: Model
    executor: Executor
    report: Report
    budget: Budget
    terms: Terms
    seen: set[str] = field(default_factory=set[str])
    partial: list[Trial] = field(default_factory=list[Trial])
    calls: int = 0

    async def run(self, shape: Shape) -> AsyncIterator[Candidate]:
        async for candidate in self._free(shape):
            yield candidate
        if of_several_forms(shape):
            async for candidate in self._by_cases(shape):
                yield candidate
        for brief in plan.briefs(shape, self.terms):
            if self._gives_up():
                return
            async for candidate in self._asked(brief):
                yield candidate
        plain = plan.first_brief(shape, self.terms)
        async for candidate in self._by_fields(plain):
            yield candidate
        async for candidate in self._by_cases(shape):
            yield candidate
        async for candidate in self._repairs(plain):
            yield candidate

    # --- nothing is asked --------------------------------------------------------------

    async def _free(self, shape: Shape) -> AsyncIterator[Candidate]:
        """Known solvers, and answers that are copies."""
        plain = brief_of(shape)
        known = self.terms.known if self.terms.allow(parts.KNOWN) else ()
        for solver in known:
            if len(solver.parameters) == len(shape.parameters):
                async for candidate in self._kept(
                    Draft(plain, solver.source, solver.entry), parts.KNOWN
                ):
                    yield candidate
        for brief in plan.seen(shape, self.terms):
            copies = copies_of(brief, len(brief.shape.answer.slots))
            if not copies.missing:
                found = [copies.found[n] for n in range(len(copies.found))]
                value = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
                source = f"def {brief.entry}({', '.join(brief.names)}):\n    return {value}\n"
                async for candidate in self._kept(Draft(brief, source, brief.entry), parts.COPIES):
                    yield candidate

    async def _kept(self, draft: Draft, name: str) -> AsyncIterator[Candidate]:
        """Try a draft that no model was asked for."""
        trial = await run(self.executor, draft)
        async for candidate in self._judged(trial, name, 0.0, Usage()):
            yield candidate

    # --- the model is asked ------------------------------------------------------------

    async def _asked(self, brief: Brief) -> AsyncIterator[Candidate]:
        """Greedy over what suits, samples over the likeliest, greedy over the rest."""
        for batch in plan.batches(brief, self.terms, self._best):
            tried = {id(t): (s, u, t) for s, t, u in await self._tried(batch) if t is not None}
            right = await self._ranked([t for _, _, t in tried.values() if t.passes_all])
            first = [tried.pop(id(trial)) for trial in right]
            for step, usage, trial in (*first, *tried.values()):
                async for candidate in self._judged(trial, step.strategy, step.temperature, usage):
                    yield candidate
            if self._gives_up():
                return

    async def _tried(self, steps: Sequence[Step]) -> list[tuple[Step, Trial | None, Usage]]:
        """Ask for the steps of a batch at once, then run what came back, one by one."""
        allowed = [step for step in steps if self.budget.allows(step.request)]
        replies = await asyncio.gather(*(self.model.chat(step.request) for step in allowed))
        done: list[tuple[Step, Trial | None, Usage]] = []
        for step, reply in zip(allowed, replies, strict=True):
            self.budget.spend(reply)
            self.calls += 1
            draft = self._draft(step, reply.text)
            trial = None
            if isinstance(draft, str):
                shown = len(step.brief.examples)
                self.report(Attempt(step.strategy, step.temperature, reply.usage, 0, shown, draft))
            else:
                trial = await run(self.executor, draft)
            done.append((step, trial, reply.usage))
        return done

    def _draft(self, step: Step, reply: str) -> Draft | str:
        """The function in a reply, or why it is not tried."""
        parsed = parse_solver(reply, step.brief.entry)
        if isinstance(parsed, Finding):
            return f"{parsed.check}: {parsed.detail}"
        if parsed.source in self.seen:
            return "seen before"
        self.seen.add(parsed.source)
        findings = lint(parsed.source, [(e.arguments, e.wanted) for e in step.brief.examples])
        if findings:
            return "; ".join(f"{f.check}: {f.detail}" for f in findings[:3])
        return Draft(step.brief, parsed.source, parsed.entry, step.asked)

    # --- what came back ----------------------------------------------------------------

    async def _judged(
        self, trial: Trial, strategy: str, temperature: float, usage: Usage
    ) -> AsyncIterator[Candidate]:
        """A candidate when all passed; else what can be made of it without another call."""
        shown, passed = len(trial.draft.brief.examples), len(trial.passed)
        done = Attempt(
            strategy, temperature, usage, passed, shown, trial.failure or "passed all shown cases"
        )
        self.report(done)
        if trial.passes_all:
            yield Candidate(trial.draft.brief.shape, trial.solver, done)
            return
        if passed:
            self.partial.append(trial)
        async for name, mended in self._mended(trial):
            free = replace(done, strategy=f"{strategy}+{name}", usage=Usage(), passed=shown)
            free = replace(free, result="passed all shown cases")
            self.report(free)
            yield Candidate(mended.draft.brief.shape, mended.solver, free)

    async def _mended(self, trial: Trial) -> AsyncIterator[tuple[str, Trial]]:
        """Trials that pass after a change that no model was asked for."""
        drafts = [trial.draft, *completed(trial.draft)] if self.terms.allow(parts.ADAPTERS) else []
        for draft in drafts:
            first = trial if draft is trial.draft else await run(self.executor, draft)
            form = None if first.passes_all else adapted(first)
            again = await run(self.executor, form) if form else first
            if again.passes_all:
                yield parts.ADAPTERS, again
        async for again in self._patched(trial):
            yield parts.PATCHES, again
        if self.terms.allow(parts.BY_CASES) and trial.passed:
            joined = by_cases(trial.draft.brief.shape, self.partial)
            again = await run(self.executor, joined) if joined else trial
            if again.passes_all:
                yield parts.BY_CASES, again

    async def _patched(self, trial: Trial) -> AsyncIterator[Trial]:
        """A nearly right candidate with one place changed, when that makes it right."""
        brief = trial.draft.brief
        wrong = sorted(frozenset(range(len(brief.examples))) - trial.passed)
        near = len(trial.passed) >= MIN_PASSED * len(brief.examples)
        found: list[Trial] = []
        for draft in patched(trial.draft) if near and self.terms.allow(parts.PATCHES) else ():
            part = replace(draft, brief=part_of(brief, wrong))
            if (await run(self.executor, part)).passes_all:
                again = await run(self.executor, draft)
                found += [again] if again.passes_all else []
        for again in await self._ranked(found):
            yield again

    async def _ranked(self, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Several right ones at once: those first that agree with most of them."""
        if not self.terms.allow(parts.AGREEMENT):
            return trials
        return await ranked(self.executor, trials, self.terms.seed)

    def _best(self) -> tuple[str, Collection[int]] | None:
        """Strategy of the best partial candidate, and what it gets wrong."""
        if not self.partial:
            return None
        best = max(self.partial, key=lambda t: len(t.passed))
        wrong = frozenset(range(len(best.draft.brief.examples))) - best.passed
        return best.draft.strategy, wrong

    def _gives_up(self) -> bool:
        """Whether nothing at all has come out right for longer than the prospects are worth."""
        patience = self.terms.patience
        if patience is None or not self.terms.allow(parts.PATIENCE) or self.calls < patience:
            return False
        return not any(map(_computed, self.partial))

    # --- one by one --------------------------------------------------------------------

    async def _by_fields(self, brief: Brief) -> AsyncIterator[Candidate]:
        """Each field of the answer by a function of its own."""
        copies = copies_of(brief.shape, len(brief.shape.answer.slots))
        if not self.terms.allow(parts.BY_FIELDS) or len(copies.missing) < 2 or self._gives_up():
            return
        plain = brief_of(brief.shape)
        drafts: dict[int, Draft] = {}
        for number in copies.missing:
            examples = tuple(
                replace(e, wanted=e.wanted[number] if isinstance(e.wanted, list) else e.wanted)
                for e in plain.examples
            )
            draft = await self._first(replace(plain, examples=examples), number)
            if draft is None:
                return
            drafts[number] = draft
        draft = of_fields(plain, copies.found, drafts)
        async for candidate in self._kept(draft, parts.BY_FIELDS):
            yield candidate

    async def _first(self, brief: Brief, number: int) -> Draft | None:
        """The first function that gives one field of every shown answer."""
        for strategy in ordered(brief, self.terms.won, self.terms.without)[:_FIELD_CALLS]:
            step = Step(
                brief,
                f"{strategy.name} of field {number}",
                0.0,
                propose(brief, strategy, temperature=0.0, seed=self.terms.seed),
            )
            for _, trial, usage in await self._tried([step]):
                if trial is None:
                    continue
                right = _right_fields(trial)
                shown = len(brief.examples)
                self.report(Attempt(step.strategy, 0.0, usage, right, shown, trial.failure))
                if right == shown:
                    return trial.draft
        return None

    async def _by_cases(self, shape: Shape) -> AsyncIterator[Candidate]:
        """Each form of the arguments by a function of its own, as long as each has one."""
        if not self.terms.allow(parts.BY_CASES) or self._gives_up():
            return
        for distinction in list(distinctions(brief_of(shape)))[:1]:
            for members in distinction.groups.values():
                part = part_of(brief_of(shape), members).shape
                async for trial, step, usage in self._of_case(part):
                    again = await run(self.executor, whole(trial, shape))
                    async for candidate in self._judged(again, step.strategy, 0.0, usage):
                        yield candidate
                if not any(t.passed >= set(members) for t in self.partial):
                    return

    async def _of_case(self, shape: Shape) -> AsyncIterator[tuple[Trial, Step, Usage]]:
        """What the likeliest strategies make of one form, until one is right."""
        brief = plan.first_brief(shape, self.terms)
        for strategy in ordered(brief, self.terms.won, self.terms.without)[:_CASE_CALLS]:
            for step in plan.steps(brief, [strategy], self.terms):
                named = replace(step, strategy=f"{strategy.name} of a case")
                for _, trial, usage in await self._tried([named]):
                    if trial is None:
                        continue
                    form = adapted(trial) if self.terms.allow(parts.ADAPTERS) else None
                    done = await run(self.executor, form) if form else trial
                    yield done, named, usage
                    if done.passes_all:
                        return

    async def _repairs(self, brief: Brief) -> AsyncIterator[Candidate]:
        """The best partial candidate again, with its first failure."""
        for number in range(_REPAIRS if self.terms.allow(parts.REPAIR) else 0):
            if not self.partial or self._gives_up():
                return
            best = max(self.partial, key=lambda t: len(t.passed))
            request = repair(
                best.draft.brief, best.draft.source, best.failure, seed=self.terms.seed + number
            )
            step = Step(best.draft.brief, parts.REPAIR, 0.4, request)
            for _, trial, usage in await self._tried([step]):
                if trial is not None:
                    async for candidate in self._judged(trial, parts.REPAIR, 0.4, usage):
                        yield candidate


def _computed(trial: Trial) -> int:
    """How many right answers do not stand in the source: a table of what is known shows nothing."""
    examples = trial.draft.brief.examples
    return sum(repr(examples[n].wanted) not in trial.draft.source for n in trial.passed)


def _right_fields(trial: Trial) -> int:
    return sum(
        isinstance(o, Returned) and o.value == e.wanted
        for o, e in zip(trial.outcomes, trial.draft.brief.examples, strict=False)
    )
