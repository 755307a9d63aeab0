"""Where runs of statements stand in aligned texts.

Literals and gaps flow in and out, the gaps that hold a run with their slots. Invariant: for
every row, literals and gaps in turn still give the text back.

A gap that holds more than words is widened to whole statements, and to the statements
beside it, before it is asked whether it is a run: "The {owl is the leftmost. The robin is
to the left of the raven}." begins with "The".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from latm.induction.alignment import tokens
from latm.induction.clauses import SEPARATORS, Run, gains, run_of
from latm.induction.columns import columns
from latm.induction.slots import slot_of
from latm.types import Slot

_OPENS = re.compile(r"[.?!:;]\s+|\n+")
_CLOSES = re.compile(r"[.?!;]?(?:\n|$)|[.?!;]\s")
_SENTENCES = frozenset({". ", "\n", "; "})


@dataclass(frozen=True, slots=True)
class _Region:
    """Gaps ``first`` to ``last`` with ``before`` of the literal to the left and ``after``."""

    first: int
    last: int
    before: str
    after: str

    def values(self, text: _Text) -> list[str]:
        count = len(text.gaps[0])
        middle = [
            "".join(
                text.gaps[n][row] + (text.literals[n + 1] if n < self.last else "")
                for n in range(self.first, self.last + 1)
            )
            for row in range(count)
        ]
        return [self.before + m + self.after for m in middle]


@dataclass(slots=True)
class _Text:
    """Aligned texts, with the slots of the gaps that hold runs, and what was tried in vain."""

    literals: list[str]
    gaps: list[list[str]]
    runs: dict[int, Slot] = field(default_factory=dict)
    tried: set[tuple[str, _Region]] = field(default_factory=set)


def with_runs(
    literals: list[str], gaps: list[list[str]]
) -> tuple[list[str], list[list[str]], dict[int, Slot]]:
    """Literals and gaps with runs of statements in one gap each, and those gaps' slots."""
    text = _Text(literals, gaps)
    n = 0
    while n < len(text.gaps):
        changed = _loose(text.gaps[n]) and _with_run(text, n)
        n = changed or n + 1
    return text.literals, text.gaps, text.runs


def _loose(values: Sequence[str]) -> bool:
    slot = slot_of("x", values)
    return slot.kind == "text" or (slot.kind == "list" and slot.item in ("word", "text"))


def _with_run(text: _Text, n: int) -> int | None:
    """Put the run around a gap in its place; the number of the first gap after it."""
    for separator in SEPARATORS:
        for region in _regions(text, n, separator):
            if (separator, region) in text.tried:
                continue
            text.tried.add((separator, region))
            values = region.values(text)
            if not any(separator in value for value in values):
                continue
            end = _shared_end(values, separator)
            known = _words(text.gaps[: region.first])
            run = run_of([v.removesuffix(end) for v in values], separator, known)
            if run is not None and _worth(text, region, run):
                return _replaced(text, region, run, separator, end)
    return None


def _worth(text: _Text, region: _Region, run: Run) -> bool:
    listed = region.first == region.last and slot_of("x", text.gaps[region.first]).kind == "list"
    return not listed or gains(run.slot, run.values)


def _words(gaps: Sequence[Sequence[str]]) -> frozenset[str]:
    return frozenset(t for gap in gaps for v in gap for t in tokens(v) if t.isalnum())


def _shared_end(values: Sequence[str], separator: str) -> str:
    """The separator's mark where it closes every text."""
    mark = separator.rstrip()
    return mark if mark and all(v.endswith(mark) for v in values) else ""


def _regions(text: _Text, n: int, separator: str) -> list[_Region]:
    """The gap's statement with those beside it, and the bare gap."""
    bare = _Region(n, n, "", "")
    if separator not in _SENTENCES:
        return [bare]
    first, before = _opened(text, n, separator)
    last, after = _closed(text, n, separator)
    whole = _Region(first, last, before, after)
    return [whole, bare] if whole != bare else [bare]


def _opened(text: _Text, n: int, separator: str) -> tuple[int, str]:
    """The first gap of the run and the part of the literal before it that is the run's."""
    first = n
    while True:
        literal = text.literals[first]
        opening = [*_OPENS.finditer(literal)]
        joins = first > 0 and first - 1 not in text.runs
        if not opening:
            if not joins:
                return first, literal
        elif not (joins and len(opening) == 1 and _joins(literal, opening[0], separator)):
            return first, literal[opening[-1].end() :]
        first -= 1


def _closed(text: _Text, n: int, separator: str) -> tuple[int, str]:
    """The last gap of the run and the part of the literal after it that is the run's."""
    last = n
    while True:
        literal = text.literals[last + 1]
        closing = _CLOSES.search(literal) if last + 1 < len(text.gaps) else None
        joins = last + 1 < len(text.gaps)
        if not joins:
            return last, _until_end(literal, separator)
        if closing is None or closing[0] == "":
            last += 1
            continue
        opening = [*_OPENS.finditer(literal)]
        if len(opening) == 1 and _joins(literal, opening[0], separator):
            last += 1
            continue
        return last, _until_end(literal, separator)


def _until_end(literal: str, separator: str) -> str:
    """What of a literal ends the statement before it; a line keeps its point."""
    closing = _CLOSES.search(literal)
    if closing is None:
        return literal
    end = closing.start()
    return (
        literal[: end + 1]
        if separator == "\n" and literal[end : end + 1] in ".?!;"
        else literal[:end]
    )


def _joins(literal: str, opening: re.Match[str], separator: str) -> bool:
    """Whether a literal holds nothing but the border between two statements of a run."""
    return literal[: opening.end()].endswith(separator)


def _replaced(text: _Text, region: _Region, run: Run, separator: str, end: str) -> int:
    left = text.literals[region.first]
    right = text.literals[region.last + 1]
    literals, gaps = [left[: len(left) - len(region.before)]], list[list[str]]()

    def aligned(ends: list[str]) -> None:
        more, between = columns(ends)
        literals[-1] += more[0]
        literals.extend(more[1:])
        gaps.extend(between)

    if run.heads:
        aligned(run.heads)
        literals[-1] += separator
    place = region.first + len(gaps)
    gaps.append(run.values)
    literals.append("")
    if run.tails:
        literals[-1] += separator
        aligned(run.tails)
    literals[-1] += end + right[len(region.after) :]
    shift = len(gaps) - (region.last - region.first + 1)
    text.runs = {n + (shift if n > region.last else 0): s for n, s in text.runs.items()}
    text.runs[place] = run.slot
    text.tried.clear()
    text.literals[region.first : region.last + 2] = literals
    text.gaps[region.first : region.last + 1] = gaps
    return region.first + len(gaps)
