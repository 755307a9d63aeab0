"""Upgrade: what the tools of a class get wrong decides what is made again, and what is taken.

Current tools with their verdicts on all cases of the class flow in; a `Plan` of what to make
flows out, and of what was made the tools that are taken. Invariants: pure, no model and no
store; a case that an author was shown is never held out again; what is right today stays
right; a tool that is wrong on one case is not taken.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from latm.cases import LEAST_HELD_OUT, LEAST_SHOWN, Split, split
from latm.execution import matcher_of
from latm.identity import digest, version_of
from latm.induction import induce, strata
from latm.types import Case, Tool, Verdict

_INDUCED = 40
"""Questions without a template that are looked at to find one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A tool with its verdicts on all cases of its class, in their order."""

    tool: Tool
    verdicts: tuple[Verdict, ...]

    def those(self, *outcomes: str) -> frozenset[int]:
        """Numbers of the cases that went one of these ways."""
        return frozenset(n for n, v in enumerate(self.verdicts) if v.outcome in outcomes)

    @property
    def taken(self) -> frozenset[int]:
        """Numbers of the cases that the tool did not abstain from."""
        return self.those("right", "wrong", "failed")


@dataclass(frozen=True, slots=True)
class Book:
    """The cases of a class; ``shown`` are numbers of those that an author was shown, ``new``
    of those that no making has dealt yet."""

    cases: tuple[Case, ...]
    shown: frozenset[int] = frozenset()
    new: frozenset[int] = frozenset()

    def parts(self, shown: Set[int], among: Set[int] | None = None) -> Split:
        """The cases, or those ``among`` them, by side."""
        numbers = [n for n in range(len(self.cases)) if among is None or n in among]
        return Split(
            tuple(self.cases[n] for n in numbers if n in shown),
            tuple(self.cases[n] for n in numbers if n not in shown),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made.

    Attributes:
        split: all cases of the class by side, the new ones dealt.
        ordered: the part of them that the making is about.
        touched: places of the current tools that may be replaced.
    """

    split: Split
    ordered: Split
    touched: frozenset[int]


@dataclass(frozen=True, slots=True)
class Taken:
    """A made tool that joins the class, and the places of the current tools it replaces."""

    judged: Judged
    replaces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """What of the made tools is taken; ``refused`` says of the others why not."""

    taken: tuple[Taken, ...]
    kept: tuple[int, ...]
    refused: tuple[str, ...]


def served(tools: Sequence[Judged]) -> tuple[Verdict, ...]:
    """How each case goes when tools are asked by shape until one answers, as requests are."""
    asked = sorted(tools, key=lambda one: one.tool.shape)
    return tuple(_first(column) for column in zip(*(t.verdicts for t in asked), strict=True))


def _first(column: Sequence[Verdict]) -> Verdict:
    answered = (v for v in column if v.got is not None)
    failed = (v for v in column if v.outcome == "failed")
    return next(answered, None) or next(failed, column[0])


def failing(tools: Sequence[Judged]) -> frozenset[int]:
    """Numbers of the cases that do not come out right.

    Where a tool without a template serves, questions that no template could cover are the
    light model's: they are neither right nor wrong here.
    """
    verdicts = served(tools)
    found = frozenset(n for n, v in enumerate(verdicts) if v.outcome != "right")
    if all(one.tool.template for one in tools):
        return found
    uncovered = [n for n in sorted(found) if verdicts[n].outcome == "abstained"]
    clusters = induce([verdicts[n].case.question for n in uncovered[:_INDUCED]])
    forms = [matcher_of(c.template) for c in clusters if c.template]
    texts = {n: verdicts[n].case.question for n in uncovered}
    return found - {n for n, text in texts.items() if not any(f.match(text) for f in forms)}


def plan(tools: Sequence[Judged], book: Book, fails: Set[int], seed: int) -> Plan:
    """Deal the new cases, and find the tools that what fails is about."""
    shown = book.shown | _share(book.cases, fails & book.new, seed)
    if not fails & shown:
        # The maker must see one of the cases that it is to mend.
        shown |= _share(book.cases, fails, seed)
    owners = [_owner(tools, n) for n in range(len(book.cases))]
    touched = {place for n in fails if (place := owners[n]) is not None}
    touched |= _akin(book.cases, owners, shown, fails)
    among = {n for n, place in enumerate(owners) if n in fails or place in touched}
    return Plan(book.parts(shown), book.parts(shown, among), frozenset(touched))


def _share(cases: Sequence[Case], numbers: Set[int], seed: int) -> frozenset[int]:
    """Numbers of the cases that are to be shown: a third of many, half of a few, never none."""
    chosen = [cases[n] for n in sorted(numbers)]
    if len(chosen) >= LEAST_SHOWN + LEAST_HELD_OUT:
        shapes = strata([case.question for case in chosen])
        shown = split(chosen, seed, strata=shapes).shown
    else:
        ranked = sorted(chosen, key=lambda case: digest(f"{seed}\n{case.question}"))
        shown = tuple(ranked[: (len(ranked) + 1) // 2])
    return frozenset(n for n in numbers if cases[n] in shown)


def _owner(tools: Sequence[Judged], number: int) -> int | None:
    """Place of the tool whose answer, or failure, is a case's outcome."""
    places = sorted(range(len(tools)), key=lambda place: tools[place].tool.shape)
    taking = [p for p in places if tools[p].verdicts[number].outcome != "abstained"]
    answering = [p for p in taking if tools[p].verdicts[number].got is not None]
    return next(iter(answering or taking), None)


def _akin(
    cases: Sequence[Case], owners: Sequence[int | None], shown: Set[int], fails: Set[int]
) -> set[int]:
    """Places of the tools whose questions share one form with uncovered ones."""
    if not any(owners[n] is None for n in fails):
        return set()
    numbers = [n for n in sorted(shown) if owners[n] is not None or n in fails]
    akin: set[int] = set()
    for cluster in induce([cases[n].question for n in numbers]):
        places = {owners[numbers[member]] for member in cluster.members}
        if cluster.template and None in places:
            akin |= {place for place in places if place is not None}
    return akin


# --- what is taken ---------------------------------------------------------------------


def admit(current: Sequence[Judged], touched: Set[int], made: Sequence[Judged]) -> Admission:
    """Take of the made tools those that mend something and spoil nothing.

    Args:
        touched: places of the current tools that may be replaced.
    """
    chosen = [one for one in made if not one.those("wrong", "failed")]
    refused = [
        f"a tool was wrong or failed on {len(bad)} of all cases of the class"
        for one in made
        if (bad := one.those("wrong", "failed"))
    ]

    def outcome(these: Sequence[Judged], wanted: str) -> frozenset[int]:
        verdicts = served(_settled(current, _taken(current, touched, these)))
        return frozenset(n for n, v in enumerate(verdicts) if v.outcome == wanted)

    before = outcome((), "right")
    while lost := before - outcome(chosen, "right"):
        refused.append(f"a tool would lose {len(lost)} answers that are right today")
        rests = [[c for c in chosen if c is not one] for one in chosen]
        chosen = max(rests, key=lambda rest: len(before & outcome(rest, "right")))
    for one in tuple(chosen):
        # What mends nothing does not replace what is there.
        rest = [c for c in chosen if c is not one]
        as_right = outcome(rest, "right") >= outcome(chosen, "right")
        if as_right and outcome(rest, "wrong") <= outcome(chosen, "wrong"):
            chosen = rest
    taken = _taken(current, touched, chosen)
    gone = {place for one in taken for place in one.replaces}
    kept = tuple(place for place in range(len(current)) if place not in gone)
    return Admission(tuple(_signed(current, one) for one in taken), kept, tuple(refused))


def _taken(current: Sequence[Judged], touched: Set[int], chosen: Sequence[Judged]) -> list[Taken]:
    """Each with its place in the class: that of the tools it replaces, else a new one."""
    given = frozenset[int]().union(*(one.those("right") for one in chosen))
    heirs: list[list[int]] = [[] for _ in chosen]
    for place in sorted(touched):
        old = current[place]
        common = [len(one.those("right") & old.taken) for one in chosen]
        if any(common) and old.those("right") <= given:
            heirs[common.index(max(common))].append(place)
    free = max((one.tool.shape for one in current), default=-1) + 1
    taken: list[Taken] = []
    for one, places in zip(chosen, heirs, strict=True):
        shape = min((current[p].tool.shape for p in places), default=free)
        free += not places
        judged = replace(one, tool=replace(one.tool, shape=shape))
        taken.append(Taken(judged, tuple(places)))
    return taken


def _settled(current: Sequence[Judged], taken: Sequence[Taken]) -> list[Judged]:
    gone = {place for one in taken for place in one.replaces}
    kept = [one for place, one in enumerate(current) if place not in gone]
    return [*kept, *(one.judged for one in taken)]


def _signed(current: Sequence[Judged], taken: Taken) -> Taken:
    """With its parent on record, and the parents' looks at the held-out cases counted."""
    if not taken.replaces:
        return taken
    parents = [current[place].tool for place in taken.replaces]
    tool = taken.judged.tool
    looks = tool.verification.looks + sum(p.verification.looks for p in parents)
    signed = replace(
        tool,
        provenance=replace(tool.provenance, parent=version_of(parents[0])),
        verification=replace(tool.verification, looks=looks),
    )
    return replace(taken, judged=replace(taken.judged, tool=signed))
