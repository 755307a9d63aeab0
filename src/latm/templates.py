"""Templates: fixed text with typed slots; recogniser, parser and renderer in one.

A `Template` and a text flow in; typed values flow out, or None. And the other way round:
typed values in, text out. Invariants: matching takes time linear in the text (RE2, no
backtracking); a text that can be cut in two ways, or whose value does not fit its slot's
type, is not matched; ``render(t, Matcher(t).match(text)) == text`` for every matched text
of a template whose numbers are in canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Protocol, cast

import re2

from latm.types import Json, Slot, Template

# A word holds no blank and does not end in sentence punctuation: "pear." is not "pear".
_WORD = r"[^\s]*[^\s,;:.!?]"
_ITEM_PATTERNS = {
    "integer": r"-?(?:0|[1-9][0-9]{0,99})",
    "decimal": r"-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?",
    "word": _WORD,
}
_FULL = {kind: re.compile(pattern) for kind, pattern in _ITEM_PATTERNS.items()}


class _Match(Protocol):
    def groups(self) -> tuple[str | None, ...]: ...


class _Pattern(Protocol):
    """What we use of a compiled RE2 pattern (the package ships no types)."""

    def fullmatch(self, text: str) -> _Match | None: ...


def _compile(pattern: str) -> _Pattern:
    return cast("_Pattern", re2.compile(pattern))  # pyright: ignore[reportUnknownMemberType]


def _quote(text: str) -> str:
    return cast("str", re2.escape(text))  # pyright: ignore[reportUnknownMemberType]


def _text_item(separator: str) -> str:
    """A list item of free text: anything but the separator's visible part and line ends."""
    visible = separator.strip() or separator
    return rf"[^\s{_quote(visible[0])}](?:[^\n{_quote(visible[0])}]*[^\s{_quote(visible[0])}])?"


def slot_pattern(slot: Slot, *, lazy: bool = False) -> str:
    """RE2 source that a slot's text must match as a whole; lazy prefers the shorter cut."""
    more = "*?" if lazy else "*"
    match slot.kind:
        case "integer" | "decimal" | "word":
            pattern = _ITEM_PATTERNS[slot.kind]
            return pattern.replace("*[", f"{more}[") if slot.kind == "word" else pattern
        case "list":
            separator = slot.separator or " "
            kind = slot.item or "word"
            item = _ITEM_PATTERNS.get(kind) or _text_item(separator)
            if kind == "word" and separator.strip():
                item = rf"[^\s{_quote(separator.strip()[0])}]+"
            return rf"{item}(?:{_quote(separator)}{item}){more}"
        case "choice":
            return "|".join(_quote(c) for c in sorted(slot.choices, key=len, reverse=not lazy))
        case "text":
            return rf"\S(?:(?s:.){more}\S){'??' if lazy else '?'}"


def fits(slot: Slot, text: str) -> bool:
    """Whether a text can stand in a slot."""
    return _slot_matcher(slot).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _slot_matcher(slot: Slot) -> _Pattern:
    return _compile(slot_pattern(slot))


def parse_value(slot: Slot, text: str) -> Json:
    """The typed value of a text that fits the slot: int, float, str or a list of them."""
    match slot.kind:
        case "integer":
            return int(text)
        case "decimal":
            return float(text)
        case "list":
            item = slot.item or "word"
            parts = text.split(slot.separator or " ")
            if item == "integer":
                return [int(p) for p in parts]
            if item == "decimal":
                return [float(p) for p in parts]
            return list[Json](parts)
        case _:
            return text


def is_kind(kind: str, text: str) -> bool:
    """Whether a text as a whole is an integer, a decimal or a word."""
    return _FULL[kind].fullmatch(text) is not None


def _number_text(value: Json, decimals: int | None) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    # The nearest short decimal first: 8.600000000000001 is 8.6 in every digit that counts.
    exact = Decimal(repr(value)) if isinstance(value, int) else Decimal(f"{value:.12g}")
    if decimals is not None:
        return f"{exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN):f}"
    if exact == exact.to_integral_value():
        return str(int(exact))
    return f"{exact.normalize():f}"


def render_value(slot: Slot, value: Json) -> str | None:
    """The text of a value in a slot, or None when the value does not fit its type."""
    if slot.kind == "list":
        text = _list_text(slot, value)
    else:
        text = _scalar_text(slot.kind, value, slot.decimals)
    return text if text is not None and fits(slot, text) else None


def _scalar_text(kind: str, value: Json, decimals: int | None) -> str | None:
    if kind == "integer":
        whole = isinstance(value, float) and value.is_integer()
        return _number_text(int(value) if whole else value, None)  # type: ignore[arg-type]
    if kind == "decimal":
        return _number_text(value, decimals)
    return value if isinstance(value, str) else None


def _list_text(slot: Slot, value: Json) -> str | None:
    """The items joined; None when they would be read back as other items."""
    if not isinstance(value, list):
        return None
    parts = [_scalar_text(slot.item or "word", v, slot.decimals) for v in value]
    separator = slot.separator or " "
    text = separator.join(p or "" for p in parts)
    return text if text.split(separator) == parts else None


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

    __slots__ = ("_greedy", "_lazy", "_slots", "template")

    def __init__(self, template: Template) -> None:
        self.template = template
        self._slots = template.slots
        self._greedy = _compile(_source(template, lazy=False))
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
        return tuple(g or "" for g in found)

    def match(self, text: str) -> tuple[Json, ...] | None:
        """The typed values in the slots, or None when the template does not match."""
        texts = self.texts(text)
        if texts is None:
            return None
        return tuple(parse_value(s, t) for s, t in zip(self._slots, texts, strict=True))


def _source(template: Template, *, lazy: bool) -> str:
    parts = [_quote(template.literals[0])]
    for slot, literal in zip(template.slots, template.literals[1:], strict=True):
        parts += [f"({slot_pattern(slot, lazy=lazy)})", _quote(literal)]
    return "".join(parts)
