"""Synthetic inputs: arguments put together from those of shown cases.

Examples of one shape flow in, new argument tuples without a reference answer flow out.
Invariant: every value, and every item of a list, was shown; and what belongs together stays
together: a start that is always before its end, or a word that always stands in the list
beside it, comes along with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeGuard

from latm.identity import canonical_json
from latm.making.shape import Example
from latm.types import Json

INPUTS = 20
_DRAWS = 8

Arguments = tuple[Json, ...]


def synthetic(examples: Sequence[Example], seed: int, count: int = INPUTS) -> tuple[Arguments, ...]:
    """New arguments of the kind that the examples have, all different and none of theirs.

    Slot values of several cases are mixed; lists are shuffled where no shown one was in
    order, and shortened or joined where their lengths differ.

    Args:
        count: at most so many; fewer where the examples give no more.
    """
    if not examples:
        return ()
    # Repeatable, and nothing to keep secret.
    dice = random.Random(seed)
    rows = [e.arguments for e in examples]
    groups = _groups(rows)
    changes = [_changes([row[n] for row in rows]) for n in range(len(rows[0]))]
    loose = {group[0] for group in groups if len(group) == 1}
    seen = {canonical_json(list(row)) for row in rows}
    found: list[Arguments] = []
    for _ in range(count * _DRAWS):
        row = list(dice.choice(rows))
        for group in groups:
            other = dice.choice(rows)
            for n in group:
                row[n] = other[n]
        for n in loose:
            if changes[n] and dice.random() < 0.5:
                row[n] = dice.choice(changes[n])(dice, row[n])
        key = canonical_json(row)
        if key not in seen:
            seen.add(key)
            found.append(tuple(row))
        if len(found) == count:
            break
    return tuple(found)


def _groups(rows: Sequence[Arguments]) -> list[list[int]]:
    """Parameters that belong together, by what ties them in all cases."""
    groups: list[list[int]] = []
    for n in range(len(rows[0])):
        tied = [g for g in groups if any(_tied(rows, m, n) for m in g)]
        groups = [g for g in groups if g not in tied]
        groups.append([*(m for g in tied for m in g), n])
    return groups


def _tied(rows: Sequence[Arguments], first: int, second: int) -> bool:
    one, other = [row[first] for row in rows], [row[second] for row in rows]
    return any(
        _always(test, one, other) or _always(test, other, one)
        for test in (_in_order, _within, _of_one_size)
    )


def _always(test: Callable[[Json, Json], bool], one: Sequence[Json], other: Sequence[Json]) -> bool:
    """Whether a test holds within every case, but not between any two cases."""
    within = all(test(a, b) for a, b in zip(one, other, strict=True))
    return within and not all(test(a, b) for a in one for b in other)


def _in_order(a: Json, b: Json) -> bool:
    if is_number(a) and is_number(b):
        return a < b
    # Dates and times in ISO form come in order, too.
    if isinstance(a, str) and isinstance(b, str):
        return a[:1].isdigit() and b[:1].isdigit() and a < b
    return False


def _within(a: Json, b: Json) -> bool:
    """Whether one value has to do with the other: it, or a part of it, is in it."""
    inner, outer = _atoms(a), _atoms(b)
    return bool(inner & outer) or (isinstance(a, str) and isinstance(b, str) and a in b)


def _atoms(value: Json) -> set[str]:
    if isinstance(value, list):
        return {atom for item in value for atom in _atoms(item)}
    return {canonical_json(value)}


def _of_one_size(a: Json, b: Json) -> bool:
    return isinstance(a, list) and isinstance(b, list) and len(a) == len(b)


_Change = Callable[[random.Random, Json], Json]


def _changes(column: Sequence[Json]) -> list[_Change]:
    """What can be done to a list without leaving the kind of the shown ones."""
    lists = [v for v in column if isinstance(v, list)]
    if not lists or len(lists) < len(column):
        return []
    found: list[_Change] = []
    orders = [o for v in lists for o in [(ordered(v, 1), ordered(v, -1))] if o != (None, None)]
    free = not orders or not all(map(any, orders))
    if free:
        found.append(shuffled)
    sizes = {len(v) for v in lists}
    if len(sizes) > 2:
        found.append(partial(_shortened, max(1, min(sizes))))
    if len(sizes) > 2 and free:
        distinct = all(len(_atoms(v)) == len(v) for v in lists)
        found.append(partial(_longer, lists, max(sizes), distinct))
    return found


def shuffled(dice: random.Random, value: Json) -> Json:
    """A list in another order, anything else as it is."""
    return dice.sample(value, len(value)) if isinstance(value, list) else value


def _shortened(least: int, dice: random.Random, value: Json) -> Json:
    assert isinstance(value, list)
    return value[: dice.randint(min(least, len(value)), len(value))]


def _longer(
    lists: Sequence[list[Json]], most: int, distinct: bool, dice: random.Random, value: Json
) -> Json:
    """With items of another shown list, up to one more than any shown one has."""
    assert isinstance(value, list)
    more = [v for v in dice.choice(lists) if not distinct or v not in value]
    return [*value, *more][: most + 1]


def is_number(value: Json) -> TypeGuard[int | float]:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ordered(value: Json, step: int) -> bool | None:
    """Whether a list's items go up (``step`` 1) or down (-1); None: too few to tell."""
    if not isinstance(value, list) or len(value) < 3:
        return None
    kinds = {type(v) for v in value}
    if len(kinds) != 1 or not kinds <= {int, float, str}:
        return None
    return all(a <= b for a, b in pairwise(value[::step]))  # type: ignore[operator]
