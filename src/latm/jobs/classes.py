"""What jobs need to know of observed classes.

Classes and their cases flow in from where they were recorded, their states flow back.
Invariant: the part that records, and the parts that make, know each other by this alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from latm.making.demand import Traffic
from latm.store import Store
from latm.types import Case

ClassState: TypeAlias = Literal["open", "making", "made", "refused"]
"""open: may be made · making: a job is at it · made: has tools · refused: no tool could be made."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A class of requests whose answers have a stable form.

    Attributes:
        fingerprint: class key of its requests: whose they are, of which model, with which
            instructions.
    """

    traffic: Traffic
    fingerprint: str


class Classes(Protocol):
    """The observed classes."""

    async def ready(self) -> Sequence[Observed]:
        """The classes without tools that one could be made for, in any order."""
        ...

    async def observed(self, name: str) -> Observed | None:
        """A class in whatever state; None for an unknown one."""
        ...

    async def cases_of(self, name: str) -> Sequence[Case]:
        """The cases that are kept of a class; none for an unknown one."""
        ...

    async def set_state(self, name: str, state: ClassState, reason: str) -> None:
        """Put on record how a class stands; nothing happens for an unknown one."""
        ...


class NothingObserved:
    """No observed classes: only what is in the toolbox can be mended."""

    async def ready(self) -> Sequence[Observed]:
        return ()

    async def observed(self, name: str) -> Observed | None:
        del name
        return None

    async def cases_of(self, name: str) -> Sequence[Case]:
        del name
        return ()

    async def set_state(self, name: str, state: ClassState, reason: str) -> None:
        del name, state, reason


def recorded(store: Store) -> Classes:
    """The classes that the gateway has recorded in a store."""
    del store
    return NothingObserved()
