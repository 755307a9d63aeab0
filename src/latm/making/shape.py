"""The work order of one tool: a question shape, its answers' form, and the shown cases.

Cases of one cluster flow in; a `Shape` flows out: typed arguments and the value that the
solver must return for each. Invariant: a shape is built from shown cases only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latm.execution import matcher_of
from latm.induction import induce_answer
from latm.types import Case, Json, Slot, Template


@dataclass(frozen=True, slots=True)
class Example:
    """Typed arguments and the value wanted, with the case they come from."""

    arguments: tuple[Json, ...]
    wanted: Json
    case: Case


@dataclass(frozen=True, slots=True)
class Shape:
    """What the maker gets.

    Attributes:
        index: number of the shape in its class.
        template: of the questions; its slots are the solver's parameters.
        answer: of the answers; what the solver returns fills its slots.
        examples: shown cases only.
    """

    index: int
    template: Template
    answer: Template
    examples: tuple[Example, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(slot.name for slot in self.template.slots)


def build_shape(index: int, template: Template, cases: Sequence[Case]) -> Shape:
    """The work order for the cases that a template matches."""
    answer = induce_answer([case.answer for case in cases])
    examples: list[Example] = []
    for case in cases:
        arguments = matcher_of(template).match(case.question)
        values = matcher_of(answer).match(case.answer)
        if arguments is not None and values is not None:
            wanted = values[0] if len(values) == 1 else list(values)
            examples.append(Example(arguments, wanted, case))
    return Shape(index, template, answer, tuple(examples))


def as_text(shape: Shape) -> Shape:
    """The same shape with its lists taken as plain text: for tools that work on characters."""

    def plain(template: Template) -> Template:
        slots = tuple(Slot(s.name, "text") if s.kind == "list" else s for s in template.slots)
        return Template(template.literals, slots)

    template, answer = plain(shape.template), plain(shape.answer)
    examples: list[Example] = []
    for example in shape.examples:
        arguments = matcher_of(template).match(example.case.question)
        values = matcher_of(answer).match(example.case.answer)
        if arguments is None or values is None:
            return shape
        wanted = values[0] if len(values) == 1 else list(values)
        examples.append(Example(arguments, wanted, example.case))
    return Shape(shape.index, template, answer, tuple(examples))
