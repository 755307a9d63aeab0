"""Likeness by words: a text as weights of its words and pairs of neighbours, hashed.

Groups of texts flow in, the nearest groups of a text flow out. Invariant: the cost follows
the length of the text, not the number of groups, because what more than `MOST_SHARED`
groups say tells none of them from the others and is left out.

A group is known by what its texts have in common: a word that half of them hold weighs a
quarter of one that all of them hold. Words that few groups hold weigh more (inverse
document frequency, Spärck Jones 1972); numbers are all alike.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from heapq import nlargest
from itertools import pairwise

from latm.embedding import Bar, Near

MOST_SHARED = 64
MOST_WORDS = 2000
"""Of a text; what comes after them is not looked at."""
BAR = Bar(0.35, 0.05)
"""By `latm bench dispatch`, where half of the families are unknown (docs/benchmarks.md)."""

_WORD = re.compile(r"[^\W\d_]+|\d+")
_UNKNOWN = 0.5
"""So many groups count as holding what none of them holds."""

_Weights = Mapping[int, float]


class WordNeighbours:
    """The groups by what their texts have in common."""

    bar = BAR

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        cores = [_core(texts) for texts in groups]
        self._groups = len(cores)
        self._holders = Counter(feature for core in cores for feature in core)
        self._postings: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        for group, core in enumerate(cores):
            for feature, weight in self._unit(core).items():
                if weight:
                    self._postings[feature].append((group, weight))

    def nearest(self, text: str) -> Sequence[Near]:
        likeness: defaultdict[int, float] = defaultdict(float)
        for feature, weight in self._unit(_features(text)).items():
            for group, other in self._postings.get(feature, ()):
                likeness[group] += weight * other
        best = nlargest(2, likeness.items(), key=lambda item: (item[1], -item[0]))
        return [Near(group, min(1.0, found)) for group, found in best if found > 0]

    def _unit(self, weights: _Weights) -> _Weights:
        """The weights, rarer features weighing more, at length 1."""
        found = {feature: weight * self._rarity(feature) for feature, weight in weights.items()}
        length = math.sqrt(sum(weight * weight for weight in found.values()))
        return {feature: weight / length for feature, weight in found.items()} if length else {}

    def _rarity(self, feature: int) -> float:
        holders = self._holders.get(feature, 0)
        return 0.0 if holders > MOST_SHARED else math.log1p(self._groups / (holders or _UNKNOWN))


def _core(texts: Sequence[str]) -> _Weights:
    """What texts have in common, by how many of them have it."""
    weights: defaultdict[int, float] = defaultdict(float)
    counts: Counter[int] = Counter()
    for found in map(_features, texts):
        counts.update(found.keys())
        for feature, weight in found.items():
            weights[feature] += weight / len(texts)
    return {feature: weights[feature] * count / len(texts) for feature, count in counts.items()}


def _features(text: str) -> _Weights:
    """Words and pairs of a text, as hashes that are the same in every process."""
    words = ["0" if word[0].isdigit() else word for word in _WORD.findall(text.lower())]
    del words[MOST_WORDS:]
    counts = Counter([*words, *map(" ".join, pairwise(words))])
    return {zlib.crc32(f.encode()): 1 + math.log(n) for f, n in counts.items()}
