"""The brief: the one function that the model is asked to write, and the glue around it.

A `Shape` flows in; briefs flow out, each with the examples in the terms of the function
wanted; and a model's source with its brief becomes the source of a solver. Invariant: glue
is fixed code of ours, chosen by the shown cases; it converts values before and after the
model's function and computes nothing of the answer itself (`latm.making.views`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from latm.execution import GLUE
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

    helpers: tuple[Callable[..., object], ...]
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
        preamble: a line of imports that stands before the function wanted, or nothing.
        told: how an argument stands in the question, for those that are not there as such.
        note: what of the answer is wanted, or nothing.
    """

    shape: Shape
    names: tuple[str, ...]
    examples: tuple[Example, ...]
    layers: tuple[Layer, ...] = ()
    preamble: str = ""
    told: tuple[tuple[str, str], ...] = ()
    note: str = ""

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
    given = [brief.preamble] if brief.preamble else []
    return "\n\n".join([*given, *map(inspect.getsource, helpers), source, *layers[::-1]])
