"""The work order: of a class its cases, of one tool a question shape and its shown cases.

Cases of one cluster flow in; a `Shape` flows out: typed arguments and the value that the
solver must return for each. Views of a shape hand the same cases over in another form.
Invariant: a shape is built from shown cases only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from latm.execution import matcher_of, value_of
from latm.induction import Cluster, induce_answer
from latm.making.folding import OPTION, folded
from latm.types import Case, Json, Parameter, Slot, Template, Tool

MIN_HELD_OUT = 3
"""Fewer cases than this cannot show that a tool does what it was not shown."""

_PHRASE_WORDS = 3
_PHRASE_MOST = 6
_ARTICLES = frozenset(("a", "an", "A", "An"))


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    Attributes:
        name: of the class.
        shown, held_out: the split cases; the maker sees only the shown ones.
        maker: full name of the model, for the record.
        created_at: UTC, ISO 8601; the clock is read at the edge.
        known: tools whose solvers are tried before the model is asked.
        without: parts of the search that are switched off (`latm.making.parts`).
        earlier: the toolbox's tools, for what their making tells about this one.
        slots: how many requests the maker's model serves at a time.
    """

    name: str
    shown: tuple[Case, ...]
    held_out: tuple[Case, ...]
    maker: str
    created_at: str
    seed: int = 0
    known: tuple[Tool, ...] = ()
    without: frozenset[str] = frozenset()
    earlier: tuple[Tool, ...] = ()
    slots: int = 1


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
    return shape_of(index, (_phrased(template, cases), answer), cases)


def shape_of(index: int, templates: tuple[Template, Template], cases: Sequence[Case]) -> Shape:
    """The work order for cases, through the templates of the questions and of the answers."""
    rows = [r for case in cases if (r := _row(*templates, case)) is not None]
    distinct = _distinct(templates[0], [arguments for arguments, _, _ in rows])
    return _shape(index, templates, folded(templates[0], distinct), rows)


def _phrased(template: Template, cases: Sequence[Case]) -> Template:
    """A few words with blanks between them are a phrase ("Moby Dick"), not a list."""
    matcher = matcher_of(template)
    rows = [r for case in cases if (r := matcher.match(case.question)) is not None]
    slots = tuple(
        replace(slot, kind="text", item=None, separator=None)
        if _is_phrase(slot, [row[n] for row in rows])
        else slot
        for n, slot in enumerate(template.slots)
    )
    phrased = Template(template.literals, slots)
    still = sum(matcher_of(phrased).match(case.question) is not None for case in cases)
    return phrased if still == len(rows) else template


def _is_phrase(slot: Slot, column: Sequence[Json]) -> bool:
    if slot.kind != "list" or slot.separator != " " or slot.item != "word":
        return False
    lengths = [len(v) for v in column if isinstance(v, list)]
    return bool(lengths) and max(lengths) <= _PHRASE_MOST and median(lengths) <= _PHRASE_WORDS


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


def deal(cases: Sequence[Case], clusters: Sequence[Cluster]) -> list[list[Case]]:
    """Cases by the cluster whose template takes them; the last list takes the rest."""
    hands: list[list[Case]] = [[] for _ in range(len(clusters) + 1)]
    for case in cases:
        home = next(
            (
                n
                for n, c in enumerate(clusters)
                if c.template and matcher_of(c.template).match(case.question) is not None
            ),
            len(clusters),
        )
        hands[home].append(case)
    return hands


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


def _distinct(template: Template, rows: Sequence[Mapping[str, Json]]) -> list[Slot]:
    """The slots less articles, and those that repeat an earlier one ("{apples} are left").

    Options stay: they may repeat what the question told, but they have letters.
    """
    columns: list[list[Json]] = []
    kept: list[Slot] = []
    for slot, before in zip(template.slots, template.literals, strict=False):
        column = [row[slot.name] for row in rows]
        known = column in columns and not OPTION.search(before)
        if not known and not set(slot.choices) & _ARTICLES:
            columns.append(column)
            kept.append(slot)
    return kept


# --- views -----------------------------------------------------------------------------


def without_scenery(shape: Shape) -> Shape:
    """The shape without words that only set the scene.

    Beside numbers all words are scenery; among texts those are whose values keep recurring
    while the answers differ.
    """
    given = {name for p in shape.parameters for name in p.slots}
    slots = [slot for slot in shape.template.slots if slot.name in given]
    kept = [slot for slot in slots if slot.kind in ("integer", "decimal")]
    if not kept:
        kept = [slot for slot in slots if not _recurs(shape, slot)]
    scenery = {slot.kind for slot in slots if slot not in kept}
    if not kept or not scenery or not scenery <= {"word", "text", "choice"}:
        return shape
    return _again(shape, (shape.template, shape.answer), folded(shape.template, kept))


def _recurs(shape: Shape, slot: Slot) -> bool:
    """Whether a slot holds fewer different values than half of the answers there are."""
    number = [s.name for s in shape.template.slots].index(slot.name)
    rows = [matcher_of(shape.template).match(e.case.question) for e in shape.examples]
    values = {repr(row[number]) for row in rows if row is not None}
    return 2 * len(values) <= len({e.case.answer for e in shape.examples})


def as_text(shape: Shape) -> Shape:
    """The shape with its lists taken as plain text: for tools that work on characters."""
    return _plain(shape, (_text_of(shape.template), _text_of(shape.answer)))


def with_phrases(shape: Shape) -> Shape:
    """The shape with the question's lists of words taken as plain text."""
    return _plain(shape, (_text_of(shape.template, ("word", "text")), shape.answer))


def _text_of(template: Template, items: Sequence[str | None] | None = None) -> Template:
    slots = tuple(
        replace(s, kind="text", item=None, separator=None)
        if s.kind == "list" and (items is None or s.item in items)
        else s
        for s in template.slots
    )
    return Template(template.literals, slots)


def _plain(shape: Shape, templates: tuple[Template, Template]) -> Shape:
    if templates == (shape.template, shape.answer):
        return shape
    return _again(shape, templates, shape.parameters)


def _again(
    shape: Shape, templates: tuple[Template, Template], parameters: tuple[Parameter, ...]
) -> Shape:
    """The shape's cases through other templates or parameters; as it was when one is lost."""
    rows = [_row(*templates, example.case) for example in shape.examples]
    if any(row is None for row in rows):
        return shape
    return _shape(shape.index, templates, parameters, [r for r in rows if r])
