"""The wrapper: package a verified solver with schema and demonstrations.

A shape and a solver flow in, a `Tool` flows out (LATM section 3.1, stage 3). Invariant:
the schema admits exactly what the template's parser can deliver, so that a light model's
arguments and parsed ones are of the same types.
"""

from __future__ import annotations

from latm.execution import matcher_of
from latm.identity import canonical_json
from latm.making.brief import ENTRY
from latm.making.prompts import choose_examples
from latm.making.shape import Example, Shape
from latm.templates import form_text
from latm.types import (
    Demonstration,
    ItemKind,
    Json,
    Provenance,
    Slot,
    Solver,
    Template,
    Tool,
    Verification,
)

_MAX_TEXT = 4000
_MAX_ITEMS = 400


def wrap(name: str, shape: Shape, solver: Solver, provenance: Provenance) -> Tool:
    """A tool that is not judged yet: its verification is empty."""
    return Tool(
        name=name,
        shape=shape.index,
        template=shape.template,
        solver=solver,
        answer=shape.answer,
        schema=canonical_json(schema_of(shape.template.slots)),
        demonstrations=tuple(_demonstration(shape, e) for e in choose_examples(shape.examples, 3)),
        provenance=provenance,
        verification=Verification(0, 0, 0, 0),
    )


def _demonstration(shape: Shape, example: Example) -> Demonstration:
    """The call for a shown case: arguments by slot, and the paper's form as code."""
    values = matcher_of(shape.template).match(example.case.question) or ()
    slots = (slot.name for slot in shape.template.slots)
    call = [
        f"{name} = {value!r}" for name, value in zip(shape.names, example.arguments, strict=True)
    ]
    return Demonstration(
        example.case.question,
        example.case.answer,
        arguments=canonical_json(dict(zip(slots, values, strict=True))),
        code="\n".join([*call, f"ans = {ENTRY}({', '.join(shape.names)})"]),
    )


def schema_of(slots: tuple[Slot, ...]) -> dict[str, Json]:
    """JSON schema of a call's arguments; every text and array is bounded."""
    return {
        "type": "object",
        "properties": {slot.name: _property(slot) for slot in slots},
        "required": [slot.name for slot in slots],
        "additionalProperties": False,
    }


def _property(slot: Slot) -> Json:
    match slot.kind:
        case "list":
            return _array(_scalar(slot.item or "word"))
        case "clauses":
            return _array(_statement(slot.clauses))
        case "choice":
            return {"type": "string", "enum": list[Json](slot.choices)}
        case kind:
            return _scalar(kind)


def _array(items: Json) -> Json:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": _MAX_ITEMS}


def _statement(forms: tuple[Template, ...]) -> Json:
    """One entry of a value of ``clauses`` (`latm.templates`)."""
    if len(forms) == 1:
        values = [_property(slot) for slot in forms[0].slots]
        return values[0] if len(values) == 1 else _tuple(values)
    return {
        "anyOf": [
            _tuple([{"const": form_text(form)}, *map(_property, form.slots)]) for form in forms
        ]
    }


def _tuple(parts: list[Json]) -> Json:
    return {
        "type": "array",
        "prefixItems": parts,
        "minItems": len(parts),
        "maxItems": len(parts),
    }


def _scalar(kind: ItemKind) -> Json:
    match kind:
        case "integer":
            return {"type": "integer"}
        case "decimal":
            return {"type": "number"}
        case "word" | "text":
            return {"type": "string", "minLength": 1, "maxLength": _MAX_TEXT}
