"""Alignment: the fixed text that several texts share, and the gaps between it.

Texts flow in; literals and, for each gap between two of them, one text per row flow out.
Invariant: for every row, literals and gaps in turn give the text back.

The alignment is a patience diff over many texts at once: tokens that occur equally often
and in the same order in all texts are anchors; the gaps between anchors are aligned again,
until no anchor is left. What then differs is a slot.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['&][^\W\d_]+)*|\s+|.", re.DOTALL)
_FRAME = 3
"""So many marks that all texts have in one order are their frame."""

_CONNECTORS = frozenset("-:/._@&'#")


def tokens(text: str) -> list[str]:
    """Words, compound numbers (1,000 · 09:30 · 2024-01-05), blanks and single marks."""
    return _TOKEN.findall(text)


def literals_and_gaps(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Alternating fixed texts and, for each gap between them, one text per row."""
    pieces = _align(rows)
    literals, gaps = [""], list[list[str]]()
    for piece in pieces:
        if isinstance(piece, str):
            literals[-1] += piece
            continue
        head, bodies, tail = _trim(piece)
        literals[-1] += head
        if any(bodies):
            if gaps and not literals[-1]:
                gaps[-1] = [a + b for a, b in zip(gaps[-1], bodies, strict=True)]
                literals[-1] = tail
                continue
            gaps.append(bodies)
            literals.append(tail)
        else:
            literals[-1] += tail
    return _join_glued(literals, gaps)


def _align(rows: list[list[str]]) -> list[str | list[str]]:
    """Fixed tokens (str) and gaps (a text per row), in order."""
    if all(row == rows[0] for row in rows):
        return ["".join(rows[0])] if rows[0] else []
    anchors = _anchors(rows)
    if not anchors:
        return [["".join(row) for row in rows]]
    places = [_places(row, anchors) for row in rows]
    pieces: list[str | list[str]] = []
    for n, (token, _) in enumerate(anchors):
        gap = [row[(p[n - 1] + 1 if n else 0) : p[n]] for row, p in zip(rows, places, strict=True)]
        pieces += [*_align_gap(gap), token]
    pieces += _align_gap([row[p[-1] + 1 :] for row, p in zip(rows, places, strict=True)])
    return pieces


def _align_gap(rows: list[list[str]]) -> list[str | list[str]]:
    return _align(rows) if any(rows) else []


def _anchors(rows: list[list[str]]) -> list[tuple[str, int]]:
    """Tokens, with their occurrence number, that stand in every row in one common order.

    Marks come first: a list of five has its commas in order, whatever stands between them.
    """
    counts = [Counter(t for t in row if not t.isspace()) for row in rows]
    fixed = {t for t, n in counts[0].items() if all(c[t] == n for c in counts)}
    places = [{k: i for i, k in enumerate(_occurrences(row))} for row in rows]
    chain = [k for k in places[0] if k[0] in fixed]
    marks = _chain([k for k in chain if not k[0][0].isalnum()], places[1:])
    if len(marks) >= _FRAME:
        borders = [[place[mark] for mark in marks] for place in places]

        def sections(key: tuple[str, int]) -> set[int]:
            return {bisect_left(b, p[key]) for b, p in zip(borders, places, strict=True)}

        chain = [k for k in chain if len(sections(k)) == 1]
    return _chain(chain, places[1:])


def _chain(
    keys: list[tuple[str, int]], places: Sequence[dict[tuple[str, int], int]]
) -> list[tuple[str, int]]:
    for place in places:
        keys = [keys[i] for i in _increasing([place[k] for k in keys])]
    return keys


def _places(row: list[str], anchors: list[tuple[str, int]]) -> list[int]:
    place = {k: i for i, k in enumerate(_occurrences(row))}
    return [place[a] for a in anchors]


def _trim(bodies: list[str]) -> tuple[str, list[str], str]:
    """Move blanks that all bodies share at their ends into the literals around them."""
    head = _shared_blank([b[: len(b) - len(b.lstrip())] for b in bodies])
    bodies = [b[len(head) :] for b in bodies]
    tail = _shared_blank([b[len(b.rstrip()) :] for b in bodies])
    return head, [b[: len(b) - len(tail)] if tail else b for b in bodies], tail


def _shared_blank(blanks: list[str]) -> str:
    return blanks[0] if all(b == blanks[0] for b in blanks) else ""


def _join_glued(literals: list[str], gaps: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Undo cuts inside one token: {user}@{host} is a single value."""
    new_literals, new_gaps = literals[:1], list[list[str]]()
    for n, gap in enumerate(gaps):
        before = new_literals[-1]
        if n and before and set(before) <= _CONNECTORS:
            new_gaps[-1] = [a + before + b for a, b in zip(new_gaps[-1], gap, strict=True)]
            new_literals[-1] = literals[n + 1]
        else:
            new_gaps.append(gap)
            new_literals.append(literals[n + 1])
    return new_literals, new_gaps


def common(a: Sequence[str], b: Sequence[str]) -> list[str]:
    """A long common subsequence: k-th occurrences matched to each other (Hunt–Szymanski)."""
    place = {key: n for n, key in enumerate(_occurrences(b))}
    keys = [k for k in _occurrences(a) if k in place]
    return [keys[n][0] for n in _increasing([place[k] for k in keys])]


def _occurrences(items: Sequence[str]) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    numbered: list[tuple[str, int]] = []
    for item in items:
        seen[item] += 1
        numbered.append((item, seen[item]))
    return numbered


def _increasing(values: Sequence[int]) -> list[int]:
    """Indexes of a longest increasing subsequence."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for i, value in enumerate(values):
        at = bisect_left(tails, value)
        before.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(value)
            ends.append(i)
        else:
            tails[at] = value
            ends[at] = i
    chain: list[int] = []
    i = ends[-1] if ends else -1
    while i >= 0:
        chain.append(i)
        i = before[i]
    return chain[::-1]
