"""Repository of cases: the questions of a class with their reference answers.

`Case`s flow in by class, and out again in the order they came. Invariant: a class holds a
question once; a case that contradicts the one on record is handed back, not stored; and a
case that an author was shown never becomes a held-out one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from latm.cases import question_digest, sift
from latm.store.connection import Database, insert_new
from latm.store.rows import CasesAdded, Side
from latm.store.schema import class_case as cases
from latm.types import Case, Origin

_BATCH = 500
"""Rows of one statement; SQLite bounds the number of its variables."""


@dataclass(frozen=True, slots=True)
class CaseBook:
    """Cases by class name."""

    _database: Database

    async def add(self, name: str, added: Iterable[Case]) -> CasesAdded:
        """Store cases of a class; duplicates are left out, contradictions handed back."""
        async with self._database.write() as connection:
            return await self.insert(connection, name, added)

    async def insert(
        self, connection: AsyncConnection, name: str, added: Iterable[Case]
    ) -> CasesAdded:
        """`add`, in a transaction that is open."""
        file = sift(name, added)
        count, known, contradictions = 0, len(file.duplicates), list(file.contradictions)
        for start in range(0, len(file.cases), _BATCH):
            batch = file.cases[start : start + _BATCH]
            on_record = await _on_record(connection, name, batch)
            merged = sift(name, [*on_record, *batch])
            new = merged.cases[len(on_record) :]
            if new:
                rows = [self._row(name, case) for case in new]
                await connection.execute(insert_new(cases, rows))
            count += len(new)
            known += len(merged.duplicates)
            contradictions += merged.contradictions
        return CasesAdded(count, known, tuple(contradictions))

    async def of(self, name: str, limit: int | None = None) -> tuple[Case, ...]:
        """The cases of a class, in the order they came; none for an unknown class."""
        query = sa.select(cases).where(cases.c.name == name).order_by(cases.c.number).limit(limit)
        async with self._database.read() as connection:
            return tuple(_case(row) for row in await connection.execute(query))

    async def sides(self, name: str) -> dict[str, Side | None]:
        """Of each case of a class its side, by `question_digest`; None: not dealt yet."""
        query = sa.select(cases.c.digest, cases.c.side).where(cases.c.name == name)
        async with self._database.read() as connection:
            return {row.digest: row.side for row in await connection.execute(query)}

    async def deal(
        self,
        connection: AsyncConnection,
        name: str,
        sides: Iterable[tuple[Case, Side]],
        *,
        anew: bool = False,
    ) -> None:
        """Store cases with their sides, in a transaction that is open.

        Parameters:
            anew: forget the cases of the class first, and what was shown of them.
        """
        if anew:
            await connection.execute(cases.delete().where(cases.c.name == name))
        rows = [self._row(name, case, side) for case, side in sides]
        for start in range(0, len(rows), _BATCH):
            await connection.execute(insert_new(cases, rows[start : start + _BATCH]))
        for side in ("held_out", "shown"):
            free = cases.c.side.is_(None) | (cases.c.side == "held_out")
            dealt = [row["digest"] for row in rows if row["side"] == side]
            for start in range(0, len(dealt), _BATCH):
                these = cases.c.digest.in_(dealt[start : start + _BATCH])
                await connection.execute(
                    cases.update().where(cases.c.name == name, these, free).values(side=side)
                )

    async def counts(self) -> dict[str, int]:
        """Number of cases by class."""
        query = sa.select(cases.c.name, sa.func.count()).group_by(cases.c.name)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def undealt(self) -> dict[str, int]:
        """By class, the number of cases that no making has dealt yet; only classes with some."""
        query = sa.select(cases.c.name, sa.func.count()).where(cases.c.side.is_(None))
        async with self._database.read() as connection:
            rows = await connection.execute(query.group_by(cases.c.name))
            return {row[0]: row[1] for row in rows}

    def _row(self, name: str, case: Case, side: Side | None = None) -> dict[str, Any]:
        return {
            "name": name,
            "digest": question_digest(case.question),
            "question": case.question,
            "answer": case.answer,
            "source": case.origin.source if case.origin else None,
            "line": case.origin.line if case.origin else None,
            "at": self._database.now(),
            "side": side,
        }


async def _on_record(
    connection: AsyncConnection, name: str, batch: Sequence[Case]
) -> tuple[Case, ...]:
    digests = [question_digest(case.question) for case in batch]
    query = sa.select(cases).where(cases.c.name == name, cases.c.digest.in_(digests))
    return tuple(_case(row) for row in await connection.execute(query))


def _case(row: sa.Row[Any]) -> Case:
    origin = None if row.source is None else Origin(row.source, row.line)
    return Case(row.question, row.answer, origin)
