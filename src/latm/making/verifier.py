"""The verifier: judge a tool on cases, in the engine that will serve it.

A tool and cases flow in, verdicts and a `Verification` flow out. Invariant: the verdict is
computed here, from answers that left the sandbox as plain data; neither the tool nor its
author can see the held-out cases or forge the outcome, and no model is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from latm.answers import same
from latm.execution import Execution, Executor
from latm.identity import canonical_json, digest
from latm.making.mutation import Mutation, mutation
from latm.making.properties import broken, examples_of, lasting, proposed
from latm.types import Case, Tool, Verdict, Verification

MIN_HELD_OUT_COVERAGE = 0.8
"""Share of the held-out cases that a tool must answer; below it, it abstains too often."""

_NAMED = 6
"""Unnoticed changes that a warning names."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verifier's result: counts, the verdicts behind them, and the decision.

    Attributes:
        reasons: why the tool is refused; none: it is accepted.
        warnings: what the cases leave open about an accepted tool.
    """

    verification: Verification
    on_held_out: tuple[Verdict, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.reasons


class Verifier:
    """Judges tools through the one execution path."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def verdicts(self, tool: Tool, cases: Sequence[Case]) -> tuple[Verdict, ...]:
        """How each case goes, in order.

        Raises:
            SandboxUnavailableError: the sandbox is broken; says nothing of the tool.
        """
        gate = asyncio.Semaphore(4)

        async def judge(case: Case) -> Verdict:
            async with gate:
                return verdict_on(case, await self._executor.answer(tool, case.question))

        return tuple(await asyncio.gather(*(judge(c) for c in cases)))

    async def judge(
        self, tool: Tool, shown: Sequence[Case], held_out: Sequence[Case], *, looks: int = 1
    ) -> Judgement:
        """Judge a tool on shown and held-out cases.

        Args:
            looks: how many candidates were judged on these held-out cases, this one included.
        """
        on_shown = await self.verdicts(tool, shown)
        on_held_out = await self.verdicts(tool, held_out)
        # Again in reverse order and fresh interpreters: state and chance show themselves.
        again = await self.verdicts(tool, held_out[::-1])
        repeatable = all(map(_alike, on_held_out, again[::-1]))
        verification = Verification(
            shown=len(shown),
            shown_passed=_right(on_shown),
            held_out=len(held_out),
            held_out_passed=_right(on_held_out),
            held_out_abstained=sum(v.outcome == "abstained" for v in on_held_out),
            looks=looks,
            checks=("lint", "deterministic") if repeatable else ("lint",),
            cases_digest=digest(canonical_json([[c.question, c.answer] for c in held_out])),
        )
        reasons = tuple(_reasons(on_shown, on_held_out, repeatable=repeatable))
        judgement = Judgement(verification, on_held_out, reasons)
        if reasons:
            return judgement
        judgement = await self._with_properties(judgement, tool, shown, held_out)
        right = [v.case for v in (*on_shown, *on_held_out) if v.outcome == "right"]
        return (
            await self._with_mutation(judgement, tool, right) if judgement.accepted else judgement
        )

    async def _with_properties(
        self, judgement: Judgement, tool: Tool, shown: Sequence[Case], held_out: Sequence[Case]
    ) -> Judgement:
        """Refuse what breaks, on inputs put together from shown ones, what all cases have."""
        examples = examples_of(tool, shown)
        properties = lasting(proposed(examples), examples_of(tool, held_out))
        found = await broken(self._executor, tool, properties, examples)
        return replace(
            judgement,
            verification=_checked(judgement.verification, "properties"),
            reasons=found.reasons,
            warnings=found.notes,
        )

    async def _with_mutation(
        self, judgement: Judgement, tool: Tool, right: Sequence[Case]
    ) -> Judgement:
        """Count the changes to the solver that the cases notice, and name the others."""
        found = await mutation(self._executor, tool, right)
        verification = replace(
            _checked(judgement.verification, "mutation"),
            mutants=found.mutants,
            mutants_noticed=found.mutants - len(found.unnoticed),
        )
        warnings = (*judgement.warnings, *_unnoticed(found))
        return replace(judgement, verification=verification, warnings=warnings)


def _checked(verification: Verification, check: str) -> Verification:
    return replace(verification, checks=(*verification.checks, check))


def _alike(first: Verdict, second: Verdict) -> bool:
    """Whether two runs on one case agree; a run that was cut short contradicts nothing."""
    return "failed" in (first.outcome, second.outcome) or first.got == second.got


def verdict_on(case: Case, execution: Execution) -> Verdict:
    """How one case went."""
    if execution.outcome != "answered" or execution.text is None:
        outcome = "failed" if execution.outcome == "failed" else "abstained"
        return Verdict(case, outcome, None, execution.reason)
    right = same(case.answer, execution.text)
    return Verdict(case, "right" if right else "wrong", execution.text)


def _right(verdicts: Sequence[Verdict]) -> int:
    return sum(v.outcome == "right" for v in verdicts)


def _reasons(shown: Sequence[Verdict], held_out: Sequence[Verdict], *, repeatable: bool):
    wrong = [v for v in (*shown, *held_out) if v.outcome == "wrong"]
    if wrong:
        # Held-out answers stay out of the text: it may reach the maker's next prompt.
        yield f"{len(wrong)} wrong answers"
    failed = sum(v.outcome == "failed" for v in held_out)
    if failed:
        yield f"failed on {failed} held-out cases"
    right = _right(held_out)
    if not held_out or right < MIN_HELD_OUT_COVERAGE * len(held_out):
        yield f"answered only {right} of {len(held_out)} held-out cases"
    if not repeatable:
        yield "gave different answers to the same question"


def _unnoticed(found: Mutation):
    if found.unnoticed:
        named = "; ".join(m.change for m in found.unnoticed[:_NAMED])
        more = "; …" if len(found.unnoticed) > _NAMED else ""
        yield (
            f"{len(found.unnoticed)} of {found.mutants} changes to the solver were noticed by none "
            f"of {found.cases} cases: {named}{more}; add cases that use them"
        )
