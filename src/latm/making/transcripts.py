"""Import of published LATM transcripts: a history of messages in, a verified tool out.

A `Transcript` (propose, verify, wrap) flows in, a `Tool` flows out. Invariant:
nothing of a transcript is believed: every use case and unit test is run again here, in the
engine that will serve, and a tool whose cases do not come out right is not made.

What counts as what (`Verification`):

- held out: the questions of the verify stage. Their function was written before they were
  asked, and each is answered here by running its published use case. Its ``Answer:`` line
  in the verify stage is the reference; so is its wording, which the wrap stage retells.
- shown: the questions of the propose stage, whose answers the function's author saw. They
  have no use case, so they count only when the tool has a template and answers alone.
- checks: ``use-cases`` (free code), ``arguments`` (the same by call with JSON arguments),
  ``unit-tests`` (the author's own assertions), ``template``.

How a function and its use cases become a tool is `latm.making.packaging`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from latm.answers import same
from latm.errors import NotToolableError
from latm.execution import Executor, matcher_of
from latm.induction import induce_template
from latm.making.packaging import ENGINES, named, package
from latm.making.reading import Transcript, UseCase, read_transcript
from latm.types import EngineName, Provenance, Template, Tool

# --- verifying -------------------------------------------------------------------------


async def import_transcript(
    transcript: Transcript,
    executor: Executor,
    *,
    name: str,
    created_at: str,
    maker: str = "openai:gpt-4",
    engines: Sequence[EngineName] = ENGINES,
) -> Tool:
    """Make a tool of a transcript, in the first engine that answers all its cases right.

    Args:
        name: the request class.
        created_at: UTC, ISO 8601.
        maker: the model that wrote the transcript.
        engines: in order of preference.

    Raises:
        NotToolableError: its cases or unit tests do not come out right here.
        SandboxUnavailableError: an engine is broken; says nothing of the transcript.
    """
    packaged = await package(transcript, executor, engines)
    if not isinstance(packaged, Tool):
        raise NotToolableError(f"{transcript.path}: not verified: {'; '.join(packaged)}")
    tool = replace(
        packaged,
        name=name,
        provenance=Provenance("imported", maker, "latm-transcript", created_at),
    )
    return await _with_template(tool, transcript, executor)


# --- template --------------------------------------------------------------------------


async def _with_template(tool: Tool, transcript: Transcript, executor: Executor) -> Tool:
    """The tool with a template, when one parses all its questions into just its arguments."""
    cases = (*transcript.proposed, *(use.case for use in transcript.use_cases))
    template = induce_template([case.question for case in cases])
    if template is None or not _parses(template, tool):
        return tool
    slots = tuple(
        replace(slot, name=parameter.name)
        for slot, parameter in zip(template.slots, tool.solver.parameters, strict=True)
    )
    candidate = replace(tool, template=replace(template, slots=slots))
    for case in cases:
        done = await executor.answer(candidate, case.question)
        if done.text is None or not same(case.answer, done.text):
            return tool
    shown = len(transcript.proposed)
    verification = replace(
        tool.verification,
        shown=shown,
        shown_passed=shown,
        checks=(*tool.verification.checks, "template"),
    )
    return replace(candidate, verification=verification)


def _parses(template: Template, tool: Tool) -> bool:
    """Whether the slots hold, in order, exactly the arguments of every demonstration."""
    if len(template.slots) != len(tool.solver.parameters):
        return False
    for demonstration in tool.demonstrations:
        values = matcher_of(template).match(demonstration.question)
        if values is None or demonstration.arguments is None:
            return False
        if named(tool.solver, values) != demonstration.arguments:
            return False
    return True


__all__ = ["Transcript", "UseCase", "import_transcript", "read_transcript"]
