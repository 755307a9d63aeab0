"""The value right, its form wrong: mended without a model.

A `Trial` flows in; the same draft with one more layer of glue flows out, when one fixed
conversion of what it returned makes every shown example right. Invariant: a conversion is
taken only when it mends all examples that ran; it is part of the tool's source from then on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from latm.making import normal
from latm.making.brief import Brief, Helper, Layer
from latm.making.shape import Shape
from latm.making.trials import Draft, Trial, gives
from latm.types import Json, Returned

_MAX_LABELS = 6
_MIN_SEEN = 2


@dataclass(frozen=True, slots=True)
class _Adapter:
    """A conversion, and the expression that does it in the tool; ``{}`` is the value."""

    helper: Helper
    extra: tuple[Json, ...] = ()

    def of(self, value: Json) -> Json:
        return self.helper(value, *self.extra)

    def over(self, brief: Brief) -> Brief:
        """The brief with the conversion as its outermost glue."""
        extra = "".join(f", {e!r}" for e in self.extra)
        names = brief.shape.names
        call = f"{{inner}}({', '.join(names)})"
        layer = Layer((self.helper,), names, f"{self.helper.__name__}({call}{extra})")
        return replace(brief, layers=(layer, *brief.layers))


def adapted(trial: Trial) -> Draft | None:
    """The draft behind the glue that mends the form of its values, or None."""
    brief, shape = trial.draft.brief, trial.draft.brief.shape
    values = [o.value for o in trial.outcomes if isinstance(o, Returned)]
    if len(values) < len(shape.examples) or trial.passes_all:
        return None
    for adapter in _adapters(shape, values):
        given = [adapter.of(value) for value in values]
        if all(gives(shape, e, v) for e, v in zip(shape.examples, given, strict=True)):
            return replace(trial.draft, brief=adapter.over(brief))
    return None


def _adapters(shape: Shape, values: Sequence[Json]) -> Iterator[_Adapter]:
    """Conversions that could apply, the least bold first."""
    answer = shape.answer
    for helper in (normal.latm_text, normal.latm_number, normal.latm_list):
        yield _Adapter(helper)
    if [slot.kind for slot in answer.slots] == ["integer"]:
        for way in ("half up", "half even", "down", "up"):
            yield _Adapter(normal.latm_rounded, (way,))
    if len(answer.slots) == 1:
        yield _Adapter(normal.latm_unframed, answer.literals)
        yield _Adapter(normal.latm_first)
    for joint in (", ", " ", "", "\n", "; ", ","):
        yield _Adapter(normal.latm_joined, (joint,))
        yield _Adapter(normal.latm_cut, (joint or ",",))
    for helper in (normal.latm_lower, normal.latm_upper, normal.latm_title):
        yield _Adapter(helper)
    labels = _labels([(v, e.wanted) for v, e in zip(values, shape.examples, strict=True)])
    if labels:
        yield _Adapter(normal.latm_labelled, (labels,))
    yield from _item_adapters([(v, e.wanted) for v, e in zip(values, shape.examples, strict=True)])


_Pairs = Sequence[tuple[Json, Json]]


def _item_adapters(pairs: _Pairs) -> Iterator[_Adapter]:
    """Lists whose items stand for those wanted, in the same or in the opposite order."""
    for step in (1, -1):
        items: list[tuple[Json, Json]] = []
        for value, wanted in pairs:
            if not isinstance(value, list) or not isinstance(wanted, list):
                return
            if len(value) != len(wanted):
                return
            items += zip(value[::step], wanted, strict=True)
        labels = _labels(items)
        if labels:
            yield _Adapter(normal.latm_relabelled, (labels, step))
        elif step == -1:
            yield _Adapter(normal.latm_reversed)


def _labels(pairs: _Pairs) -> list[Json] | None:
    """Pairs of a value returned and the one wanted, when they go together one to one."""
    distinct = {(repr(v), repr(w)) for v, w in pairs}
    one_to_one = len({v for v, _ in distinct}) == len(distinct) == len({w for _, w in distinct})
    often = len(pairs) >= _MIN_SEEN * len(distinct)
    if not one_to_one or not often or not 2 <= len(distinct) <= _MAX_LABELS:
        return None
    first: dict[str, Json] = {repr(v): [v, w] for v, w in pairs}
    return list(first.values())


# --- tables ----------------------------------------------------------------------------


def completed(draft: Draft) -> Iterator[Draft]:
    """The draft with a table completed by the items that it forgets.

    Small models write three of four pairs of brackets. A table of pairs over the items that
    an argument can hold gets the left-out items as further pairs, in every order.
    """
    items = _vocabulary(draft.brief)
    tree = ast.parse(draft.source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict) or not node.keys:
            continue
        held = [*node.keys, *node.values]
        names = [n.value for n in held if isinstance(n, ast.Constant)]
        left = sorted(items - {n for n in names if isinstance(n, str)})
        if len(names) < len(held) or not set(names) <= items or len(left) not in (2, 4):
            continue
        keys, values = node.keys, node.values
        for pairs in _pairings(left):
            node.keys = [*keys, *(ast.Constant(a) for a, _ in pairs)]
            node.values = [*values, *(ast.Constant(b) for _, b in pairs)]
            yield replace(draft, source=ast.unparse(tree) + "\n")
        node.keys, node.values = keys, values


def _vocabulary(brief: Brief) -> set[str]:
    """The texts that stand in the lists of the examples."""
    lists = (a for e in brief.examples for a in e.arguments if isinstance(a, list))
    return {item for items in lists for item in items if isinstance(item, str)}


def _pairings(items: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """All ways to pair the items off, either of a pair first."""
    if not items:
        yield []
        return
    first = items[0]
    for n, other in enumerate(items[1:], start=1):
        rest = [*items[1:n], *items[n + 1 :]]
        for pairs in _pairings(rest):
            yield [(first, other), *pairs]
            yield [(other, first), *pairs]
