"""The values of what was observed: misses, what stands around them, classes.

Nothing flows in. Invariant: plain immutable values; money that is unknown is counted as
unknown, as in `latm.store.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from latm.store.rows import UsageSum
from latm.types import Template, Usage

ClassState: TypeAlias = Literal["open", "making", "made", "refused"]
"""open: may be made · making: a job is at it · made: has tools · refused: no tool could be made."""
FormKind: TypeAlias = Literal["json", "frame", "value", "unstable"]
"""What the answers of a class have in common; see `latm.making.form`."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that stands around a question: what its fingerprint is the key of.

    Attributes:
        instructions: as far as they are kept, for people.
        form: parameters that change the right answer, canonical JSON; empty without any.
    """

    fingerprint: str
    tenant: str
    model: str
    instructions: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Miss:
    """A question that the upstream answered.

    Attributes:
        cost_usd: None when it is unknown.
        at: UTC, ISO 8601; now when empty.
        number: in the store; 0 before it is there.
    """

    fingerprint: str
    question: str
    answer: str
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    at: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Born:
    """A class that was found, and its name from now on."""

    name: str
    fingerprint: str
    template: Template


@dataclass(frozen=True, slots=True)
class Grouping:
    """What grouping came to.

    Attributes:
        grown: templates that cover more than before, by class.
        joined: the class of each miss, by its number.
        gone: numbers of misses that are no longer kept.
        dropped: classes that are no longer kept, unless there are tools or a job.
    """

    born: tuple[Born, ...] = ()
    grown: Mapping[str, Template] = field(default_factory=dict[str, Template])
    joined: Mapping[int, str] = field(default_factory=dict[int, str])
    gone: tuple[int, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestClass:
    """A class of requests as it was observed.

    Attributes:
        form_kind: None as long as too few answers are known; ``form`` its JSON text.
        reason: why the class is in its state; one line.
        cases: different questions, kept or not; an estimate once more came than are kept.
        spent: what the upstream took for them.
        first_at: UTC, ISO 8601; ``last_at`` likewise.
    """

    name: str
    context: Context
    template: Template
    form_kind: FormKind | None
    form: str
    state: ClassState
    reason: str
    cases: int
    spent: UsageSum
    first_at: str
    last_at: str

    @property
    def requests(self) -> int:
        return self.spent.rows


@dataclass(frozen=True, slots=True)
class Kept:
    """A question of a class that is kept, with the answer that came first.

    Attributes:
        seen: how often it came; ``disputed``: how often with another answer.
    """

    question: str
    answer: str
    seen: int = 1
    disputed: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """How much is recorded.

    Attributes:
        waiting: misses that belong to no class yet.
        withheld: misses that were not kept, because of what they hold.
    """

    waiting: int
    classes: int
    kept: int
    withheld: int
