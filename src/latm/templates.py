"""Templates: fixed text with typed slots; recogniser, parser and renderer in one.

A `Template` and a text flow in; typed values flow out, or None. And the other way round:
typed values in, text out. Invariants: matching takes time linear in the text (RE2, no
backtracking); a text that can be cut in two ways, or whose value does not fit its slot's
type, is not matched; ``render(t, Matcher(t).match(text)) == text`` for every matched text
of a template whose numbers are in canonical form.

A value of ``clauses`` is a list with one entry for each statement: the values of its form's
slots (the bare value, where the only form has one slot), after the form's text such as
"The {} is the leftmost" where there are several forms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Protocol, cast

import re2

from latm.guard import goes_on, orders, orders_among
from latm.types import Json, Slot, Template

# A word holds no blank and does not end in sentence punctuation: "pear." is not "pear".
_WORD = r"[^\s]*[^\s,;:.!?]"
_ITEM_PATTERNS = {
    "integer": r"-?(?:0|[1-9][0-9]{0,99})",
    "decimal": r"-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?",
    "word": _WORD,
}
_THOUSANDS = r"(?:0|[1-9][0-9]{0,2}(?:,[0-9]{3}){0,33})"
_GROUPED_PATTERNS = {
    "integer": rf"-?{_THOUSANDS}",
    "decimal": rf"-?{_THOUSANDS}(?:\.[0-9]{{1,99}})?",
}
_FULL = {kind: re.compile(pattern) for kind, pattern in _ITEM_PATTERNS.items()}
_FULL_GROUPED = {kind: re.compile(pattern) for kind, pattern in _GROUPED_PATTERNS.items()}
GAP = "{}"
"""Stands for a slot in the text of a form."""


class _Match(Protocol):
    def groups(self) -> tuple[str | None, ...]: ...


class _Pattern(Protocol):
    """What we use of a compiled RE2 pattern (the package ships no types)."""

    def fullmatch(self, text: str) -> _Match | None: ...


_AUTOMATON_BYTES = 64 * 1024 * 1024
"""Bound of one pattern's automaton; beyond it RE2 goes on more slowly, still linear."""


def _compile(pattern: str) -> _Pattern:
    options = re2.Options()
    options.max_mem = _AUTOMATON_BYTES
    options.log_errors = False  # or it writes to stderr each time it goes on more slowly
    return cast("_Pattern", re2.compile(pattern, options))  # pyright: ignore[reportUnknownMemberType]


def _quote(text: str) -> str:
    return cast("str", re2.escape(text))  # pyright: ignore[reportUnknownMemberType]


def _text_item(separator: str) -> str:
    """A list item of free text: anything but the separator's visible part and line ends."""
    visible = separator.strip() or separator
    return rf"[^\s{_quote(visible[0])}](?:[^\n{_quote(visible[0])}]*[^\s{_quote(visible[0])}])?"


def _item_pattern(slot: Slot, kind: str) -> str | None:
    return _GROUPED_PATTERNS.get(kind) if slot.grouped else _ITEM_PATTERNS.get(kind)


def slot_pattern(slot: Slot, *, lazy: bool = False) -> str:
    """RE2 source that a slot's text must match as a whole; lazy prefers the shorter cut."""
    more = "*?" if lazy else "*"
    match slot.kind:
        case "integer" | "decimal":
            return _item_pattern(slot, slot.kind) or ""
        case "word":
            return _WORD.replace("*[", f"{more}[")
        case "list":
            separator = slot.separator or " "
            item = _list_item(slot, separator)
            return rf"{item}(?:{_quote(separator)}{item}){more}"
        case "clauses":
            forms = "|".join(_source(f, lazy=lazy, group="(?:") for f in slot.clauses)
            return rf"(?:{forms})(?:{_quote(slot.separator or ' ')}(?:{forms})){more}"
        case "choice":
            return "|".join(_quote(c) for c in sorted(slot.choices, key=len, reverse=not lazy))
        case "text":
            return rf"\S(?:(?s:.){more}\S){'??' if lazy else '?'}"


def _list_item(slot: Slot, separator: str) -> str:
    kind = slot.item or "word"
    if kind == "word" and separator.strip():
        return rf"[^\s{_quote(separator.strip()[0])}]+"
    return _item_pattern(slot, kind) or _text_item(separator)


def fits(slot: Slot, text: str) -> bool:
    """Whether a text can stand in a slot."""
    return _slot_matcher(slot).fullmatch(text) is not None and _allows(slot, text)


@lru_cache(maxsize=4096)
def _slot_matcher(slot: Slot) -> _Pattern:
    return _compile(slot_pattern(slot))


def _allows(slot: Slot, text: str) -> bool:
    """What a slot asks of a text beyond its pattern."""
    if slot.kind == "clauses":
        return _statements(slot, text) is not None
    return not (slot.guarded and trips(slot, text))


def trips(slot: Slot, text: str) -> bool:
    """Whether a text holds what the guard keeps out of a slot."""
    if slot.kind != "list":
        return orders(text) or goes_on(text)
    if slot.item == "text":
        return orders(text) or any(map(goes_on, text.split(slot.separator or " ")))
    return orders_among(text)


def parse_value(slot: Slot, text: str) -> Json:
    """The typed value of a text that fits the slot: a number, a text or a list."""
    match slot.kind:
        case "integer" | "decimal":
            return _parse_item(slot.kind, text)
        case "list":
            parts = text.split(slot.separator or " ")
            return [_parse_item(slot.item or "word", part) for part in parts]
        case "clauses":
            return _statements(slot, text)
        case _:
            return text


def _parse_item(kind: str, text: str) -> Json:
    if kind == "integer":
        return int(text.replace(",", ""))
    return float(text.replace(",", "")) if kind == "decimal" else text


def is_kind(kind: str, text: str, *, grouped: bool = False) -> bool:
    """Whether a text as a whole is an integer, a decimal or a word."""
    return (_FULL_GROUPED if grouped else _FULL)[kind].fullmatch(text) is not None


def _number_text(value: Json, decimals: int | None, comma: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    # The nearest short decimal first: 8.600000000000001 is 8.6 in every digit that counts.
    exact = Decimal(repr(value)) if isinstance(value, int) else Decimal(f"{value:.12g}")
    if decimals is not None:
        exact = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
        return f"{exact:{comma}f}"
    if exact == exact.to_integral_value():
        return f"{int(exact):{comma}}"
    return f"{exact.normalize():{comma}f}"


def render_value(slot: Slot, value: Json) -> str | None:
    """The text of a value in a slot, or None when the value does not fit its type.

    A text that can stand in the slot is as good as the value that it would be read as.
    """
    if isinstance(value, str):
        return value if fits(slot, value) else None
    match slot.kind:
        case "list":
            text = _list_text(slot, value)
        case "clauses":
            text = _clauses_text(slot, value)
        case kind:
            text = _scalar_text(slot, kind, value)
    return text if text is not None and fits(slot, text) else None


def _scalar_text(slot: Slot, kind: str, value: Json) -> str | None:
    comma = "," if slot.grouped else ""
    if kind == "integer":
        whole = isinstance(value, float) and value.is_integer()
        return _number_text(int(value) if whole else value, None, comma)  # type: ignore[arg-type]
    if kind == "decimal":
        return _number_text(value, slot.decimals, comma)
    return value if isinstance(value, str) else None


def _list_text(slot: Slot, value: Json) -> str | None:
    if not isinstance(value, list):
        return None
    return _joined(slot, [_scalar_text(slot, slot.item or "word", v) for v in value])


def _joined(slot: Slot, parts: Sequence[str | None]) -> str | None:
    """The parts with the separator between them; None when they would be cut in other places."""
    separator = slot.separator or " "
    text = separator.join(p or "" for p in parts)
    return text if text.split(separator) == list(parts) else None


def form_text(form: Template) -> str:
    """A form of statements as a text, with `GAP` for each slot."""
    return GAP.join(form.literals)


def _statements(slot: Slot, text: str) -> list[Json] | None:
    """One entry for each statement; None when one fits no form, or two."""
    entries: list[Json] = []
    for statement in text.split(slot.separator or " "):
        found = [
            (form.template, values)
            for form in _forms(slot)
            if (values := form.match(statement)) is not None and statement == statement.strip()
        ]
        if len(found) != 1:
            return None
        form, values = found[0]
        entries.append(_entry(slot, form, list(values)))
    return entries


def _entry(slot: Slot, form: Template, values: list[Json]) -> Json:
    if len(slot.clauses) > 1:
        return [form_text(form), *values]
    return values[0] if len(values) == 1 else values


def _clauses_text(slot: Slot, value: Json) -> str | None:
    if not isinstance(value, list):
        return None
    return _joined(slot, [_statement_text(slot, entry) for entry in value])


def _statement_text(slot: Slot, entry: Json) -> str | None:
    if len(slot.clauses) == 1:
        (form,) = slot.clauses
        bare = len(form.slots) == 1
        if not bare and not isinstance(entry, list):
            return None
        return render(form, [entry] if bare else entry)  # type: ignore[arg-type]
    if not isinstance(entry, list) or not entry:
        return None
    named = (f for f in slot.clauses if form_text(f) == entry[0])
    return next((render(f, entry[1:]) for f in named), None)


@lru_cache(maxsize=4096)
def _forms(slot: Slot) -> tuple[Matcher, ...]:
    return tuple(map(Matcher, slot.clauses))


def render(template: Template, values: Sequence[Json]) -> str | None:
    """The text that the values give in the template, or None when one does not fit.

    Args:
        values: one per slot, in order.
    """
    if len(values) != len(template.slots):
        return None
    parts = [template.literals[0]]
    for slot, value, literal in zip(template.slots, values, template.literals[1:], strict=True):
        text = render_value(slot, value)
        if text is None:
            return None
        parts += [text, literal]
    return "".join(parts)


class Matcher:
    """A template compiled for matching."""

    __slots__ = ("_free", "_greedy", "_lazy", "_slots", "template")

    def __init__(self, template: Template) -> None:
        self.template = template
        self._slots = template.slots
        self._greedy = _compile(_source(template, lazy=False))
        self._free = [n for n, s in enumerate(self._slots) if s.guarded or s.kind == "clauses"]
        # A single slot lies between two fixed ends: there is only one cut.
        self._lazy = _compile(_source(template, lazy=True)) if len(self._slots) > 1 else None

    def texts(self, text: str) -> tuple[str, ...] | None:
        """The verbatim texts in the slots, or None when the template does not match.

        Two cuts are compared, the longest-first and the shortest-first: where they differ
        the text is ambiguous and the template abstains.
        """
        text = text.strip()
        greedy = self._greedy.fullmatch(text)
        if greedy is None:
            return None
        found = greedy.groups()
        if self._lazy is not None:
            lazy = self._lazy.fullmatch(text)
            if lazy is None or lazy.groups() != found:
                return None
        texts = tuple(g or "" for g in found)
        allowed = all(_allows(self._slots[n], texts[n]) for n in self._free)
        return texts if allowed else None

    def match(self, text: str) -> tuple[Json, ...] | None:
        """The typed values in the slots, or None when the template does not match."""
        texts = self.texts(text)
        if texts is None:
            return None
        return tuple(parse_value(s, t) for s, t in zip(self._slots, texts, strict=True))


def _source(template: Template, *, lazy: bool, group: str = "(") -> str:
    parts = [_quote(template.literals[0])]
    for slot, literal in zip(template.slots, template.literals[1:], strict=True):
        parts += [f"{group}{slot_pattern(slot, lazy=lazy)})", _quote(literal)]
    return "".join(parts)
