"""Columns: aligned texts, with the gaps cut where one text could be aligned better than many.

Texts flow in; literals and gaps flow out. Invariant: for every row, literals and gaps in
turn give the text back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from latm.induction.alignment import literals_and_gaps, tokens
from latm.induction.slots import is_number

_ARTICLES = {"a", "an"}
# The beginning of an identifier, and the end of an address or an identifier.
_HEAD = re.compile(r"(?<![^\s(\[\"'])(?:[A-Z]+|[A-Za-z]*\d\w*)(?:[-_/]|(?<=[A-Z]))$")
_TAIL = re.compile(r"(?:[\w.+-]*@[\w.-]*\w|[-_/]\d\w*)(?![^\s.,;:!?)\]\"'])")


def columns(texts: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Alternating fixed texts and, for each gap between them, one text per row."""
    return _split_columns(*_loosened(*_snapped(*literals_and_gaps([tokens(t) for t in texts]))))


def _snapped(literals: list[str], gaps: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Give back to values what a few texts cut off them by chance: INV-{17}, {ann}@mail.org."""
    for n, gap in enumerate(gaps):
        head, tail = _HEAD.search(literals[n]), _TAIL.match(literals[n + 1])
        if head and all(v[:1].isalnum() for v in gap):
            literals[n] = literals[n][: head.start()]
            gap = [head[0] + v for v in gap]
        if tail and all(v[-1:].isalnum() for v in gap):
            literals[n + 1] = literals[n + 1][tail.end() :]
            gap = [v + tail[0] for v in gap]
        gaps[n] = gap
    return literals, gaps


def _loosened(literals: list[str], gaps: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Make a slot of a fixed word that stands where other slots have it as a value.

    "First, {a} and {b} swap. Then, Eve and {c} swap": three texts may all have said Eve.
    """
    values: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for n, gap in enumerate(gaps):
        values[_near(literals[n], literals[n + 1])].update(gap)
    new_literals, new_gaps = [""], list[list[str]]()
    for n, literal in enumerate(literals):
        parts = tokens(literal)
        for i, token in enumerate(parts):
            near = _near("".join(parts[:i]), "".join(parts[i + 1 :]))
            if new_literals[-1] and "" not in near[1:] and token in values.get(near, ()):
                new_gaps.append([token] * len(gaps[0]))
                new_literals.append("")
            else:
                new_literals[-1] += token
        if n < len(gaps):
            new_gaps.append(gaps[n])
            new_literals.append("")
    return new_literals, new_gaps


def _near(before: str, after: str) -> tuple[str, ...]:
    """Two tokens before a place and one after it; none where another slot is."""
    left = ["", "", *(t for t in tokens(before) if not t.isspace())]
    right = tokens(after.lstrip())
    return *left[-2:], right[0] if right else ""


def _split_columns(literals: list[str], gaps: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Split "5 km", "12 miles" into a number and a word, "a fig", "an owl" after the article."""
    new_literals, new_gaps = literals[:1], list[list[str]]()
    articles = any(_articles(gap) == _ARTICLES for gap in gaps)
    for gap, literal in zip(gaps, literals[1:], strict=True):
        if articles and (parted := _parted(new_literals, gap)):
            new_gaps.append(parted[0])
            new_literals.append(" ")
            gap = parted[1]
        for column in _columns(gap):
            new_gaps.append(column)
            new_literals.append(" ")
        new_literals[-1] = literal
    return new_literals, new_gaps


def _columns(gap: list[str]) -> list[list[str]]:
    """Columns of different types, or the gap as it is."""
    columns = list(zip(*(v.split(" ") for v in gap), strict=False))
    same_width = len({v.count(" ") for v in gap}) == 1
    numeric = [all(map(is_number, c)) for c in columns]
    if same_width and len(columns) <= 4 and any(numeric) and not all(numeric):
        return list(map(list, columns))
    return [gap]


def _articles(gap: list[str]) -> set[str]:
    return {v.split(" ", 1)[0] for v in gap if " " in v} if all(" " in v for v in gap) else set()


def _parted(literals: list[str], gap: list[str]) -> tuple[list[str], list[str]] | None:
    """The article and the rest of each value; the literal before may end in an article."""
    if _articles(gap) and _articles(gap) <= _ARTICLES:
        return [v.split(" ", 1)[0] for v in gap], [v.split(" ", 1)[1] for v in gap]
    ends = re.search(r"\b(an?) $", literals[-1])
    if ends is None or (ends.start() == 0 and len(literals) > 1):
        return None
    literals[-1] = literals[-1][: ends.start()]
    return [ends[1]] * len(gap), gap
