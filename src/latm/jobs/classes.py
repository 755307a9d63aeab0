"""What jobs need to know of observed classes.

Classes and their cases flow in from where they were recorded, their states flow back.
Invariant: the part that records, and the parts that make, know each other by this alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from latm.making.demand import Traffic
from latm.making.form import Form
from latm.store import Store
from latm.store.connection import utc_now
from latm.store.observations import Observations
from latm.store.observed import ClassState, RequestClass
from latm.types import Case, Origin


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


@dataclass(frozen=True, slots=True)
class RecordedClasses:
    """The classes that the gateway has recorded."""

    observations: Observations
    now: Callable[[], datetime] = utc_now

    async def ready(self) -> Sequence[Observed]:
        """See `Classes`."""
        return [self._seen(one) for one in await self.observations.classes(toolable=True)]

    async def observed(self, name: str) -> Observed | None:
        """See `Classes`."""
        found = await self.observations.get(name)
        return None if found is None else self._seen(found)

    async def cases_of(self, name: str) -> Sequence[Case]:
        """See `Classes`; what was answered in two ways, or not in the class's form, is no case."""
        found, kept = await self.observations.get(name), await self.observations.kept(name)
        form = Form.of(found.form) if found and found.form else None
        of_form = [one for one in kept if form is None or not form.stable or form.fits(one.answer)]
        origin = Origin("observed")
        return [Case(one.question, one.answer, origin) for one in of_form if not one.disputed]

    async def set_state(self, name: str, state: ClassState, reason: str) -> None:
        """See `Classes`."""
        await self.observations.set_state(name, state, reason)

    def _seen(self, found: RequestClass) -> Observed:
        since = datetime.fromisoformat(found.first_at)
        usd = found.spent.cost.usd
        each = max(1, found.requests)
        traffic = Traffic(
            found.name,
            found.cases,
            found.requests,
            (self.now() - since).total_seconds(),
            Decimal(found.spent.usage.total) / each,
            None if usd is None else usd / each,
        )
        return Observed(traffic, found.context.fingerprint)


def recorded(store: Store) -> Classes:
    """The classes that the gateway has recorded in a store."""
    return RecordedClasses(store.observations)
