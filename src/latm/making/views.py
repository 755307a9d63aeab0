"""Views: the same examples in terms that are easier to compute with.

A `Brief` flows in; a brief flows out whose function gets clean values and returns a clean
one, with the glue that converts on either side. Invariants: a view that does not fit every
shown example changes nothing; the glue refuses a value of a form that was not shown.

Normalise → compute → render: "14:30 - 15:30" becomes the hours [14.5, 15.5] before the
function, and hours become such a text after it; an option's letter becomes the option; a
date becomes a `datetime.date`; of "4ft6" the numbers 4 and 6 are left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from latm.making import normal
from latm.making.brief import Brief, Helper, Layer
from latm.making.dates import date_form
from latm.making.folding import OPTION
from latm.making.shape import Example
from latm.types import Json


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


# --- dates -----------------------------------------------------------------------------


class _Code(str):
    """A value that stands in the examples as the Python expression that gives it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def by_days(brief: Brief) -> Brief:
    """Dates as `datetime.date`, and back when a date is wanted."""
    forms = [date_form(column) for column in _columns(brief)]
    if not any(forms):
        return brief
    wanted = date_form([e.wanted for e in brief.examples])

    def seen(value: Json, form: str) -> Json:
        if not form or not isinstance(value, str):
            return value
        day = normal.latm_day(value, form)
        return _Code(f"date({day.year}, {day.month}, {day.day})")

    examples = tuple(
        replace(
            e,
            arguments=tuple(map(seen, e.arguments, forms)),
            wanted=seen(e.wanted, wanted),
        )
        for e in brief.examples
    )
    given = [f"latm_day({n}, {f!r})" if f else n for n, f in zip(brief.names, forms, strict=True)]
    call = f"{{inner}}({', '.join(given)})"
    layer = Layer(
        (normal.latm_day, *((normal.latm_dated,) if wanted else ())),
        brief.names,
        f"latm_dated({call}, {wanted!r})" if wanted else call,
    )
    return replace(
        brief,
        examples=examples,
        layers=(*brief.layers, layer),
        preamble="from datetime import date, datetime, timedelta",
    )


# --- numbers in texts ------------------------------------------------------------------


_MOST_NUMBERS = 6
_MOST_DIGITS = 6
_DIGITS = re.compile(r"[0-9]+")
_FORMS_SHARE = 3
"""Forms of a text count as all that there are when each stands for so many examples."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the numbers are read from the texts of one column.

    Attributes:
        forms: of the texts, with 0 for each number; no other form is read.
        points: whether "2.5" is one number.
        letters: whether letters are part of a form, else a run of words is one ``a``.
        names: of the numbers; of the form and the list of numbers, where forms have
            different numbers of them.
        apart: whether each number is a parameter.
    """

    forms: tuple[str, ...]
    points: bool
    letters: bool
    names: tuple[str, ...] = ()
    apart: bool = True

    def call(self, name: str) -> str:
        found = f"latm_numbers({name}, {self.points}, {self.letters})"
        return f"*latm_of_form({found}, {list(self.forms)!r}){'[1]' if self.apart else ''}"

    def told(self) -> str:
        """The commonest form, with the names of its numbers."""
        last = self.names[-1]
        names = iter(self.names if self.apart else [f"{last}[{n}]" for n in range(_MOST_NUMBERS)])
        return re.sub("0", lambda _: f"{{{next(names)}}}", self.forms[0])

    def values(self, text: str) -> list[Json]:
        """The arguments from a text."""
        found = normal.latm_numbers(text, self.points, self.letters)
        form, numbers = normal.latm_of_form(found, list(self.forms))
        return numbers if self.apart else [form, numbers]


def by_numbers(brief: Brief) -> Brief:
    """Numbers that stand in texts as parameters of their own; words beside them are left out."""
    columns = _columns(brief)
    readings = [_reading(n, c) for n, c in zip(brief.names, columns, strict=True)]
    if not any(readings):
        return brief
    kept = [r is not None or _is_data(c) for r, c in zip(readings, columns, strict=True)]
    given: list[str] = []
    names: list[str] = []
    for name, reading, keep in zip(brief.names, readings, kept, strict=True):
        given += [reading.call(name) if reading else name] if keep else []
        names += (reading.names if reading else [name]) if keep else []

    def seen(example: Example) -> Example:
        values: list[Json] = []
        for value, reading, keep in zip(example.arguments, readings, kept, strict=True):
            if reading is not None and isinstance(value, str):
                values += reading.values(value)
            elif keep:
                values.append(value)
        return replace(example, arguments=tuple(values))

    helpers = (normal.latm_numbers, normal.latm_of_form)
    layer = Layer(helpers, brief.names, f"{{inner}}({', '.join(given)})")
    told = [(n, r.told()) for n, r in zip(brief.names, readings, strict=True) if r is not None]
    return replace(
        brief,
        names=_unique(names),
        examples=tuple(map(seen, brief.examples)),
        layers=(*brief.layers, layer),
        told=(*brief.told, *told),
    )


def _is_data(column: Sequence[Json]) -> bool:
    """Whether a column is more than words that set the scene."""
    return not all(isinstance(v, str) for v in column)


def _reading(name: str, column: Sequence[Json]) -> _Reading | None:
    """How to read the numbers of a column of texts that come in a few forms."""
    texts = [v for v in column if isinstance(v, str)]
    if len(texts) < len(column) or any(_is_code(t) for t in texts):
        return None
    points = not any(re.search(r"\d\.\d+\.", t) for t in texts)
    for letters in (True, False):
        common = Counter(normal.latm_numbers(t, points, letters)[0] for t in texts)
        forms = set(common)
        counts = {form.count("0") for form in forms}
        glued = not letters and any(re.search(r"a0|0a", form) for form in forms)
        closed = len(texts) >= _FORMS_SHARE * len(forms)
        if closed and not glued and min(counts) > 0 and max(counts) <= _MOST_NUMBERS:
            reading = _Reading(tuple(sorted(common, key=lambda f: -common[f])), points, letters)
            if len(counts) == 1:
                rows = list(map(reading.values, texts))
                return replace(reading, names=_named(name, rows, forms))
            return replace(reading, names=(f"{name}_form", f"{name}_numbers"), apart=False)
    return None


def _is_code(text: str) -> bool:
    """Whether a text is digits whose number means nothing: a long or padded one."""
    runs = _DIGITS.findall(text)
    return any(len(r) > _MOST_DIGITS for r in runs) or (len(runs) == 1 and runs[0][:1] == "0")


def _named(name: str, rows: Sequence[Sequence[Json]], forms: set[str]) -> tuple[str, ...]:
    """Names by what the numbers can be: a date, a time of the day, a quantity with its unit."""
    columns = list(zip(*rows, strict=True))
    if len(columns) == 1:
        return (name,)
    if dated := _date_names(columns):
        return dated
    if all(re.fullmatch(r"0(:0)+", form) for form in forms) and len(columns) <= 3:
        return ("hours", "minutes", "seconds")[: len(columns)]
    units = [set(re.findall(r"0\s*([a-z]{2,})?", form)) for form in forms]
    if len(forms) == 1 and all(units):
        found = re.findall(r"0\s*([a-z]{2,})", next(iter(forms)))
        if len(set(found)) == len(columns):
            return tuple(found)
    return tuple(f"{name}_{n}" for n in range(1, len(columns) + 1))


def _date_names(columns: Sequence[Sequence[Json]]) -> tuple[str, ...] | None:
    """Year, month and day, when the numbers leave no doubt which is which."""
    tops = [max(v for v in column if isinstance(v, int | float)) for column in columns]
    if len(tops) != 3 or sum(top > 31 for top in tops) != 1:
        return None
    names = ["year" if t > 31 else "day" if t > 12 else "month" for t in tops]
    return tuple(names) if len(set(names)) == 3 else None


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names, start=1))


# --- what is wanted --------------------------------------------------------------------


def by_rest(brief: Brief) -> Brief:
    """Only what the answer puts before or after an argument is wanted: "th" of "7th"."""
    texts = [e.wanted for e in brief.examples]
    if not all(isinstance(t, str) for t in texts):
        return brief
    for name, column in zip(brief.names, _columns(brief), strict=True):
        if len({*map(repr, column)}) < 2 or not all(
            type(v) in (str, int) and v != "" for v in column
        ):
            continue
        pairs = [(str(t), str(v)) for t, v in zip(texts, column, strict=True)]
        call = f"{{inner}}({', '.join(brief.names)})"
        if all(t.startswith(v) for t, v in pairs):
            rests, body = [t[len(v) :] for t, v in pairs], f"latm_beside({name}, {call}, '')"
        elif all(t.endswith(v) for t, v in pairs):
            rests, body = [t[: -len(v)] for t, v in pairs], f"latm_beside('', {call}, {name})"
        else:
            continue
        if not all(rests):
            continue
        digits = all(len(r) == 1 and r in "0123456789" for r in rests)
        wanted: list[Json] = [int(r) if digits else r for r in rests]
        examples = (replace(e, wanted=w) for e, w in zip(brief.examples, wanted, strict=True))
        layer = Layer((normal.latm_beside,), brief.names, body)
        place = "after" if body.startswith(f"latm_beside({name}") else "before"
        return replace(
            brief,
            examples=tuple(examples),
            layers=(*brief.layers, layer),
            note=f"It returns only what stands {place} {name} in the answer.",
        )
    return brief


def by_frame(brief: Brief) -> Brief:
    """The number is wanted where the answer is one with the same text around it: "Q3"."""
    texts = [e.wanted for e in brief.examples]
    parts = [re.fullmatch(r"(\D*)(\d+)(\D*)", t) if isinstance(t, str) else None for t in texts]
    frames = {(p[1], p[3], len(p[2]) if p[2][0] == "0" else 0) for p in parts if p}
    around = {frame[:2] for frame in frames}
    if not all(parts) or len(around) != 1 or around == {("", "")}:
        return brief
    before, after = next(iter(around))
    width = max(w for _, _, w in frames)
    found = [p for p in parts if p]
    if any(len(p[2]) != width for p in found if width) or any(
        len(p[2]) > _MOST_DIGITS for p in found
    ):
        return brief
    examples = tuple(
        replace(e, wanted=int(p[2])) for e, p in zip(brief.examples, found, strict=True)
    )
    call = f"{{inner}}({', '.join(brief.names)})"
    body = f"latm_framed({call}, {before!r}, {after!r}, {width})"
    layer = Layer((normal.latm_framed,), brief.names, body)
    note = f"It returns only the number that stands after {before!r} in the answer."
    return replace(
        brief, examples=examples, layers=(*brief.layers, layer), note=note if before else ""
    )


def _columns(brief: Brief) -> list[list[Json]]:
    return [list(column) for column in zip(*(e.arguments for e in brief.examples), strict=True)]


VIEWS: dict[str, Callable[[Brief], Brief]] = {
    "options": by_option,
    "hours": by_hours,
    "days": by_days,
    "numbers": by_numbers,
    "rest": by_rest,
    "frame": by_frame,
}


def seen_by(views: Sequence[str], brief: Brief) -> Brief:
    """The brief through each of the named views in turn."""
    for view in views:
        brief = VIEWS[view](brief)
    return brief
