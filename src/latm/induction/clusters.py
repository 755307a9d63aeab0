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

from latm.induction.alignment import common, tokens
from latm.induction.shaping import MIN_CLUSTER, induce_template
from latm.templates import Matcher
from latm.types import Template

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


def strata(texts: Sequence[str]) -> list[int]:
    """For each text the number of its cluster, for a split that shows some of each."""
    labels = [0] * len(texts)
    for n, cluster in enumerate(induce(texts)):
        for i in cluster.members:
            labels[i] = n
    return labels


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
    present = [frozenset(ws) for ws in words]
    return [part for group in groups for part in _parted(group, present)]


def _parted(group: list[int], words: Sequence[frozenset[str]]) -> list[list[int]]:
    """A group in parts that each have words of their own, which come and go together."""
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for i in group:
        for word in words[i]:
            holders[word].append(i)
    together = Counter(map(tuple, holders.values()))
    for part, count in sorted(together.items(), key=lambda item: (-item[1], item[0])):
        rest = tuple(i for i in group if i not in part)
        if min(len(part), len(rest)) < MIN_CLUSTER or count < _BOUND:
            continue
        if count > _BOUND or together[rest] >= _BOUND:
            return [*_parted(list(part), words), *_parted(list(rest), words)]
    return [group]


def _similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """Share of the shorter frame that stands in the longer one, in order."""
    if not a or not b:
        return 1.0 if not a and not b else 0.0
    return len(common(a, b)) / min(len(a), len(b))


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
