"""One tool, one request, one sandbox: an answer, or the reason for none.

A `Tool` and a question (or arguments, or code of a light model) flow in, an `Execution`
flows out. Invariant: the verifier and the request path both come through here, so a tool
is judged exactly as it will serve; no model is reachable from this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from latm.errors import SandboxUnavailableError
from latm.identity import canonical_json
from latm.sandbox import Sandbox
from latm.templates import Matcher, render
from latm.types import (
    EngineName,
    Failed,
    FailureKind,
    Json,
    Limits,
    Outcome,
    Parameter,
    Program,
    Solver,
    Template,
    Tool,
)

GLUE = "latm_"
"""Functions of a solver whose names begin so are ours; a light model is not shown them."""

FINISH = f"{GLUE}finish"
"""A solver may define it: it turns the ``ans`` of free code into the form of the answers."""

_CODE_ENTRY = f"{GLUE}answer"


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of it.

    Attributes:
        text: the rendered answer; None unless ``outcome`` is ``answered``.
        outcome: ``abstained``: not mine, the next rung is asked; ``failed``: the tool broke.
        failure: which way it broke, when it did.
    """

    text: str | None
    outcome: Literal["answered", "abstained", "failed"]
    reason: str = ""
    failure: FailureKind | None = None


@lru_cache(maxsize=16384)
def matcher_of(template: Template) -> Matcher:
    """The compiled matcher of a template, kept."""
    return Matcher(template)


class Executor:
    """Runs tools in the engines of this machine."""

    def __init__(self, sandboxes: Mapping[EngineName, Sandbox], limits: Limits) -> None:
        self._sandboxes = sandboxes
        self._limits = limits

    @property
    def engines(self) -> tuple[EngineName, ...]:
        return tuple(self._sandboxes)

    def engine_version(self, engine: EngineName) -> str:
        """Version of an engine; part of a tool's identity.

        Raises:
            SandboxUnavailableError: the engine is not to be had on this machine.
        """
        return self._engine(engine).version

    async def answer(self, tool: Tool, question: str) -> Execution:
        """Recognise, parse, solve and render with the tool alone: zero tokens.

        Raises:
            SandboxUnavailableError: the engine is broken or absent; says nothing of the tool.
        """
        if tool.template is None:
            return Execution(None, "abstained", "the class has no template")
        values = matcher_of(tool.template).match(question)
        if values is None:
            return Execution(None, "abstained", "the question does not fit the template")
        names = (slot.name for slot in tool.template.slots)
        arguments = dict(zip(names, values, strict=True))
        return await self.call(tool.solver, tool.answer, positional(tool.solver, arguments))

    async def call(self, solver: Solver, answer: Template, values: Sequence[Json]) -> Execution:
        """Solve for given arguments and render.

        Args:
            values: positional arguments of the solver.
        """
        program = Program(solver.source, solver.entry)
        return _executed(await self._run(solver, program, values), answer)

    async def code(self, solver: Solver, answer: Template, code: str) -> Execution:
        """Run free code of a light model after the solver's source (LATM, section 3.2).

        Args:
            code: statements that leave the answer in ``ans``.
        """
        value = f"{FINISH}(ans)" if f"def {FINISH}(" in solver.source else "ans"
        source = f"{solver.source}\n\n{code}\n\ndef {_CODE_ENTRY}():\n    return {value}\n"
        outcome = await self._run(solver, Program(source, _CODE_ENTRY), ())
        return _executed(outcome, answer, free=True)

    async def outcome(self, solver: Solver, values: Sequence[Json]) -> Outcome:
        """The raw outcome of one call, for the maker's search."""
        return await self._run(solver, Program(solver.source, solver.entry), values)

    def _engine(self, engine: EngineName) -> Sandbox:
        sandbox = self._sandboxes.get(engine)
        if sandbox is None:
            raise SandboxUnavailableError(
                f"engine {engine!r} is not available on this machine; "
                "run 'latm sandbox check' to see why"
            )
        return sandbox

    async def _run(self, solver: Solver, program: Program, values: Sequence[Json]) -> Outcome:
        sandbox = self._engine(solver.engine)
        if sandbox.version != solver.engine_version:
            raise SandboxUnavailableError(
                f"the tool was verified in {solver.engine_version!r}, this machine has "
                f"{sandbox.version!r}; run 'latm tools verify' to judge it here"
            )
        return await sandbox.run(program, values, self._limits)


def positional(solver: Solver, arguments: Mapping[str, Json]) -> list[Json]:
    """The solver's positional arguments, from one value for each slot."""
    return [value_of(parameter, arguments) for parameter in solver.parameters]


def value_of(parameter: Parameter, arguments: Mapping[str, Json]) -> Json:
    """What a parameter gets: its slot's value, or its slots' values by key, turn or number."""
    if len(parameter.slots) == 1:
        return arguments[parameter.slots[0]]
    values = [arguments[slot] for slot in parameter.slots]
    if parameter.keys:
        return dict(zip(parameter.keys, values, strict=True))
    if parameter.width == 1:
        return values
    return [values[n : n + parameter.width] for n in range(0, len(values), parameter.width)]


def _executed(outcome: Outcome, answer: Template, *, free: bool = False) -> Execution:
    if isinstance(outcome, Failed):
        return Execution(None, "failed", f"{outcome.kind}: {outcome.message}", outcome.kind)
    if outcome.value is None:
        return Execution(None, "abstained", "the tool returned None")
    text = render_answer(answer, outcome.value)
    if text is None and free:
        text = _plain(outcome.value)
    if text is None:
        return Execution(
            None,
            "failed",
            f"the value {_short(outcome.value)} does not fit the form of the answers",
            "output",
        )
    return Execution(text, "answered")


def render_answer(answer: Template, value: Json) -> str | None:
    """The answer's text for a solver's value: one slot takes it whole, several share a list."""
    if len(answer.slots) == 1:
        return render(answer, (value,))
    return render(answer, value) if isinstance(value, list) else None


def _plain(value: Json) -> str:
    """Text of a value without a form: what a person would read."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(v, str | int | float) for v in value):
        return " ".join(str(v) for v in value)
    return canonical_json(value)


def _short(value: Json) -> str:
    text = canonical_json(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
