"""What every embedding must do: one suite for all adapters, ours and those of plug-ins.

An embedding flows into each check; it returns or raises `NotConformingError`. Invariant: a
check uses nothing but the seam, and asks for no more understanding than that a text is most
like itself and its own kind.
"""

from __future__ import annotations

from collections.abc import Callable

from latm.embedding import Embedding, Near, Neighbours

Conformance = Callable[[Embedding], None]

_SORT = [f"Sort these words by the alphabet: {words}" for words in ("pear fig", "ant bee", "b a")]
_ADD = [f"What is the sum of {a} and {b}?" for a, b in ((1, 2), (30, 4), (5, 6))]
_DATE = [
    f"Which day of the week was {day}?" for day in ("3 May 2020", "1 June 1999", "7 July 2001")
]
_GROUPS = (_SORT, _ADD, _DATE)
_HARD = ("", " \n\t", "0", "?!…", "\x00", "é \u2028 \U0001f600 {} %s", "word " * 20_000, "字" * 999)


class NotConformingError(AssertionError):
    """The adapter does not do what an embedding must do."""


def _demand(condition: bool, what: str, seen: object) -> None:
    # Not an assert statement: these run under `python -O` too.
    if not condition:
        raise NotConformingError(f"{what}; seen: {seen!r}")


def _found(neighbours: Neighbours, text: str, groups: int) -> list[Near]:
    """The nearest groups, and what must hold of them always."""
    found = list(neighbours.nearest(text))
    _demand(len(found) <= 2, "at most two groups are told", found)
    _demand(all(0 <= n.likeness <= 1 for n in found), "a likeness lies between 0 and 1", found)
    _demand(all(0 <= n.group < groups for n in found), "a group is one of those given", found)
    _demand(len({n.group for n in found}) == len(found), "no group is told twice", found)
    ordered = sorted(found, key=lambda n: -n.likeness)
    _demand([n.likeness for n in ordered] == [n.likeness for n in found], "nearest first", found)
    return found


# --- the checks ------------------------------------------------------------------------


def finds_each_text_in_its_own_group(embedding: Embedding) -> None:
    neighbours = embedding(_GROUPS)
    for group, texts in enumerate(_GROUPS):
        for text in texts:
            found = _found(neighbours, text, len(_GROUPS))
            _demand(bool(found) and found[0].group == group, f"{text!r} is of its group", found)


def takes_a_further_text_of_a_group_over_its_bar(embedding: Embedding) -> None:
    neighbours = embedding(_GROUPS)
    found = _found(neighbours, "What is the sum of 17 and 4?", len(_GROUPS))
    bar = neighbours.bar
    _demand(bool(found) and found[0].group == 1, "a further text is of its group", found)
    _demand(found[0].likeness >= bar.likeness, "it clears the bar", (found, bar))
    if len(found) > 1:
        margin = found[0].likeness - found[1].likeness
        _demand(margin >= bar.margin, "it clears the margin", (found, bar))


def leaves_a_foreign_text_below_its_bar(embedding: Embedding) -> None:
    neighbours = embedding(_GROUPS)
    found = _found(neighbours, "Write a poem about autumn leaves in the rain", len(_GROUPS))
    below = not found or found[0].likeness < neighbours.bar.likeness
    _demand(below, "a foreign text does not clear the bar", (found, neighbours.bar))


def cannot_tell_two_equal_groups_apart(embedding: Embedding) -> None:
    found = _found(embedding((_ADD, _SORT, _ADD)), _ADD[0], 3)
    _demand({n.group for n in found} == {0, 2}, "both of two equal groups are nearest", found)
    _demand(abs(found[0].likeness - found[1].likeness) < 1e-6, "they are equally near", found)


def says_the_same_each_time(embedding: Embedding) -> None:
    one, two = embedding(_GROUPS), embedding(_GROUPS)
    for text in (_SORT[0], "Which day is it?", "sum"):
        once = _found(one, text, len(_GROUPS))
        _demand(once == _found(one, text, len(_GROUPS)), "a second look is the same", text)
        _demand(once == _found(two, text, len(_GROUPS)), "a second layout is the same", text)


def takes_any_text(embedding: Embedding) -> None:
    neighbours = embedding((*_GROUPS, [*_HARD]))
    for text in _HARD:
        _found(neighbours, text, len(_GROUPS) + 1)


def takes_groups_of_nothing(embedding: Embedding) -> None:
    _demand(_found(embedding(()), "text", 0) == [], "nothing is like no group", ())
    _found(embedding(([], [""], _ADD)), _ADD[0], 3)


CHECKS: tuple[Conformance, ...] = (
    finds_each_text_in_its_own_group,
    takes_a_further_text_of_a_group_over_its_bar,
    leaves_a_foreign_text_below_its_bar,
    cannot_tell_two_equal_groups_apart,
    says_the_same_each_time,
    takes_any_text,
    takes_groups_of_nothing,
)
