"""Making in the paper's own form, for questions that no template covers (LATM, section 3).

Shown cases flow in; a maker proposes a function, writes the calls that answer other shown
questions with it, and `packaging` wraps both; the light model that will serve then answers
held-out questions. A tool without a template flows out, or the reason for none.

Invariants: no held-out case enters a prompt of the maker; a tool with one wrong held-out
answer is refused; every call of a model, the light one's too, is paid from one budget.

The paper has the maker retell function and calls at the end; here they are taken as they
passed. As in the paper an error is told to the maker with the whole history, and only the
calls are mended once the function stands.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from latm.errors import BudgetExceededError, LatmError, ModelFileError
from latm.execution import GLUE, Execution, Executor
from latm.identity import canonical_json, digest
from latm.making.brief import ENTRY
from latm.making.budget import Budget
from latm.making.calls import read_calls
from latm.making.checks import Finding, Parsed, lint, parse_solver
from latm.making.maker import Attempt, Report
from latm.making.packaging import FREE, package
from latm.making.reading import Transcript, UseCase
from latm.making.shape import MIN_HELD_OUT, Order
from latm.making.verifier import MIN_HELD_OUT_COVERAGE, verdict_on
from latm.models import Model
from latm.types import (
    Case,
    ChatRequest,
    Message,
    Parameter,
    Provenance,
    Reply,
    Solver,
    Tool,
    Verdict,
    Verification,
)

MIN_SHOWN = 6
"""Three cases to propose from and three others to write calls for."""

MOST_JUDGED = 20
_EXAMPLES = 3
_RETRIES = 3
_TOKENS = 600

Answering: TypeAlias = Callable[[Tool, str], Awaitable[Execution]]
"""Answers a question with a tool and the light model, as the request path will."""

Accepted: TypeAlias = tuple[Tool, tuple[Verdict, ...]]
_Result = TypeVar("_Result")

_PROPOSE = f"""

Please write a generic Python function `{ENTRY}` to solve this type of problems using only \
standard python libraries. Its parameters are the values in which the questions differ. The \
output of the function can later be converted to the answer. Reply with the function only, \
wrapped by
```python
```"""

_CALLS = """

Use the function on the questions above, without changing it. For each question write one \
block in the following format, with literals copied from the question for each `...`, and \
convert `ret` to the answer where it is not:
```python
{arguments}
ret = {call}
ans = ret
```"""

_AGAIN = "Failed due to the error: {error}. Please fix it and try again."

_NO_LIGHT_MODEL = "no light model to judge a tool with"


@dataclass(frozen=True, slots=True)
class LightModel:
    """The model that will serve the tool, as the runtime hands it in.

    Attributes:
        mode: it fills in arguments (schema) or writes the call (code).
        open: the way to answer; raises a `LatmError` when there is no such model here. What
            it opens raises `BudgetExceededError` once the budget is spent.
    """

    name: str
    mode: Literal["schema", "code"]
    open: Callable[[], Answering]


class BudgetedModel:
    """A model whose calls are refused when the budget does not hold them."""

    def __init__(self, inner: Model, budget: Budget) -> None:
        self._inner = inner
        self._budget = budget

    @property
    def name(self) -> str:
        """Full name of the inner model."""
        return self._inner.name

    async def chat(self, request: ChatRequest) -> Reply:
        """Ask the inner model, and raise what that raises.

        Raises:
            BudgetExceededError: the prompt does not fit what is left.
        """
        if not self._budget.allows(request):
            raise BudgetExceededError("the budget of the making is spent")
        reply = await self._inner.chat(request)
        self._budget.spend(reply)
        return reply

    async def aclose(self) -> None:
        """Close the inner model."""
        await self._inner.aclose()


class PaperMaker:
    """Makes tools whose arguments only a light model can fill in."""

    def __init__(
        self, model: BudgetedModel, executor: Executor, report: Report, light: LightModel
    ) -> None:
        self._model = model
        self._executor = executor
        self._report = report
        self._light = light

    async def make(
        self, order: Order, shape: int, shown: Sequence[Case], held_out: Sequence[Case]
    ) -> Accepted | str:
        """The accepted tool with its verdicts, or the reason for none.

        Raises:
            ModelError: the maker's model cannot be used.
            SandboxUnavailableError: no engine can run the candidates.
        """
        try:
            # Before the maker is paid for a tool that nobody here could judge.
            answering = self._light.open()
        except LatmError as error:
            return f"{_NO_LIGHT_MODEL}: {error}"
        draw = random.Random(order.seed)
        examples = draw.sample(list(shown), MIN_SHOWN)
        try:
            wrapped = await self._wrapped(examples[:_EXAMPLES], examples[_EXAMPLES:], order.seed)
        except BudgetExceededError as error:
            return str(error)
        if isinstance(wrapped, Finding):
            return f"{wrapped.check}: {wrapped.detail}"
        provenance = Provenance("made", order.maker, f"paper+{self._light.mode}", order.created_at)
        tool = replace(wrapped, name=order.name, shape=shape, provenance=provenance)
        judged = draw.sample(list(held_out), min(MOST_JUDGED, len(held_out)))
        try:
            return await self._judged(tool, answering, judged)
        except ModelFileError as error:
            return f"{_NO_LIGHT_MODEL}: {error}"

    # --- propose, verify, wrap -----------------------------------------------------------

    async def _wrapped(
        self, proposed: Sequence[Case], others: Sequence[Case], seed: int
    ) -> Tool | Finding:
        history: list[Message] = []

        asked = _asked(proposed) + _PROPOSE
        found = await self._insist("paper-propose", history, asked, self._function, seed)
        if isinstance(found, Finding):
            return found

        async def calls(reply: str) -> Tool | Finding:
            return await self._packaged(reply, found, proposed, others)

        asked = _asked(others) + _form(found)
        return await self._insist("paper-calls", history, asked, calls, seed)

    async def _insist(
        self,
        stage: str,
        history: list[Message],
        prompt: str,
        read: Callable[[str], Awaitable[_Result | Finding]],
        seed: int,
    ) -> _Result | Finding:
        """Ask until the reply can be used; the history grows by all that was said."""
        result: _Result | Finding = Finding(stage, "not asked")
        for _ in range(1 + _RETRIES):
            history.append(Message("user", prompt))
            reply = await self._model.chat(
                ChatRequest(tuple(history), max_tokens=_TOKENS, seed=seed)
            )
            history.append(Message("assistant", reply.text))
            result = await read(reply.text)
            said = f"{result.check}: {result.detail}" if isinstance(result, Finding) else "passed"
            passed = _EXAMPLES if isinstance(result, Tool) else 0
            self._report(Attempt(stage, 0.0, reply.usage, passed, _EXAMPLES, said))
            if not isinstance(result, Finding):
                break
            prompt = _AGAIN.format(error=said)
        return result

    async def _function(self, reply: str) -> Parsed | Finding:
        """The function of a reply, when it is sound and can be defined in some engine."""
        found = parse_solver(reply, ENTRY)
        if isinstance(found, Finding):
            return found
        findings = lint(found.source, ())
        if findings:
            return findings[0]
        if GLUE in found.source:
            return Finding("forbidden", f"a name that begins with {GLUE!r}")
        if not found.parameters:
            return Finding("function", "the function takes no arguments")
        reason = "no engine is available"
        for engine in self._executor.engines:
            version = self._executor.engine_version(engine)
            parameters = tuple(Parameter(n, (n,)) for n in found.parameters)
            solver = Solver(found.source, found.entry, parameters, engine, version)
            done = await self._executor.code(solver, FREE, "ans = 'defined'")
            if done.outcome == "answered":
                return found
            reason = done.reason
        return Finding("execution", reason)

    async def _packaged(
        self, reply: str, found: Parsed, proposed: Sequence[Case], others: Sequence[Case]
    ) -> Tool | Finding:
        codes = read_calls(reply, found.entry, len(others))
        if isinstance(codes, Finding):
            return codes
        transcript = Transcript(
            path="",
            function=found.source.strip(),
            entry=found.entry,
            parameters=found.parameters,
            proposed=tuple(proposed),
            use_cases=tuple(UseCase(c, code) for c, code in zip(others, codes, strict=True)),
            tests=None,
        )
        tool = await package(transcript, self._executor, self._executor.engines)
        if not isinstance(tool, Tool):
            return Finding("calls", "; ".join(tool))
        if self._light.mode == "schema" and tool.schema == "{}":
            return Finding("calls", "the blocks must have one form and differ in literals only")
        return tool

    # --- judging -------------------------------------------------------------------------

    async def _judged(
        self, tool: Tool, answering: Answering, cases: Sequence[Case]
    ) -> Accepted | str:
        """Through the light model, until the cases end, the budget, or the hope."""
        verdicts: list[Verdict] = []
        for case in cases:
            try:
                verdict = verdict_on(case, await answering(tool, case.question))
            except BudgetExceededError:
                break
            # Where the light model's call breaks, the next rung is asked: nobody is misled.
            verdicts.append(
                replace(verdict, outcome="abstained") if verdict.outcome == "failed" else verdict
            )
            if _hopeless(verdicts, len(cases)):
                break
        reason = _refusal(verdicts)
        if reason:
            return reason
        verification = Verification(
            shown=_EXAMPLES,
            shown_passed=_EXAMPLES,
            held_out=len(verdicts),
            held_out_passed=_count(verdicts, "right"),
            held_out_abstained=_count(verdicts, "abstained"),
            checks=("lint", *tool.verification.checks, f"light-model {self._light.name}"),
            cases_digest=digest(
                canonical_json([[v.case.question, v.case.answer] for v in verdicts])
            ),
        )
        return replace(tool, verification=verification), tuple(verdicts)


def _count(verdicts: Sequence[Verdict], outcome: str) -> int:
    return sum(v.outcome == outcome for v in verdicts)


def _hopeless(verdicts: Sequence[Verdict], total: int) -> bool:
    """Whether no further verdict could make the tool acceptable: tokens are saved."""
    unanswered = _count(verdicts, "abstained")
    return _count(verdicts, "wrong") > 0 or total - unanswered < MIN_HELD_OUT_COVERAGE * total


def _refusal(verdicts: Sequence[Verdict]) -> str:
    """Why the tool is refused, or nothing; held-out answers stay out of the text."""
    judged = len(verdicts)
    if _count(verdicts, "wrong"):
        return f"the light model's answer to held-out question {judged} is wrong"
    right = _count(verdicts, "right")
    if right < MIN_HELD_OUT_COVERAGE * judged:
        why = next(v.reason for v in verdicts if v.outcome == "abstained")
        return f"the light model answered only {right} of {judged} held-out questions: {why}"
    if judged < MIN_HELD_OUT:
        return f"the budget of the making ended after {judged} held-out questions"
    return ""


# --- prompts ---------------------------------------------------------------


def _asked(cases: Sequence[Case]) -> str:
    return "\n\n".join(f"Question: {c.question}\nAnswer: {c.answer}" for c in cases)


def _form(found: Parsed) -> str:
    """The form of the calls wanted: small models fill in a form, they copy a description."""
    arguments = "\n".join(f"{name} = ..." for name in found.parameters)
    return _CALLS.format(arguments=arguments, call=f"{found.entry}({', '.join(found.parameters)})")
