"""Repository of observations: misses, and the classes that they were grouped into.

Misses flow in as they happen; whoever holds the lease reads them and hands back a
`Grouping`; classes with their kept questions flow out. Invariants: a miss counts once,
however often a process is killed; classes of two fingerprints, and so of two tenants, share
nothing; one process at a time groups, and it notices when somebody else changed a class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from latm.identity import canonical_json, plain
from latm.store.connection import Database, insert_new
from latm.store.joining import join, miss_of, row_of
from latm.store.observed import (
    Born,
    ClassState,
    Context,
    FormKind,
    Grouping,
    Kept,
    Miss,
    Recorded,
    RequestClass,
)
from latm.store.rows import Money, UsageSum
from latm.store.schema import lease, miss, observation, request_class, request_context
from latm.store.usage import usd_of
from latm.types import Template, Usage

_BATCH = 500
"""Rows of one statement; SQLite bounds the number of its variables."""
_LEASE = "collector"
_TEMPLATE = TypeAdapter(Template)
_KEEPS: tuple[ClassState, ...] = ("making", "made")
_STABLE: tuple[FormKind, ...] = ("json", "frame", "value")


@dataclass(frozen=True, slots=True)
class Observations:
    """What was observed, and what it was grouped into."""

    _database: Database

    # --- recording -----------------------------------------------------------------------

    async def record(
        self,
        misses: Sequence[Miss],
        contexts: Sequence[Context] = (),
        withheld: Mapping[str, int] | None = None,
    ) -> None:
        """Put misses on record, to be grouped; all or none.

        Parameters:
            contexts: of fingerprints that may be new, or were not heard of for long.
            withheld: how many misses of a fingerprint were not to be kept.

        Raises:
            InputError: a cost is no amount of money.
        """
        now = self._database.now()
        async with self._database.write() as connection:
            for start in range(0, len(contexts), _BATCH):
                rows = [_context_row(one, now) for one in contexts[start : start + _BATCH]]
                await connection.execute(insert_new(request_context, rows))
                these = request_context.c.fingerprint.in_([row["fingerprint"] for row in rows])
                await connection.execute(request_context.update().where(these).values(last_at=now))
            if misses:
                await connection.execute(miss.insert(), [row_of(one, now) for one in misses])
            for fingerprint, count in (withheld or {}).items():
                more = {"withheld": request_context.c.withheld + count, "last_at": now}
                of_it = request_context.c.fingerprint == fingerprint
                await connection.execute(request_context.update().where(of_it).values(more))

    async def recorded(self) -> Recorded:
        """How much there is."""
        query = sa.select(
            sa.select(sa.func.count()).select_from(miss).scalar_subquery(),
            sa.select(sa.func.count()).select_from(request_class).scalar_subquery(),
            sa.select(sa.func.count()).select_from(observation).scalar_subquery(),
            sa.select(sa.func.coalesce(sa.func.sum(request_context.c.withheld), 0))
            .select_from(request_context)
            .scalar_subquery(),
        )
        async with self._database.read() as connection:
            return Recorded(*map(int, (await connection.execute(query)).one()))

    # --- grouping ------------------------------------------------------------------------

    async def take(self, holder: str, seconds: float) -> bool:
        """Whether the caller may group from now on: nobody else does."""
        now = self._database.now()
        values = {"name": _LEASE, "holder": holder, "until": self._until(seconds)}
        free = sa.and_(lease.c.name == _LEASE, lease.c.until < now)
        held = sa.select(sa.func.count()).where(lease.c.name == _LEASE, lease.c.until >= now)
        async with self._database.read() as connection:
            if await connection.scalar(held):
                return False
        async with self._database.write() as connection:
            await connection.execute(lease.delete().where(free))
            return (await connection.execute(insert_new(lease, [values]))).rowcount > 0

    async def hold(self, holder: str, seconds: float) -> bool:
        """Whether the caller may still group, and all classes are as it left them."""
        mine = (lease.c.name == _LEASE) & (lease.c.holder == holder)
        mine &= lease.c.until >= self._database.now()
        values = {"until": self._until(seconds)}
        half = self._until(seconds / 2)
        async with self._database.read() as connection:
            if await connection.scalar(sa.select(lease.c.until).where(mine, lease.c.until > half)):
                return True
        async with self._database.write() as connection:
            held = await connection.execute(lease.update().where(mine).values(values))
        return held.rowcount > 0

    async def release(self, holder: str) -> None:
        """Let others group."""
        async with self._database.write() as connection:
            await connection.execute(lease.delete().where(lease.c.holder == holder))

    async def backlog(self) -> int:
        """How many misses belong to no class yet."""
        async with self._database.read() as connection:
            return await connection.scalar(sa.select(sa.func.count()).select_from(miss)) or 0

    async def waiting(self, after: int, limit: int) -> tuple[Miss, ...]:
        """Misses in the order they came, behind a number."""
        query = sa.select(miss).where(miss.c.number > after).order_by(miss.c.number).limit(limit)
        async with self._database.read() as connection:
            return tuple(map(miss_of, await connection.execute(query)))

    async def settle(self, holder: str, grouping: Grouping, most: int) -> dict[str, int] | None:
        """Put on record what grouping came to, in one transaction.

        Parameters:
            most: different questions that are kept of a class.

        Returns:
            The number of different questions of each class that misses joined; None, and
            nothing written, when the lease is somebody else's by now or a class is gone.
        """
        now = self._database.now()
        async with self._database.write() as connection:
            held = sa.select(lease.c.holder).where(lease.c.name == _LEASE, lease.c.until >= now)
            if await connection.scalar(held) != holder:
                return None
            for born in grouping.born:
                # One that was out of sight, and is found again, is there already.
                await connection.execute(insert_new(request_class, [_class_row(born, now)]))
            for name, template in grouping.grown.items():
                await connection.execute(_of(name).values(template=_written(template)))
            cases = await join(connection, grouping.joined, most)
            await _delete(connection, miss.c.number, [*grouping.joined, *grouping.gone])
            await _drop(connection, grouping.dropped)
        return cases

    async def set_form(self, name: str, kind: FormKind, form: str) -> None:
        """Put on record what the answers of a class have in common."""
        async with self._database.write() as connection:
            await connection.execute(_of(name).values(form_kind=kind, form=form))

    # --- classes -------------------------------------------------------------------------

    async def classes(self, *, toolable: bool = False) -> tuple[RequestClass, ...]:
        """All classes, those with the most requests first.

        Parameters:
            toolable: only those without tools and jobs whose answers have a stable form.
        """
        query = _CLASSES.order_by(request_class.c.requests.desc(), request_class.c.name)
        if toolable:
            free = request_class.c.state.in_(("open", "refused"))
            query = query.where(free, request_class.c.form_kind.in_(_STABLE))
        async with self._database.read() as connection:
            return tuple(map(_class, await connection.execute(query)))

    async def get(self, name: str) -> RequestClass | None:
        """A class by its name; None for an unknown one."""
        async with self._database.read() as connection:
            row = (await connection.execute(_CLASSES.where(request_class.c.name == name))).first()
        return None if row is None else _class(row)

    async def kept(self, name: str, limit: int | None = None) -> tuple[Kept, ...]:
        """Questions of a class that are kept, in an order that says nothing."""
        c = observation.c
        query = sa.select(c.question, c.answer, c.seen, c.disputed).where(c["class"] == name)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(c.digest).limit(limit))
            return tuple(Kept(*row) for row in rows)

    async def questions(self, each: int) -> dict[str, tuple[str, ...]]:
        """Of every class a few of its kept questions."""
        c = observation.c
        rank = sa.func.row_number().over(partition_by=c["class"], order_by=c.digest)
        ranked = sa.select(c["class"].label("of"), c.question, rank.label("rank")).subquery()
        query = sa.select(ranked.c.of, ranked.c.question).where(ranked.c.rank <= each)
        found: defaultdict[str, list[str]] = defaultdict(list)
        async with self._database.read() as connection:
            for name, question in await connection.execute(query.order_by(ranked.c.rank)):
                found[name].append(question)
        return {name: tuple(texts) for name, texts in found.items()}

    async def set_state(self, name: str, state: ClassState, reason: str) -> None:
        """Put on record how a class stands; nothing happens for an unknown one."""
        async with self._database.write() as connection:
            await connection.execute(_of(name).values(state=state, reason=reason))
            await _break(connection)

    async def forget(self, name: str) -> bool:
        """Drop a class and what is kept of it; whether there was one."""
        async with self._database.write() as connection:
            gone = await connection.execute(
                request_class.delete().where(request_class.c.name == name)
            )
            await _delete(connection, observation.c["class"], [name])
            await _break(connection)
        return gone.rowcount > 0

    async def prune(self, before: str) -> int:
        """Drop what is older than a time; classes with tools or a job stay, without questions.

        Parameters:
            before: UTC, ISO 8601.

        Returns:
            How many questions and classes are gone.
        """
        old = (request_class.c.last_at < before) & request_class.c.state.not_in(_KEEPS)
        used = sa.union(sa.select(request_class.c.fingerprint), sa.select(miss.c.fingerprint))
        unused = request_context.c.fingerprint.not_in(used) & (request_context.c.last_at < before)
        async with self._database.write() as connection:
            misses = await connection.execute(miss.delete().where(miss.c.at < before))
            kept = await connection.execute(observation.delete().where(observation.c.at < before))
            classes = await connection.execute(request_class.delete().where(old))
            await connection.execute(request_context.delete().where(unused))
            gone = misses.rowcount + kept.rowcount + classes.rowcount
            if gone:
                await _break(connection)
        return gone

    def _until(self, seconds: float) -> str:
        until = self._database.clock() + timedelta(seconds=seconds)
        return until.astimezone(UTC).isoformat(timespec="microseconds")


# --- rows --------------------------------------------------------------------------------


async def _delete(
    connection: AsyncConnection, column: sa.Column[Any], values: Sequence[int | str]
) -> None:
    for start in range(0, len(values), _BATCH):
        these = column.in_(values[start : start + _BATCH])
        await connection.execute(sa.delete(column.table).where(these))


async def _drop(connection: AsyncConnection, names: Sequence[str]) -> None:
    """Delete classes, unless there are tools or a job."""
    c = request_class.c
    for start in range(0, len(names), _BATCH):
        these = c.name.in_(names[start : start + _BATCH]) & c.state.not_in(_KEEPS)
        found = list(await connection.scalars(sa.select(c.name).where(these)))
        await connection.execute(request_class.delete().where(c.name.in_(found)))
        await connection.execute(observation.delete().where(observation.c["class"].in_(found)))


async def _break(connection: AsyncConnection) -> None:
    """Classes were changed: whoever groups has to read them anew."""
    await connection.execute(lease.delete().where(lease.c.name == _LEASE))


_CLASSES = sa.select(
    request_class,
    request_context.c.tenant,
    request_context.c.model,
    request_context.c.instructions,
    request_context.c.form.label("asked_form"),
).join_from(
    request_class,
    request_context,
    request_class.c.fingerprint == request_context.c.fingerprint,
    isouter=True,
)


def _of(name: str) -> sa.Update:
    return request_class.update().where(request_class.c.name == name)


def _written(template: Template) -> str:
    return canonical_json(plain(template))


def _context_row(context: Context, now: str) -> dict[str, Any]:
    return {
        "fingerprint": context.fingerprint,
        "tenant": context.tenant,
        "model": context.model,
        "instructions": context.instructions,
        "form": context.form,
        "withheld": 0,
        "last_at": now,
    }


def _class_row(born: Born, now: str) -> dict[str, Any]:
    counts = ("requests", "cases", "cost_pico_usd", "unpriced")
    tokens = ("input_tokens", "cached_tokens", "output_tokens")
    return {
        "name": born.name,
        "fingerprint": born.fingerprint,
        "template": _written(born.template),
        "state": "open",
        "reason": "",
        "first_at": now,
        "last_at": "",
        **dict.fromkeys((*counts, *tokens), 0),
    }


def _class(row: sa.Row[Any]) -> RequestClass:
    usage = Usage(row.input_tokens, row.cached_tokens, row.output_tokens)
    return RequestClass(
        name=row.name,
        context=Context(
            row.fingerprint,
            row.tenant or "",
            row.model or "",
            row.instructions or "",
            row.asked_form or "",
        ),
        template=_TEMPLATE.validate_json(row.template),
        form_kind=row.form_kind,
        form=row.form or "",
        state=row.state,
        reason=row.reason,
        cases=row.cases,
        spent=UsageSum(row.requests, usage, Money(usd_of(row.cost_pico_usd), row.unpriced)),
        first_at=row.first_at,
        last_at=row.last_at,
    )
