"""The values that the store hands out beside those of `latm.types`.

Nothing flows in. Invariant: plain immutable values; an unknown amount of money is counted
as unknown and never as 0, so that sums of sums stay honest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from latm.cases import Contradiction
from latm.lifecycle import Event
from latm.types import Case, Json, Purpose, RungName, State, Tool, Usage

Outcome: TypeAlias = Literal["right", "wrong", "open", "abstained", "failed"]
"""``open``: it disagreed with a reference answer, and nobody could be asked who is right."""
Source: TypeAlias = Literal["held_out", "shadow", "audit"]
Side: TypeAlias = Literal["shown", "held_out"]
UsageKey: TypeAlias = Literal[
    "purpose", "rung", "name", "version", "model", "job", "tenant", "request"
]


# --- tools -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredTool:
    """A tool with its place in the store. ``added_at`` is UTC, ISO 8601."""

    tool: Tool
    version: str
    state: State
    added_at: str


@dataclass(frozen=True, slots=True)
class ToolEvent:
    """One step in a tool's life, with what justified it.

    Attributes:
        event: ``add`` for the first, then events of the lifecycle.
        before: state before, None for ``add``.
    """

    version: str
    event: Literal["add"] | Event
    before: State | None
    after: State
    reason: str
    evidence: Json
    at: str


@dataclass(frozen=True, slots=True)
class Move:
    """A state that a version is to have, and why; ``evidence`` is plain data."""

    version: str
    state: State
    reason: str
    evidence: Json = None


@dataclass(frozen=True, slots=True)
class Addition:
    """A tool that is to be stored, the state it starts in, and why."""

    tool: Tool
    state: State
    reason: str
    evidence: Json = None


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in the database that is not what was written. ``subject`` is a version or
    ``database``."""

    subject: str
    problem: str


# --- cases and evidence ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CasesAdded:
    """What became of cases handed to the store.

    Attributes:
        added: how many are new.
        duplicates: how many were known.
        contradictions: the known case and the refused one with another answer.
    """

    added: int
    duplicates: int
    contradictions: tuple[Contradiction, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A tool's answer held against a reference answer."""

    version: str
    case_digest: str
    outcome: Outcome
    source: Source
    got: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Different cases by how a version fared; a case that was ever wrong is wrong."""

    right: int = 0
    wrong: int = 0
    abstained: int = 0
    failed: int = 0
    open: int = 0

    @property
    def compared(self) -> int:
        """Cases that were answered: the denominator of the error bound."""
        return self.right + self.wrong + self.open

    @property
    def doubtful(self) -> int:
        """Cases that may not count as right: the numerator of the error bound."""
        return self.wrong + self.open


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A comparison as it is on record. ``at`` is UTC, ISO 8601."""

    case_digest: str
    outcome: Outcome
    source: Source
    at: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is on record of one version at one moment; what decides on its state.

    Attributes:
        events, compared: in the order they came.
    """

    item: StoredTool
    events: tuple[ToolEvent, ...]
    compared: tuple[OnRecord, ...]


Decide: TypeAlias = Callable[[Standing], Move | None]
"""A pure decision on a version's state; None leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a making leaves behind in its class, all of it or none.

    Attributes:
        shown, held_out: the cases of the class by what an author has seen.
        added: tools to be stored.
        moved: states that change.
        compared: answers of tools that are stored, the added ones included.
        anew: forget the class's cases first.
    """

    name: str
    shown: tuple[Case, ...]
    held_out: tuple[Case, ...]
    added: tuple[Addition, ...] = ()
    moved: tuple[Move, ...] = ()
    compared: tuple[Comparison, ...] = ()
    anew: bool = False


# --- usage -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one request or model call used.

    Attributes:
        name: the request class, ``version`` the tool, when one is concerned.
        cost_usd: money spent, None when a price is unknown.
        avoided_usd: what the upstream would have charged, None when unknown.
        job: the job that it belongs to, such as a making job.
        at: UTC, ISO 8601; None: when it is stored.
        tenant: whose request it was; ``request`` its id, as the client was told.
    """

    purpose: Purpose
    rung: RungName | None = None
    name: str | None = None
    version: str | None = None
    model: str | None = None
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    avoided_usd: Decimal | None = Decimal(0)
    job: str | None = None
    at: str | None = None
    tenant: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Money:
    """A sum of dollars of which ``unknown`` summands have no known amount."""

    known: Decimal = Decimal(0)
    unknown: int = 0

    @property
    def usd(self) -> Decimal | None:
        """The sum, None when a part of it is unknown."""
        return None if self.unknown else self.known

    def __add__(self, other: Money) -> Money:
        return Money(self.known + other.known, self.unknown + other.unknown)

    @classmethod
    def of(cls, amount: Decimal | None) -> Money:
        """One amount, None when it is unknown."""
        return cls(unknown=1) if amount is None else cls(amount)


@dataclass(frozen=True, slots=True)
class UsageSum:
    """Rows added up."""

    rows: int = 0
    usage: Usage = Usage()
    cost: Money = Money()
    avoided: Money = Money()

    def __add__(self, other: UsageSum) -> UsageSum:
        return UsageSum(
            self.rows + other.rows,
            self.usage + other.usage,
            self.cost + other.cost,
            self.avoided + other.avoided,
        )

    @classmethod
    def of(cls, row: UsageRow) -> UsageSum:
        """The sum of one row."""
        return cls(1, row.usage, Money.of(row.cost_usd), Money.of(row.avoided_usd))


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """What rows are added up by for the ledger.

    Attributes:
        name: the request class, and so its tools; None where none is concerned.
        tenant: whose requests; None for nobody's in particular.
    """

    purpose: Purpose
    rung: RungName | None = None
    name: str | None = None
    tenant: str | None = None

    @classmethod
    def of(cls, row: UsageRow) -> UsageGroup:
        """The group of a row."""
        return cls(row.purpose, row.rung, row.name, row.tenant)


@dataclass(frozen=True, slots=True)
class UsageNews:
    """Sums of the rows that have come after another one.

    Attributes:
        last: number of the newest row.
        since: of these rows only the ones of a time or later.
    """

    last: int
    sums: Mapping[UsageGroup, UsageSum]
    since: Mapping[UsageGroup, UsageSum]
