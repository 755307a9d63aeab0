"""The report of a making: what is stored now, what it cost, and what it could not do.

Nothing flows in; the making job fills it and the command line prints it. Invariant: every
tool comes with the exact bound of its wrong-answer rate, and every change of a tool's state
is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from latm.cases import Split
from latm.making.maker import Attempt
from latm.making.promoter import ErrorBound
from latm.store import StoredTool
from latm.types import Usage, Verdict


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a making came to in a class that had tools.

    Attributes:
        new_cases: cases that no earlier making of the class had.
        failing: cases, stored or new, that the tools did not get right.
        mended: of those, how many come out right now.
        remaining: how the other failing cases go now.
        done: no answer is wrong, and of what is new at least a part was mended.
    """

    new_cases: int
    failing: int = 0
    mended: int = 0
    remaining: tuple[Verdict, ...] = ()
    done: bool = True


@dataclass(frozen=True, slots=True)
class MakeReport:
    """What a making came to.

    Attributes:
        tools: of the class, as they are now; none when none could be made.
        evidence: of each tool, the bound of its wrong-answer rate and what it rests on.
        error_upper_bound: of the wrong-answer rates of all tools at once, None without one.
        more_cases: held-out cases still missing for the user's bound, all right; 0: none.
        split: the cases of the class, by what an author has seen.
        uncovered: held-out questions that no template takes.
        warnings: what the cases leave open about the tools.
        replayed: model calls that an earlier run had already paid for.
        upgrade: how the tools that the class had fared, None where they were left behind.
        changes: every tool added, retired, demoted or promoted, in words.
    """

    name: str
    tools: tuple[StoredTool, ...]
    evidence: tuple[ErrorBound, ...]
    error_upper_bound: float | None
    more_cases: int
    split: Split
    uncovered: int
    attempts: tuple[Attempt, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    usage: Usage
    cost_usd: Decimal | None
    seconds: float
    replayed: int = 0
    upgrade: Upgrade | None = None
    changes: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[float, ...]:
        """Upper bound of the wrong-answer rate of each tool."""
        return tuple(bound.rate for bound in self.evidence)
