"""Clusters: texts of one or several shapes, grouped by shape.

Texts flow in; clusters, each with a `Template` or without one, flow out. Invariant: every
template matches every member of its cluster, and the order of the texts does not change
which literals are found. After the log-template miners (Drain, He et al. 2017) but without
their demand for equal token counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from latm.induction.alignment import common, tokens
from latm.induction.shaping import MIN_CLUSTER, induce_template
from latm.induction.slots import vague
from latm.templates import Matcher
from latm.types import Template

_LIKE = 0.3
_BOUND = 2
"""So many words that come and go together part a group, where both parts have as many."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Texts of one shape.

    Attributes:
        template: None when no template covers the members.
        members: indexes into the texts given to `induce`, ascending.
    """

    template: Template | None
    members: tuple[int, ...]


def induce(texts: Sequence[str]) -> tuple[Cluster, ...]:
    """Group texts by shape and induce each group's template.

    Returns:
        Clusters, largest first; those without a template last.
    """
    shapes = _Shapes([t.strip() for t in texts])
    covered: list[Cluster] = []
    left: list[int] = []
    for group in _directed(_merged(shapes), shapes):
        inside = shapes.matched(group, group)
        if len(inside) < max(MIN_CLUSTER, len(group) - len(inside)):
            left += group
        else:
            covered.append(Cluster(shapes.template(group), tuple(inside)))
            left += [i for i in group if i not in inside]
    covered.sort(key=lambda c: (-len(c.members), c.members))
    return (*covered, Cluster(None, tuple(sorted(left)))) if left else tuple(covered)


def strata(texts: Sequence[str]) -> list[int]:
    """For each text the number of its cluster, for a split that shows some of each."""
    labels = [0] * len(texts)
    for n, cluster in enumerate(induce(texts)):
        for i in cluster.members:
            labels[i] = n
    return labels


_Group = tuple[int, ...]


class _Shapes:
    """Texts, and the template of each group of them, induced once."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.words = [[t for t in tokens(text) if t[0].isalpha()] for text in texts]
        self._templates: dict[_Group, Template | None] = {}

    def template(self, group: _Group) -> Template | None:
        if group not in self._templates:
            self._templates[group] = induce_template([self.texts[i] for i in group])
        return self._templates[group]

    def shared(self, group: _Group) -> frozenset[str]:
        """The words that all texts of a group have."""
        first, *others = (frozenset(self.words[i]) for i in group)
        return first.intersection(*others)

    def matched(self, group: _Group, others: _Group) -> list[int]:
        """Which of the other texts the group's template matches."""
        template = self.template(group)
        if template is None:
            return []
        matcher = Matcher(template)
        return [i for i in others if matcher.match(self.texts[i]) is not None]

    def tight(self, group: _Group) -> bool:
        """Whether the group's template matches all of it, and nothing as vague as a phrase."""
        template = self.template(group)
        if template is None or any(map(vague, template.slots)):
            return False
        return len(self.matched(group, group)) == len(group)


def _merged(shapes: _Shapes) -> list[_Group]:
    """Groups, joined where one template serves them as well; small ones at once, if it can be."""
    groups = sorted(_parted(_grouped(shapes), shapes), key=lambda g: (-len(g), g))
    merged: list[_Group] = []
    for group in (g for g in groups if len(g) >= MIN_CLUSTER):
        _join(shapes, merged, group)
    small = [g for g in groups if len(g) < MIN_CLUSTER]
    near: defaultdict[_Group | None, list[_Group]] = defaultdict(list)
    for group in small:
        near[_nearest(shapes, merged, group)].append(group)
    for home, alike in near.items():
        together = tuple(sorted(i for group in alike for i in group))
        if home is not None and len(alike) > 1 and _serves(shapes, home, together):
            merged[merged.index(home)] = tuple(sorted({*home, *together}))
        elif home is None and shapes.tight(together):
            merged.append(together)
        else:
            for group in alike:
                _join(shapes, merged, group)
    return merged


def _join(shapes: _Shapes, merged: list[_Group], group: _Group) -> None:
    """Put a group where its texts are matched; else to the nearest, if one can be both."""
    whole = (home for home in merged if len(shapes.matched(home, group)) == len(group))
    home = next(whole, None)
    if home is None:
        nearest = _nearest(shapes, merged, group)
        home = nearest if nearest and _serves(shapes, nearest, group) else None
    if home is None:
        merged.append(group)
    else:
        merged[merged.index(home)] = tuple(sorted({*home, *group}))


def _nearest(shapes: _Shapes, homes: Sequence[_Group], group: _Group) -> _Group | None:
    nearest = max(homes, key=lambda home: _likeness(shapes, home, group), default=None)
    return nearest if nearest and _likeness(shapes, nearest, group) >= _LIKE else None


def _serves(shapes: _Shapes, home: _Group, group: _Group) -> bool:
    """Whether one template can be both: theirs overlap, or it has no further slot, or what it
    loses recurs in it.
    """
    union = tuple(sorted({*home, *group}))
    overlap = shapes.matched(home, group) or shapes.matched(group, home)
    apart = not overlap and len(group) >= MIN_CLUSTER and _parts(union, shapes.words)
    if apart and not (shapes.tight(home) and shapes.tight(group)):
        return False
    one, both = shapes.template(home), shapes.template(union)
    if one is None or both is None or len(shapes.matched(union, union)) < len(union):
        return False
    if shapes.tight(union) and (overlap or len(both.slots) <= len(one.slots)):
        return True
    if apart or sum(s.kind == "text" for s in both.slots) > sum(
        s.kind == "text" for s in one.slots
    ):
        return False
    return _fixed(one) <= _fixed(both) | _recurring(both, [shapes.texts[i] for i in union])


def _fixed(template: Template) -> set[str]:
    return {t for literal in template.literals for t in tokens(literal) if t.isalpha()}


def _recurring(template: Template, texts: Sequence[str]) -> set[str]:
    """Words that stand in more than one slot, or in statements: what a shape is filled with."""
    rows = [row for row in map(Matcher(template).texts, texts) if row is not None]
    counts: Counter[str] = Counter()
    for slot, column in zip(template.slots, zip(*rows, strict=True), strict=True):
        words = {t for value in column for t in tokens(value)}
        counts.update(dict.fromkeys(words, 2 if slot.kind == "clauses" else 1))
    return {word for word, n in counts.items() if n > 1}


def _likeness(shapes: _Shapes, home: _Group, group: _Group) -> float:
    """The share of words that all texts of both have, among those that all of one have."""
    one, two = shapes.shared(home), shapes.shared(group)
    return len(one & two) / (len(one | two) or 1)


def _grouped(shapes: _Shapes) -> list[_Group]:
    """Leader clustering on the words that recur across the texts."""
    frequency = Counter(w for ws in shapes.words for w in set(ws))
    recurring = max(2, round(0.1 * len(shapes.words)))
    frames = [[w for w in ws if frequency[w] >= recurring] for ws in shapes.words]
    groups: list[list[int]] = []
    for i, frame in enumerate(frames):
        best = max(groups, key=lambda g: _similarity(frames[g[0]], frame), default=None)
        if best is not None and _similarity(frames[best[0]], frame) >= 0.6:
            best.append(i)
        else:
            groups.append([i])
    return list(map(tuple, groups))


def _parted(groups: Sequence[_Group], shapes: _Shapes) -> list[_Group]:
    """Groups in parts that each have words of their own, where no tight template fits all.

    One such word is enough where the template does not even fit most of the group.
    """
    parted: list[_Group] = []
    for group in groups:
        misfit = 2 * len(shapes.matched(group, group)) < len(group)
        parts = _parts(group, shapes.words, 1 if misfit else _BOUND)
        parted += _parted(parts, shapes) if parts and not shapes.tight(group) else [group]
    return parted


def _parts(group: _Group, words: Sequence[Sequence[str]], least: int = _BOUND) -> list[_Group]:
    """Two parts, each with words that all of it and nothing of the other has; or none."""
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for i in group:
        for word in set(words[i]):
            holders[word].append(i)
    together = Counter(map(tuple, holders.values()))
    for part, count in sorted(together.items(), key=lambda item: (-item[1], item[0])):
        rest = tuple(i for i in group if i not in part)
        bound = count >= least and together[rest] >= least
        if bound and max(len(part), len(rest)) >= MIN_CLUSTER:
            return [part, rest]
    return []


def _directed(groups: Sequence[_Group], shapes: _Shapes) -> list[_Group]:
    """Groups with the two directions of one conversion apart: C in F, F in C."""
    return [part for group in groups for part in _directions(group, shapes)]


def _directions(group: _Group, shapes: _Shapes) -> list[_Group]:
    template = shapes.template(group)
    matcher = Matcher(template) if template else None
    rows = {i: t for i in group if matcher and (t := matcher.texts(shapes.texts[i])) is not None}
    columns = list(zip(*rows.values(), strict=True)) if len(rows) == len(group) else []
    for one, two in combinations(columns, 2):
        pairs = Counter(zip(one, two, strict=True))
        swapped = len(pairs) == 2 == len(set(one)) and {(b, a) for a, b in pairs} == set(pairs)
        if swapped and min(pairs.values()) >= MIN_CLUSTER:
            ahead = tuple(i for i, value in zip(rows, one, strict=True) if value == one[0])
            return [ahead, tuple(i for i in group if i not in ahead)]
    return [group]


def _similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """Share of the shorter frame that stands in the longer one, in order."""
    if not a or not b:
        return 1.0 if not a and not b else 0.0
    return len(common(a, b)) / min(len(a), len(b))
