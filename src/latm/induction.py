"""Template induction: the fixed text and the slots that a handful of texts share.

Texts of one or several shapes flow in; clusters, each with a `Template` or without one,
flow out. No model is asked. Invariant: every induced template matches every member of its
cluster, and the order of the texts does not change which literals are found.

The alignment is a patience diff over many texts at once: tokens that occur equally often
and in the same order in all texts are anchors; the gaps between anchors are aligned again,
until no anchor is left. What then differs is a slot. After the log-template miners (Drain,
He et al. 2017) but without their demand for equal token counts.
"""

from __future__ import annotations

import builtins
import keyword
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from latm.templates import Matcher, fits, is_kind
from latm.types import ItemKind, Slot, Template

MIN_CLUSTER = 3
"""Fewer texts than this do not show what is fixed and what varies."""

_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['&][^\W\d_]+)*|\s+|.", re.DOTALL)
_CONNECTORS = frozenset("-:/._@&'#")
_SEPARATORS = (" | ", "; ", ", ", "\n", "|", ";", ",", " ")
_MAX_CHOICES = 4


@dataclass(frozen=True, slots=True)
class Cluster:
    """Texts of one shape.

    Attributes:
        template: None when no template covers the members.
        members: indexes into the texts given to `induce`, ascending.
    """

    template: Template | None
    members: tuple[int, ...]


def tokens(text: str) -> list[str]:
    """Words, compound numbers (1,000 · 09:30 · 2024-01-05), blanks and single marks."""
    return _TOKEN.findall(text)


# --- clusters --------------------------------------------------------------------------


def induce(texts: Sequence[str]) -> tuple[Cluster, ...]:
    """Group texts by shape and induce each group's template.

    Returns:
        Clusters, largest first; those without a template last.
    """
    stripped = [t.strip() for t in texts]
    groups = _merge(_group(stripped), stripped)
    covered: list[Cluster] = []
    left: list[int] = []
    for group in groups:
        template, outside = _fit(group, stripped)
        if template is None:
            left += group
        else:
            covered.append(Cluster(template, tuple(sorted(set(group) - set(outside)))))
            left += outside
    covered.sort(key=lambda c: (-len(c.members), c.members))
    return (*covered, Cluster(None, tuple(sorted(left)))) if left else tuple(covered)


def _fit(group: list[int], texts: Sequence[str]) -> tuple[Template | None, list[int]]:
    """A template for a group, and the members that it does not match."""
    template = induce_template([texts[i] for i in group])
    if template is None:
        return None, group
    matcher = Matcher(template)
    outside = [i for i in group if matcher.match(texts[i]) is None]
    if len(group) - len(outside) < max(MIN_CLUSTER, len(outside)):
        return None, group
    return template, outside


def _group(texts: Sequence[str]) -> list[list[int]]:
    """Leader clustering on the words that recur across the texts."""
    words = [[t for t in tokens(text) if t[0].isalpha()] for text in texts]
    frequency = Counter(w for ws in words for w in set(ws))
    recurring = max(2, round(0.1 * len(texts)))
    frames = [[w for w in ws if frequency[w] >= recurring] for ws in words]
    groups: list[list[int]] = []
    for i, frame in enumerate(frames):
        best = max(groups, key=lambda g: _similarity(frames[g[0]], frame), default=None)
        if best is not None and _similarity(frames[best[0]], frame) >= 0.6:
            best.append(i)
        else:
            groups.append([i])
    return groups


def _similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """Share of the shorter frame that stands in the longer one, in order."""
    if not a or not b:
        return 1.0 if not a and not b else 0.0
    return len(_common(a, b)) / min(len(a), len(b))


def _common(a: Sequence[str], b: Sequence[str]) -> list[str]:
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


def _merge(groups: list[list[int]], texts: Sequence[str]) -> list[list[int]]:
    """Join groups whose texts another group's template already matches."""
    groups = sorted(groups, key=lambda g: (-len(g), g))
    merged: list[tuple[list[int], Matcher | None]] = []
    for group in groups:
        home = next(
            (g for g, m in merged if m and all(m.match(texts[i]) is not None for i in group)), None
        )
        if home is not None:
            home += group
            continue
        template = induce_template([texts[i] for i in group]) if len(group) > 2 else None
        merged.append((group, Matcher(template) if template else None))
    return [sorted(g) for g, _ in merged]


# --- one template ----------------------------------------------------------------------


def induce_template(texts: Sequence[str]) -> Template | None:
    """The template of texts of one shape, or None when they share no fixed text.

    Args:
        texts: at least `MIN_CLUSTER` texts; fewer cannot tell fixed from varying.
    """
    if len(texts) < MIN_CLUSTER:
        return None
    literals, gaps = _literals_and_gaps([tokens(t.strip()) for t in texts])
    if not any(any(c.isalnum() for c in literal) for literal in literals):
        return None
    return _template(literals, gaps)


def induce_answer(texts: Sequence[str]) -> Template:
    """The template of a class's answers; without shared text one slot holds the whole.

    Never None: the weakest answer template is a single text slot.
    """
    stripped = [t.strip() for t in texts]
    if len(stripped) >= MIN_CLUSTER:
        template = _template(*_literals_and_gaps([tokens(t) for t in stripped]))
        if template.slots and all(Matcher(template).match(t) is not None for t in stripped):
            return template
    return Template(("", ""), (Slot("answer", "text"),))


def _literals_and_gaps(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
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
    """Tokens, with their occurrence number, that stand in every row in one common order."""
    counts = [Counter(t for t in row if not t.isspace()) for row in rows]
    fixed = {t for t, n in counts[0].items() if all(c[t] == n for c in counts)}
    chain = [k for k in _occurrences(rows[0]) if k[0] in fixed]
    for row in rows[1:]:
        place = {k: i for i, k in enumerate(_occurrences(row))}
        chain = [chain[i] for i in _increasing([place[k] for k in chain])]
    return chain


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


def _template(literals: list[str], gaps: list[list[str]]) -> Template:
    literals, gaps = _split_columns(literals, gaps)
    names = _names(literals, gaps)
    slots = tuple(slot_of(name, values) for name, values in zip(names, gaps, strict=True))
    return Template(tuple(literals), slots)


def _split_columns(literals: list[str], gaps: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Split "5 km", "12 miles" into a number and a word: columns of different types."""
    new_literals, new_gaps = literals[:1], list[list[str]]()
    for gap, literal in zip(gaps, literals[1:], strict=True):
        columns = list(zip(*(v.split(" ") for v in gap), strict=False))
        same_width = len({v.count(" ") for v in gap}) == 1
        numeric = [all(is_kind("decimal", x) for x in c) for c in columns]
        split = same_width and len(columns) <= 4 and any(numeric) and not all(numeric)
        for column in columns if split else [tuple(gap)]:
            new_gaps.append(list(column))
            new_literals.append(" ")
        new_literals[-1] = literal
    return new_literals, new_gaps


# --- slots -----------------------------------------------------------------------------


def _names(literals: list[str], gaps: list[list[str]]) -> list[str]:
    """Names from the words around the slots, unique, valid as parameters.

    A number is named by the word that follows it ("1.5-hour": hour), else, like any other
    value, by the last telling word before it.
    """
    names: list[str] = []
    numeric = [all(is_kind("decimal", v) for v in gap) for gap in gaps]
    for n in range(len(gaps)):
        before = _telling(literals[n].rsplit("\n", 1)[-1])[-1:]
        after = _telling(re.match(r"[ -]?[A-Za-z]*", literals[n + 1])[0])  # type: ignore[index]
        unit = ["unit"] if n and numeric[n - 1] and not literals[n].strip() else []
        found = [*(after if numeric[n] else ()), *unit, *before, *after, "value"]
        word = found[0].lower()
        names.append(f"{word}_" if word in _RESERVED else word)
    totals, seen = Counter(names), Counter[str]()
    for n, name in enumerate(names):
        if totals[name] > 1:
            seen[name] += 1
            names[n] = f"{name}{seen[name]}"
    return names


def _telling(text: str) -> list[str]:
    return [w for w in re.findall(r"[A-Za-z]{3,}", text) if w.lower() not in _STOP_WORDS]


_STOP_WORDS = frozenset(
    ["the", "and", "for", "with", "from", "into", "than", "that", "this", "are", "was", "were",
     "has", "have", "had", "how", "what", "which", "who", "there", "then", "them", "they", "each"]
)  # fmt: skip
_RESERVED = frozenset(k.lower() for k in keyword.kwlist) | frozenset(dir(builtins)) | {"solve"}
"""Names that would hide what a short solver needs."""


def slot_of(name: str, values: Sequence[str]) -> Slot:
    """The narrowest slot that all observed values fit."""
    if all(is_kind("integer", v) for v in values):
        return Slot(name, "integer")
    if all(is_kind("decimal", v) for v in values):
        places = {len(v.partition(".")[2]) for v in values}
        return Slot(name, "decimal", decimals=places.pop() if len(places) == 1 else None)
    counts = Counter(values)
    closed = len(counts) <= _MAX_CHOICES and len(values) >= 5 * len(counts)
    if closed and min(counts.values()) > 1 and all(v.strip() == v for v in counts):
        return Slot(name, "choice", choices=tuple(sorted(counts)))
    if all(is_kind("word", v) for v in values):
        return Slot(name, "word")
    for separator in _SEPARATORS:
        slot = _list_slot(name, values, separator)
        if slot is not None:
            return slot
    return Slot(name, "text")


def _list_slot(name: str, values: Sequence[str], separator: str) -> Slot | None:
    parts = [v.split(separator) for v in values]
    items = [p for ps in parts for p in ps]
    if max(map(len, parts)) < 2 or not all(items):
        return None
    kinds: tuple[ItemKind, ...] = ("integer", "decimal", "word")
    if separator.strip() and len({_signature(p) for p in items}) == 1:
        kinds = (*kinds, "text")
    for kind in kinds:
        slot = Slot(name, "list", item=kind, separator=separator)
        if all(fits(slot, v) for v in values):
            return slot
    return None


def _signature(text: str) -> str:
    """The shape of a text: numbers and words masked."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", text))


def fixed_words(template: Template) -> int:
    """How many words of fixed text a template has: what it recognises a request by."""
    return sum(len(re.findall(r"\w+", literal)) for literal in template.literals)


def pieces(template: Template) -> list[str]:
    """Literals and ``{slot}`` names in order, for people and prompts."""
    shown = [template.literals[0]]
    for slot, literal in zip(template.slots, template.literals[1:], strict=True):
        shown += [f"{{{slot.name}}}", literal]
    return shown


__all__ = [
    "MIN_CLUSTER",
    "Cluster",
    "fixed_words",
    "induce",
    "induce_answer",
    "induce_template",
    "pieces",
    "slot_of",
    "tokens",
]
