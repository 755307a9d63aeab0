"""Repository of usage: tokens and money of every model call and every request.

`UsageRow`s flow in in batches, `UsageSum`s flow out. Invariant: rows are only appended,
money adds up exactly (integers of pico-dollars), and rows of unknown cost are counted
apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

import sqlalchemy as sa

from latm.errors import InputError
from latm.store.connection import Database
from latm.store.rows import Money, UsageGroup, UsageKey, UsageNews, UsageRow, UsageSum
from latm.store.schema import usage as table
from latm.types import Purpose, Usage

_PICO = 12
_EXACT = Context(prec=40)
_MOST_USD = (2**63 - 1) // 10**_PICO


@dataclass(frozen=True, slots=True)
class UsageBook:
    """What was used, for what."""

    _database: Database

    async def append(self, rows: Sequence[UsageRow]) -> None:
        """Put rows on record, all or none.

        Raises:
            InputError: an amount of money is negative, not finite or beyond 9 million dollars.
        """
        now = self._database.now()
        values = [usage_values(row, now) for row in rows]
        if values:
            async with self._database.write() as connection:
                await connection.execute(table.insert(), values)

    async def sums(
        self,
        by: Sequence[UsageKey] = (),
        *,
        name: str | None = None,
        job: str | None = None,
    ) -> dict[tuple[str | None, ...], UsageSum]:
        """Add rows up.

        Parameters:
            by: the columns to group by; keys of the result are their values, in this order.
            name: only rows of this class.
            job: only rows of this job.
        """
        keys = [table.c[key] for key in by]
        query = sa.select(*keys, *_SUMS).group_by(*keys).order_by(*keys)
        if name is not None:
            query = query.where(table.c.name == name)
        if job is not None:
            query = query.where(table.c.job == job)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        sums = {tuple(row[: len(by)]): _sum(row[len(by) :]) for row in rows}
        return {key: total for key, total in sums.items() if total.rows}

    async def news(self, after: int, *, since: str) -> UsageNews:
        """Add up the rows that are newer than a number; takes as long as there are such rows.

        Parameters:
            after: number of the last row that is known; 0 for all.
            since: UTC, ISO 8601; rows from then on are added up apart, too.
        """
        c = table.c
        recent = sa.case((c.at >= since, 1), else_=0)
        keys = (c.purpose, c.rung, c.name, c.tenant, recent)
        async with self._database.read() as connection:
            last = await connection.scalar(sa.select(sa.func.max(c.number))) or 0
            # Rows are numbered in the order in which they are written, never behind a reader.
            query = sa.select(*keys, *_SUMS).where(c.number > after, c.number <= last)
            rows = (await connection.execute(query.group_by(*keys))).all() if last > after else ()
        sums: dict[UsageGroup, UsageSum] = {}
        newer: dict[UsageGroup, UsageSum] = {}
        for row in rows:
            group, summed = UsageGroup(*row[:4]), _sum(row[5:])
            sums[group] = sums.get(group, UsageSum()) + summed
            if row[4]:
                newer[group] = summed
        return UsageNews(last, sums, newer)

    async def since(self, at: str, purpose: Purpose) -> UsageSum:
        """Add up the rows of one purpose from a time on.

        Parameters:
            at: UTC, ISO 8601.
        """
        query = sa.select(*_SUMS).where(table.c.at >= at, table.c.purpose == purpose)
        async with self._database.read() as connection:
            return _sum((await connection.execute(query)).one())

    async def total(self, *, name: str | None = None, job: str | None = None) -> UsageSum:
        """All rows of a class or a job, added up."""
        return (await self.sums(name=name, job=job)).get((), UsageSum())


def usage_values(row: UsageRow, now: str) -> dict[str, Any]:
    """The columns of a row."""
    return {
        "purpose": row.purpose,
        "rung": row.rung,
        "name": row.name,
        "version": row.version,
        "model": row.model,
        "job": row.job,
        "tenant": row.tenant,
        "request": row.request,
        "input_tokens": row.usage.input,
        "cached_tokens": row.usage.cached_input,
        "output_tokens": row.usage.output,
        "cost_pico_usd": pico_of(row.cost_usd),
        "avoided_pico_usd": pico_of(row.avoided_usd),
        "at": row.at or now,
    }


_SUMS = (
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(table.c.input_tokens), 0),
    sa.func.coalesce(sa.func.sum(table.c.cached_tokens), 0),
    sa.func.coalesce(sa.func.sum(table.c.output_tokens), 0),
    sa.func.coalesce(sa.func.sum(table.c.cost_pico_usd), 0),
    sa.func.count(table.c.cost_pico_usd),
    sa.func.coalesce(sa.func.sum(table.c.avoided_pico_usd), 0),
    sa.func.count(table.c.avoided_pico_usd),
)


def _sum(row: Sequence[int]) -> UsageSum:
    count, tokens_in, cached, tokens_out, cost, cost_known, avoided, avoided_known = map(int, row)
    return UsageSum(
        count,
        Usage(tokens_in, cached, tokens_out),
        Money(usd_of(cost), count - cost_known),
        Money(usd_of(avoided), count - avoided_known),
    )


def pico_of(amount: Decimal | None) -> int | None:
    """An amount of US dollars as an integer.

    Raises:
        InputError: it is negative, not finite or beyond 9 million dollars.
    """
    if amount is None:
        return None
    if not amount.is_finite() or amount < 0 or amount > _MOST_USD:
        raise InputError(f"{amount} is not an amount of US dollars; give one from 0 to 9 million")
    return int(amount.scaleb(_PICO, _EXACT).to_integral_value())


def usd_of(pico: int) -> Decimal:
    """The amount of US dollars of an integer."""
    return Decimal(pico).scaleb(-_PICO, _EXACT)
