"""The values of jobs: what is to be done, what it is bound to, and how it ended.

Plain JSON flows in from the queue and out to it. Invariant: no question and no answer is in
them, only their digests, so the queue's database holds nothing that a client said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["make", "upgrade"]
Result: TypeAlias = Literal["made", "refused", "failed", "postponed", "unavailable"]
"""made: the class has tools, and they are right on what is known · refused: no tool could be
made or mended · failed: a fault of ours, or the maker's model cannot be reached for hours ·
postponed: the day's budget is used up · unavailable: not now, the job tries again by itself."""

JobState: TypeAlias = Literal["waiting", "running", "made", "refused", "failed", "postponed"]

Plain: TypeAlias = dict[str, Any]


def _amount(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done for a class. make: its first tools; upgrade: mend those it has."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What a job is bound to from its beginning, so that a second run of it does the same.

    Attributes:
        created_at: UTC, ISO 8601; its tools carry it.
        cases: digests of the questions; empty for an upgrade, whose cases are stored.
        seen: how many cases the class had, kept or not.
    """

    created_at: str
    max_tokens: int
    max_usd: Decimal | None = None
    fingerprint: str = ""
    cases: tuple[str, ...] = ()
    seen: int = 0

    def plain(self) -> Plain:
        """As JSON data."""
        usd = None if self.max_usd is None else str(self.max_usd)
        return {**asdict(self), "max_usd": usd, "cases": list(self.cases)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Brief:
        """From JSON data that `plain` gave."""
        fields: Plain = {**plain, "max_usd": _amount(plain["max_usd"])}
        fields["cases"] = tuple(plain["cases"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended, and what it took.

    Attributes:
        cases: how many the class had when it began.
        usd: None when a price is unknown.
    """

    result: Result
    reason: str
    cases: int = 0
    calls: int = 0
    tokens: int = 0
    usd: Decimal | None = Decimal(0)

    def plain(self) -> Plain:
        """As JSON data."""
        return {**asdict(self), "usd": None if self.usd is None else str(self.usd)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Outcome:
        """From JSON data that `plain` gave."""
        fields: Plain = {**plain, "usd": _amount(plain["usd"])}
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the queue.

    Attributes:
        id: ``kind-name-number``; model calls and their cost are on record under it.
        node: where it runs, or ran last.
        created_at: UTC, ISO 8601.
        outcome: of a job that ended.
    """

    id: str
    task: Task
    state: JobState
    node: str
    created_at: str
    outcome: Outcome | None = None

    @property
    def active(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def number(self) -> int:
        return int(self.id.rpartition("-")[2])
