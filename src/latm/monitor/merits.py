"""Merits: what a version's record says, each question counted once.

A `Standing` flows in, its stay, its questions by how they went and the decisive ones flow
out. Invariants: pure; a question that was ever answered wrongly is wrong for good; what
was right before the last demotion counts no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from latm.store import OnRecord, Standing

Mark = Literal["open", "right", "wrong"]

_WEIGHT: Mapping[str, int] = MappingProxyType({"open": 0, "right": 1, "wrong": 2})


@dataclass(frozen=True, slots=True)
class Merits:
    """A version's record since it last entered shadow.

    Attributes:
        demotions: how often it lost its place.
        marks: of each question that was answered, in the order of their first answers.
        since_live: what came after it went live last, oldest first; empty unless it is live.
    """

    demotions: int
    marks: tuple[Mark, ...]
    since_live: tuple[OnRecord, ...]

    @property
    def wrong(self) -> int:
        """Questions that were answered wrongly."""
        return self.marks.count("wrong")

    @property
    def settled(self) -> int:
        """Questions of which it is known whether they were answered rightly."""
        return len(self.marks) - self.marks.count("open")


def merits_of(standing: Standing, *, held_out: bool = True) -> Merits:
    """The record of a version.

    Args:
        held_out: whether right answers to held-out cases count, too.
    """
    demotions = [event for event in standing.events if event.event == "demote"]
    since = demotions[-1].at if demotions else ""
    worst: dict[str, Mark] = {}
    for one in standing.compared:
        mark = mark_of(one)
        if mark is None:
            continue
        stale = one.at <= since or (one.source == "held_out" and not held_out)
        if stale and mark != "wrong":
            continue
        known = worst.get(one.case_digest)
        if known is None or _WEIGHT[mark] > _WEIGHT[known]:
            worst[one.case_digest] = mark
    return Merits(len(demotions), tuple(worst.values()), _since_live(standing))


def mark_of(one: OnRecord) -> Mark | None:
    """How a question that was answered went; None when it was not."""
    outcome = one.outcome
    return None if outcome in ("abstained", "failed") else outcome


def _since_live(standing: Standing) -> tuple[OnRecord, ...]:
    if standing.item.state != "live":
        return ()
    went = max(event.at for event in standing.events if event.after == "live")
    return tuple(one for one in standing.compared if one.at >= went and one.source != "held_out")
