"""Repository of evidence: a tool's answers held against reference answers.

`Comparison`s flow in, `Counts` flow out. Invariant: comparisons are only appended, and a
case counts once for a version however often it is compared, so that repetition cannot
lower the error bound; once wrong, it stays wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from latm.store.connection import Database
from latm.store.rows import Comparison, Counts, OnRecord, Outcome, Source
from latm.store.schema import comparison as comparisons
from latm.store.schema import tool_event as events

_BY_WEIGHT: tuple[Outcome, ...] = ("abstained", "failed", "open", "right", "wrong")
_WEIGHT = sa.case(
    {outcome: weight for weight, outcome in enumerate(_BY_WEIGHT)}, value=comparisons.c.outcome
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Comparisons of all versions."""

    _database: Database

    async def append(self, compared: Iterable[Comparison]) -> None:
        """Put comparisons on record, all or none.

        Raises:
            StoreError: a version is not in the toolbox.
        """
        async with self._database.write() as connection:
            await self.insert(connection, compared)

    async def insert(self, connection: AsyncConnection, compared: Iterable[Comparison]) -> None:
        """`append`, in a transaction that is open."""
        at = self._database.now()
        rows = [{**asdict(one), "got": _storable(one.got), "at": at} for one in compared]
        if rows:
            await connection.execute(comparisons.insert(), rows)

    async def repeats(self, connection: AsyncConnection, one: Comparison, since: str) -> bool:
        """Whether the same question has come to the same after a time, in the same way."""
        c = comparisons.c
        query = sa.select(c.number).where(
            c.version == one.version,
            c.case_digest == one.case_digest,
            c.outcome == one.outcome,
            c.source == one.source,
            c.at > since,
        )
        return await connection.scalar(query.limit(1)) is not None

    async def records(self, connection: AsyncConnection, version: str) -> tuple[OnRecord, ...]:
        """All comparisons of a version, in the order they came."""
        c = comparisons.c
        query = sa.select(c.case_digest, c.outcome, c.source, c.at).where(c.version == version)
        return tuple(OnRecord(*row) for row in await connection.execute(query.order_by(c.number)))

    async def counts(self, version: str, *sources: Source) -> Counts:
        """How a version fared on different cases.

        Parameters:
            sources: only comparisons from these; from all when none is named.
        """
        condition = comparisons.c.version == version
        if sources:
            condition &= comparisons.c.source.in_(sources)
        by_case = (
            sa.select(sa.func.max(_WEIGHT).label("weight"))
            .where(condition)
            .group_by(comparisons.c.case_digest)
            .subquery()
        )
        query = sa.select(by_case.c.weight, sa.func.count()).group_by(by_case.c.weight)
        async with self._database.read() as connection:
            found = {row[0]: row[1] for row in await connection.execute(query)}
        return Counts(**{_BY_WEIGHT[weight]: count for weight, count in found.items()})

    async def since_live(self, version: str | None = None) -> dict[str, Counts]:
        """How versions fared on different questions since they went live, shadow runs and
        audits only; versions without any are left out.

        Parameters:
            version: this one alone.
        """
        c = comparisons.c
        went = (
            sa.select(events.c.version, sa.func.max(events.c.at).label("at"))
            .where(events.c.after == "live")
            .group_by(events.c.version)
            .subquery()
        )
        later = (c.at >= went.c.at) & (c.source != "held_out")
        if version is not None:
            later &= c.version == version
        by_case = (
            sa.select(c.version, sa.func.max(_WEIGHT).label("weight"))
            .join(went, went.c.version == c.version)
            .where(later)
            .group_by(c.version, c.case_digest)
            .subquery()
        )
        keys = (by_case.c.version, by_case.c.weight)
        query = sa.select(*keys, sa.func.count()).group_by(*keys)
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        async with self._database.read() as connection:
            for name, weight, count in await connection.execute(query):
                found[name][_BY_WEIGHT[weight]] = count
        return {name: Counts(**counted) for name, counted in found.items()}

    async def wrong(self, version: str) -> tuple[Comparison, ...]:
        """The comparisons that came out wrong, in order: cases for the next version."""
        c = comparisons.c
        query = (
            sa.select(c.version, c.case_digest, c.outcome, c.source, c.got)
            .where(c.version == version, c.outcome == "wrong")
            .order_by(c.number)
        )
        async with self._database.read() as connection:
            return tuple(Comparison(*row) for row in await connection.execute(query))


def _storable(text: str | None) -> str | None:
    """What a hostile tool gave, with whatever a database cannot hold spelt out."""
    if text is None:
        return None
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
