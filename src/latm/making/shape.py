"""The work order: of a class its cases, of one tool a question shape and its shown cases.

Cases of one cluster flow in; a `Shape` flows out: typed arguments and the value that the
solver must return for each. Views of a shape hand the same cases over in another form.
Invariant: a shape is built from shown cases only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from latm.execution import matcher_of, value_of
from latm.induction import induce_answer
from latm.types import Case, Json, Parameter, Slot, Template

MIN_REPEATS = 3
"""So many slots of one name and type are a repeated structure."""

MIN_HELD_OUT = 3
"""Fewer cases than this cannot show that a tool does what it was not shown."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    Attributes:
        name: of the class.
        shown, held_out: the split cases; the maker sees only the shown ones.
        maker: full name of the model, for the record.
        created_at: UTC, ISO 8601; the clock is read at the edge.
    """

    name: str
    shown: tuple[Case, ...]
    held_out: tuple[Case, ...]
    maker: str
    created_at: str
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """Positional arguments and the value wanted, with the case they come from."""

    arguments: tuple[Json, ...]
    wanted: Json
    case: Case


@dataclass(frozen=True, slots=True)
class Shape:
    """What the maker gets.

    Attributes:
        index: number of the shape in its class.
        template: of the questions.
        answer: of the answers; what the solver returns fills its slots.
        parameters: of the solver; each names the slots of the template that fill it.
        examples: shown cases only.
    """

    index: int
    template: Template
    answer: Template
    parameters: tuple[Parameter, ...]
    examples: tuple[Example, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)


def build_shape(index: int, template: Template, cases: Sequence[Case]) -> Shape:
    """The work order for the cases that a template matches: equal slots once, repeats folded."""
    answer = induce_answer([case.answer for case in cases])
    rows = [r for case in cases if (r := _row(template, answer, case)) is not None]
    distinct = _distinct(template.slots, [arguments for arguments, _, _ in rows])
    return _shape(index, (template, answer), _folded(distinct), rows)


def unmakeable(shape: Shape, held_out: Sequence[Case]) -> str:
    """Why no model needs to be asked, or nothing."""
    if not shape.template.slots:
        return "the questions do not differ: there is nothing to compute"
    if not shape.answer.slots:
        return "all answers are the same: a tool would only repeat it"
    if len(shape.examples) < MIN_HELD_OUT:
        return f"only {len(shape.examples)} shown cases fit the form of the answers"
    if len(held_out) < MIN_HELD_OUT:
        return f"only {len(held_out)} held-out cases are of this shape, at least {MIN_HELD_OUT}"
    return ""


_Row = tuple[dict[str, Json], Json, Case]


def _row(template: Template, answer: Template, case: Case) -> _Row | None:
    """Arguments by slot, the value wanted and the case, when both templates fit it."""
    arguments = matcher_of(template).match(case.question)
    values = matcher_of(answer).match(case.answer)
    if arguments is None or values is None:
        return None
    named = {slot.name: v for slot, v in zip(template.slots, arguments, strict=True)}
    return named, (values[0] if len(values) == 1 else list(values)), case


def _shape(
    index: int,
    templates: tuple[Template, Template],
    parameters: tuple[Parameter, ...],
    rows: Sequence[_Row],
) -> Shape:
    examples = tuple(
        Example(tuple(value_of(p, arguments) for p in parameters), wanted, case)
        for arguments, wanted, case in rows
    )
    return Shape(index, *templates, parameters, examples)


def _distinct(slots: Sequence[Slot], rows: Sequence[Mapping[str, Json]]) -> list[Slot]:
    """The slots less those that only repeat an earlier one ("how many {apples} are left")."""
    columns: list[list[Json]] = []
    kept: list[Slot] = []
    for slot in slots:
        column = [row[slot.name] for row in rows]
        if column not in columns:
            columns.append(column)
            kept.append(slot)
    return kept


def _folded(slots: Sequence[Slot]) -> tuple[Parameter, ...]:
    """One list parameter for n1, n2, n3 of one type; the others as they are."""

    def key(slot: Slot) -> tuple[str, str]:
        return re.sub(r"\d+$", "", slot.name), slot.kind

    groups = {k: tuple(s.name for s in g) for k, g in groupby(sorted(slots, key=key), key=key)}
    order = {slot.name: n for n, slot in enumerate(slots)}
    parameters: list[Parameter] = []
    for (base, _), names in groups.items():
        members = sorted(names, key=order.__getitem__)
        if len(members) >= MIN_REPEATS:
            parameters.append(Parameter(f"{base}_list", tuple(members)))
        else:
            parameters += [Parameter(name, (name,)) for name in members]
    return tuple(sorted(parameters, key=lambda p: order[p.slots[0]]))


# --- views -----------------------------------------------------------------------------


def numbers_only(shape: Shape) -> Shape:
    """The shape without its word arguments: what stands beside numbers is mostly scenery."""
    kinds = {slot.name: slot.kind for slot in shape.template.slots}
    kept = [
        n for n, p in enumerate(shape.parameters) if kinds[p.slots[0]] in ("integer", "decimal")
    ]
    if not kept or len(kept) == len(shape.parameters):
        return shape
    return replace(
        shape,
        parameters=tuple(shape.parameters[n] for n in kept),
        examples=tuple(
            replace(e, arguments=tuple(e.arguments[n] for n in kept)) for e in shape.examples
        ),
    )


def as_text(shape: Shape) -> Shape:
    """The shape with its lists taken as plain text: for tools that work on characters."""

    def plain(template: Template) -> Template:
        slots = tuple(Slot(s.name, "text") if s.kind == "list" else s for s in template.slots)
        return Template(template.literals, slots)

    templates = plain(shape.template), plain(shape.answer)
    if templates == (shape.template, shape.answer):
        return shape
    rows = [_row(*templates, example.case) for example in shape.examples]
    if any(row is None for row in rows):
        return shape
    return _shape(shape.index, templates, shape.parameters, [r for r in rows if r])
