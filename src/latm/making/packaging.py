"""Packaging: a function and its use cases in, a tool with schema and demonstrations out.

A `Transcript` (propose, verify, wrap) flows in, published or written just now; a `Tool`
without name and origin flows out, or the reasons for none. Invariant: nothing of a
transcript is believed: every use case and unit test is run here, in the engine that will
serve, and what does not come out right is no tool.

A tool has a schema when its use cases are instances of one form (`generalise`); otherwise
its schema is ``{}``: it takes no JSON arguments, only free code.

The answers of the cases are texts, the ``ans`` of use cases are not always: 3 for option
(C), a pair of times for a slot. The paper's harness translates per task. Here the
translation is one of a few general forms, taken when it makes all use cases right; it
becomes part of the tool (`execution.FINISH`). The function itself is never changed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

from latm.answers import same
from latm.execution import FINISH, GLUE, Executor
from latm.identity import canonical_json, digest
from latm.induction import induce_answer
from latm.making.generalise import ENTRY, Call, generalise
from latm.making.reading import Transcript
from latm.types import (
    Demonstration,
    EngineName,
    Json,
    Parameter,
    Provenance,
    Returned,
    Slot,
    Solver,
    Template,
    Tool,
    Verification,
)

ENGINES: tuple[EngineName, ...] = ("monty", "jail")

FREE = Template(("", ""), (Slot("answer", "text"),))
"""The form of answers that have none: the text itself."""

_OPTION = re.compile(r"\([A-Z]\)")
_SEPARATORS = (" - ", ", ", "; ", " ", "")


async def package(
    transcript: Transcript, executor: Executor, engines: Sequence[EngineName] = ENGINES
) -> Tool | tuple[str, ...]:
    """The tool, in the first engine that answers all use cases right, or why there is none.

    Its verification counts the use cases as held out; the caller knows who saw what.

    Args:
        engines: in order of preference.

    Raises:
        SandboxUnavailableError: an engine is broken; says nothing of the transcript.
    """
    reasons: list[str] = []
    for engine in engines:
        if engine not in executor.engines:
            reasons.append(f"{engine}: not available on this machine")
            continue
        trial = _Trial(transcript, executor, engine)
        packaged = await trial.packaged()
        if packaged is not None:
            return packaged
        reasons.append(f"{engine}: {trial.reason}")
    return tuple(reasons)


class _Trial:
    """One transcript in one engine."""

    def __init__(self, transcript: Transcript, executor: Executor, engine: EngineName) -> None:
        self._transcript = transcript
        self._executor = executor
        self._engine: EngineName = engine
        self._uses = transcript.use_cases
        self.reason = "no use case was answered"

    async def packaged(self) -> Tool | None:
        """The tool without name and origin, None with `reason` when it is not right."""
        if not await self._tests_pass():
            return None
        fallback: Tool | None = None
        async for solver, answer in self._right_in_code():
            call = self._generalised(solver)
            if call is not None:
                tool = self._tool(_with_call(solver, call), answer, call)
                if await self._right_by_call(tool.solver, answer, call):
                    return tool
            fallback = fallback or self._tool(solver, answer, None)
        return fallback

    async def _tests_pass(self) -> bool:
        tests = self._transcript.tests
        if tests is None:
            return True
        entry = f"{GLUE}tests"
        source = f"{self._transcript.function}\n\n{tests}\n\ndef {entry}():\n    return True\n"
        solver = replace(self._solver(source), entry=entry, parameters=())
        outcome = await self._executor.outcome(solver, ())
        if not isinstance(outcome, Returned):
            self.reason = f"the unit tests fail: {outcome.kind}: {outcome.message}"
        return isinstance(outcome, Returned)

    async def _right_in_code(self) -> AsyncIterator[tuple[Solver, Template]]:
        """Forms of the answer under which every use case is right."""
        for finish, answer in _forms(self._transcript):
            source = self._transcript.function + (f"\n\n\n{finish}" if finish else "")
            solver = self._solver(source)
            if await self._all_right(solver, answer):
                yield solver, answer

    async def _all_right(self, solver: Solver, answer: Template) -> bool:
        for n, use in enumerate(self._uses, start=1):
            done = await self._executor.code(solver, answer, use.code)
            if done.text is None or not same(use.case.answer, done.text):
                got = repr(done.text) if done.text is not None else done.reason
                self.reason = f"use case {n} should give {use.case.answer!r}, gave {got}"
                return False
        return True

    async def _right_by_call(self, solver: Solver, answer: Template, call: Call) -> bool:
        for use, arguments in zip(self._uses, call.arguments, strict=True):
            done = await self._executor.call(solver, answer, arguments)
            if done.text is None or not same(use.case.answer, done.text):
                return False
        return True

    def _generalised(self, solver: Solver) -> Call | None:
        codes = [use.code for use in self._uses]
        questions = [use.case.question for use in self._uses]
        return generalise(codes, questions, finish=f"def {FINISH}(" in solver.source)

    def _solver(self, source: str) -> Solver:
        return Solver(
            source=source,
            entry=self._transcript.entry,
            parameters=tuple(Parameter(n, (n,)) for n in self._transcript.parameters),
            engine=self._engine,
            engine_version=self._executor.engine_version(self._engine),
        )

    def _tool(self, solver: Solver, answer: Template, call: Call | None) -> Tool:
        rows = call.arguments if call else tuple(None for _ in self._uses)
        held_out = [[use.case.question, use.case.answer] for use in self._uses]
        tests = ("unit-tests",) if self._transcript.tests is not None else ()
        return Tool(
            name="",
            shape=0,
            template=None,
            solver=solver,
            answer=answer,
            schema=canonical_json(call.schema if call else {}),
            demonstrations=tuple(
                Demonstration(
                    use.case.question,
                    use.case.answer,
                    arguments=named(solver, row) if row is not None else None,
                    code=use.code,
                )
                for use, row in zip(self._uses, rows, strict=True)
            ),
            provenance=Provenance("imported", "", "", ""),
            verification=Verification(
                shown=0,
                shown_passed=0,
                held_out=len(held_out),
                held_out_passed=len(held_out),
                checks=("use-cases", *(("arguments",) if call else ()), *tests),
                cases_digest=digest(canonical_json(held_out)),
            ),
        )


def _with_call(solver: Solver, call: Call) -> Solver:
    source = f"{solver.source}\n\n\n{call.source}"
    return replace(solver, source=source, entry=ENTRY, parameters=_parameters(call.parameters))


def _parameters(names: Sequence[str]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, (name,)) for name in names)


def named(solver: Solver, values: Sequence[Json]) -> str:
    """Canonical JSON object of positional arguments."""
    names = (parameter.name for parameter in solver.parameters)
    return canonical_json(dict(zip(names, values, strict=True)))


def _forms(transcript: Transcript) -> Iterator[tuple[str, Template]]:
    """Ways from ``ans`` to the answer's text, the plainest first."""
    answers = [c.answer for c in (*transcript.proposed, *(u.case for u in transcript.use_cases))]
    if all(_OPTION.fullmatch(a) for a in answers):
        for first in (64, 65):
            yield (
                _finish(f"chr({first} + ans) if isinstance(ans, int) else ans", option=True),
                FREE,
            )
        return
    induced = induce_answer(answers)
    # Six answers cannot show which of their words are fixed; a type they can.
    if induced.literals == FREE.literals and induced != FREE:
        yield "", induced
    yield "", FREE
    for separator in _SEPARATORS:
        joined = f"{separator!r}.join(str(v) for v in ans)"
        yield _finish(f"{joined} if isinstance(ans, (list, tuple)) else ans", option=False), FREE


def _finish(expression: str, *, option: bool) -> str:
    lines = [f"def {FINISH}(ans):", f"    ans = {expression}"]
    lines.append("    return '(' + str(ans).strip('()') + ')'" if option else "    return ans")
    return "\n".join(lines)
