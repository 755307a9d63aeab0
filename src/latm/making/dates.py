"""Dates: the one way in which a column of them is written, and shapes in which they are whole.

Texts flow in, the form in which all of them are written flows out. Invariant: a form is
named only when every text is read and written back by it unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from latm.execution import matcher_of
from latm.making import normal
from latm.making.shape import Shape, shape_of
from latm.types import Json, Slot, Template

_MOST_SLOTS = 4
_FORMS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "{day} %B %Y",
    "{day} %b %Y",
    "%d %B %Y",
    "%d %b %Y",
    "%B {day}, %Y",
    "%B %d, %Y",
    "%A, {day} %B %Y",
)
"""`datetime.strptime`'s, and ``{day}`` for a day without its zero."""


def date_form(column: Sequence[Json]) -> str:
    """The one way in which all dates of a column are written; nothing when there is none."""
    return next((f for f in _FORMS if all(_is_dated(v, f) for v in column)), "")


def _is_dated(value: Json, form: str) -> bool:
    if not isinstance(value, str):
        return False
    try:
        day = datetime.strptime(value, form.replace("{day}", "%d")).date()
    except ValueError:
        return False
    return normal.latm_dated(day, form) == value


def with_dates(shape: Shape) -> Shape:
    """The shape with one slot for each date that its templates cut into day, month and year."""
    cases = [example.case for example in shape.examples]
    question = _joined(shape.template, [case.question for case in cases])
    answer = _joined(shape.answer, [case.answer for case in cases])
    if (question, answer) == (shape.template, shape.answer):
        return shape
    joined = shape_of(shape.index, (question, answer), cases)
    return joined if len(joined.examples) == len(cases) else shape


def _joined(template: Template, texts: Sequence[str]) -> Template:
    rows = [row for text in texts if (row := matcher_of(template).texts(text)) is not None]
    for first, last in _runs(len(template.slots)):
        inside = template.literals[first + 1 : last + 1]
        written = [
            row[first] + "".join(map("".join, zip(inside, row[first + 1 : last + 1], strict=True)))
            for row in rows
        ]
        if date_form(written):
            slot = Slot(template.slots[first].name, "text")
            slots = (*template.slots[:first], slot, *template.slots[last + 1 :])
            literals = (*template.literals[: first + 1], *template.literals[last + 1 :])
            return _joined(replace(template, literals=literals, slots=slots), texts)
    return template


def _runs(count: int) -> Iterator[tuple[int, int]]:
    """First and last of each run of two to four slots."""
    for length in range(min(count, _MOST_SLOTS), 1, -1):
        for first in range(count - length + 1):
            yield first, first + length - 1
