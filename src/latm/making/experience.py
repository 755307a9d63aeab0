"""Experience: what the toolbox's tools tell about the making of a new one.

Earlier tools and a `Shape` flow in; the strategies that made tools of its kind, and the
source of one of them as an example, flow out. Invariant: only what was verified is passed
on, and of it only source that a model wrote: no glue, no cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from latm.execution import GLUE
from latm.making.shape import Shape
from latm.types import Template, Tool

_MOST_CHARACTERS = 400


def won(earlier: Sequence[Tool], shape: Shape) -> Mapping[str, int]:
    """How many tools of the shape's kind each strategy has made."""
    return Counter(
        tool.provenance.strategy.partition("+")[0]
        for tool in earlier
        if tool.template
        and _kind(tool.template, tool.answer) == _kind(shape.template, shape.answer)
    )


def similar(earlier: Sequence[Tool], shape: Shape) -> str:
    """Source of the last short tool of the shape's kind; empty without one."""
    kind = _kind(shape.template, shape.answer)
    sources = [
        tool.solver.source
        for tool in earlier
        if tool.template
        and _kind(tool.template, tool.answer) == kind
        and tool.provenance.strategy not in ("copies", "known")
    ]
    short = [s for s in sources if GLUE not in s and len(s) <= _MOST_CHARACTERS]
    return short[-1].strip() if short else ""


def _kind(question: Template, answer: Template) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The types that come in, each once, and those that go out."""
    given = sorted({_type(question, n) for n in range(len(question.slots))})
    return tuple(given), tuple(_type(answer, n) for n in range(len(answer.slots)))


def _type(template: Template, number: int) -> str:
    slot = template.slots[number]
    return f"{slot.kind} of {slot.item}" if slot.item else slot.kind
