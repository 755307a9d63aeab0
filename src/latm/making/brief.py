"""The brief: the one function that the model is asked to write, and the glue around it.

A `Shape` flows in; briefs flow out, each with the examples in the terms of the function
wanted; and a model's source with its brief becomes the source of a solver. Invariant: glue
is fixed code of ours, chosen by the shown cases; it converts values before and after the
model's function and computes nothing of the answer itself.

Normalise → compute → render: "14:30 - 15:30" becomes the hours [14.5, 15.5] before the
function, and hours become such a text after it; an option's letter becomes the option.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from latm.execution import GLUE
from latm.making import normal
from latm.making.folding import OPTION
from latm.making.renaming import renamed
from latm.making.shape import Example, Shape
from latm.types import Json

ENTRY = "solve"
"""Name of the solver's function; the model's own, when there is no glue."""

INNER = "compute"
"""Name of the model's function inside glue."""

Helper = Callable[..., Json]


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of glue: a function that calls the next one.

    Attributes:
        helpers: functions of `latm.making.normal` that the body uses.
        parameters: of this function, in order.
        body: an expression over the parameters; ``{inner}`` stands for the next function.
    """

    helpers: tuple[Helper, ...]
    parameters: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What the model is asked to write.

    Attributes:
        shape: whose solver it will be.
        names: of the parameters of the function wanted.
        examples: in its terms.
        layers: glue from the solver's arguments inwards; none: the function is the solver.
        fields: names of the answer's parts, when the value wanted is a list of them.
    """

    shape: Shape
    names: tuple[str, ...]
    examples: tuple[Example, ...]
    layers: tuple[Layer, ...] = ()

    @property
    def entry(self) -> str:
        return INNER if self.layers else ENTRY


def brief_of(shape: Shape) -> Brief:
    """The plain brief: the solver itself is wanted."""
    return Brief(shape, shape.names, shape.examples)


def composed(brief: Brief, source: str, entry: str) -> str:
    """A solver's source from a model's.

    Args:
        entry: how the model has named its function.
    """
    if not brief.layers:
        return source
    if entry == ENTRY:
        source, entry = renamed(source, "_1"), f"{ENTRY}_1"
    helpers = dict.fromkeys(h for layer in brief.layers for h in layer.helpers)
    names = [ENTRY, *(f"{GLUE}step{n}" for n in range(1, len(brief.layers))), entry]
    layers = [
        f"def {names[n]}({', '.join(layer.parameters)}):\n"
        f"    return {layer.body.replace('{inner}', names[n + 1])}\n"
        for n, layer in enumerate(brief.layers)
    ]
    return "\n\n".join([*map(inspect.getsource, helpers), source, *layers[::-1]])


# --- views -----------------------------------------------------------------------------


def by_option(brief: Brief) -> Brief:
    """The option's text is wanted instead of its letter; the letters are found by glue."""
    position = _options(brief)
    if position is None:
        return brief
    examples: list[Example] = []
    for example in brief.examples:
        options = example.arguments[position]
        letter = str(example.wanted)
        place = ord(letter) - ord("A") if re.fullmatch(r"[A-Z]", letter) else -1
        if not isinstance(options, list) or not 0 <= place < len(options):
            return brief
        if len({str(option) for option in options}) < len(options):
            return brief
        rest = (*example.arguments[:position], *example.arguments[position + 1 :])
        examples.append(replace(example, arguments=rest, wanted=options[place]))
    name = brief.names[position]
    rest_names = tuple(n for n in brief.names if n != name)
    body = f"{normal.latm_letter.__name__}({{inner}}({', '.join(rest_names)}), {name})"
    layer = Layer((normal.latm_letter,), brief.names, body)
    return replace(brief, names=rest_names, examples=tuple(examples), layers=(*brief.layers, layer))


def _options(brief: Brief) -> int | None:
    """Which parameter holds the options of a multiple choice."""
    template = brief.shape.template
    before = {s.name: t for s, t in zip(template.slots, template.literals, strict=False)}
    slots = {p.name: p.slots for p in brief.shape.parameters}
    for n, name in enumerate(brief.names):
        letters = [OPTION.search(before[slot]) for slot in slots.get(name, ())]
        if len(letters) > 1 and all(m and m[1] == chr(65 + i) for i, m in enumerate(letters)):
            return n
    return None


def by_hours(brief: Brief) -> Brief:
    """Times of the day as hours: "14:30" is 14.5, "09:00 - 10:30" is [9.0, 10.5]."""
    return _converted(brief, normal.latm_hours, normal.latm_clock)


def _converted(brief: Brief, inward: Helper, outward: Helper) -> Brief:
    """Arguments through one helper, the value back through its inverse."""
    changed = [
        any(inward(e.arguments[n]) != e.arguments[n] for e in brief.examples)
        for n in range(len(brief.names))
    ]
    if not any(changed):
        return brief

    def normalised(example: Example) -> Example:
        arguments = tuple(
            inward(a) if c else a for a, c in zip(example.arguments, changed, strict=True)
        )
        return replace(example, arguments=arguments, wanted=inward(example.wanted))

    examples = tuple(map(normalised, brief.examples))
    if any(outward(e.wanted) != o.wanted for e, o in zip(examples, brief.examples, strict=True)):
        return brief
    calls = [
        f"{inward.__name__}({n})" if c else n for n, c in zip(brief.names, changed, strict=True)
    ]
    body = f"{outward.__name__}({{inner}}({', '.join(calls)}))"
    layer = Layer((inward, outward), brief.names, body)
    return replace(brief, examples=examples, layers=(*brief.layers, layer))


VIEWS: dict[str, Callable[[Brief], Brief]] = {"options": by_option, "hours": by_hours}


def seen_by(views: Sequence[str], brief: Brief) -> Brief:
    """The brief through each of the named views in turn."""
    for view in views:
        brief = VIEWS[view](brief)
    return brief
