"""Joining: misses become observations of their classes.

Misses with their classes flow in, within an open transaction; how many different questions
each class has flows out. Invariants: a miss is counted once; what is kept of a class is
bounded, and is a sample of its different questions that does not depend on their order.

The sample is the questions of the smallest digests (a bottom-k sketch): a question that is
left out once never comes back, so the rank of the last one also tells how many there were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from latm.answers import same
from latm.cases import question_digest
from latm.store.connection import insert_new
from latm.store.observed import Miss
from latm.store.schema import miss, observation, request_class
from latm.store.usage import pico_of, usd_of
from latm.types import Usage

_BATCH = 500


async def join(connection: AsyncConnection, joined: Mapping[int, str], most: int) -> dict[str, int]:
    """Count misses to their classes and keep their questions; how many each class has now.

    Args:
        joined: the class of each miss, by its number.
        most: different questions that are kept of a class.
    """
    by_class: defaultdict[str, list[Miss]] = defaultdict(list)
    numbers = list(joined)
    for start in range(0, len(numbers), _BATCH):
        these = miss.c.number.in_(numbers[start : start + _BATCH])
        for row in await connection.execute(sa.select(miss).where(these).order_by(miss.c.number)):
            by_class[joined[row.number]].append(miss_of(row))
    cases: dict[str, int] = {}
    for name, misses in by_class.items():
        await _keep(connection, name, misses)
        cases[name] = await _bound(connection, name, most)
        await connection.execute(
            request_class.update()
            .where(request_class.c.name == name)
            .values(_counted(misses, cases[name]))
        )
    return cases


async def _keep(connection: AsyncConnection, name: str, misses: Sequence[Miss]) -> None:
    c = observation.c
    known: dict[str, _Tally] = {}
    digests = [question_digest(one.question) for one in misses]
    for start in range(0, len(digests), _BATCH):
        these = c.digest.in_(digests[start : start + _BATCH])
        query = sa.select(c.digest, c.answer).where(c["class"] == name, these)
        for digest, answer in await connection.execute(query):
            known[digest] = _Tally(answer)
    new: dict[str, dict[str, Any]] = {}
    for digest, one in zip(digests, misses, strict=True):
        if digest in known:
            known[digest].add(one)
            continue
        known[digest] = _Tally(one.answer)
        new[digest] = {
            "class": name,
            "digest": digest,
            "question": one.question,
            "answer": one.answer,
            "seen": 1,
            "disputed": 0,
            "at": one.at,
        }
    rows = list(new.values())
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert_new(observation, rows[start : start + _BATCH]))
    for digest, tally in known.items():
        if tally.seen:
            more = {"seen": c.seen + tally.seen, "disputed": c.disputed + tally.disputed}
            of_it = (c["class"] == name) & (c.digest == digest)
            await connection.execute(observation.update().where(of_it).values(more))


@dataclass(slots=True)
class _Tally:
    """How often a question came again, and how often with another answer."""

    answer: str
    seen: int = 0
    disputed: int = 0

    def add(self, again: Miss) -> None:
        self.seen += 1
        self.disputed += not same(self.answer, again.answer)


async def _bound(connection: AsyncConnection, name: str, most: int) -> int:
    """Keep the questions of the smallest digests; how many different ones came, about."""
    c = observation.c
    mine = c["class"] == name
    kept = await connection.scalar(sa.select(sa.func.count()).where(mine)) or 0
    if kept < most:
        return kept
    ranked = sa.select(c.digest).where(mine).order_by(c.digest)
    last = await connection.scalar(ranked.limit(1).offset(most - 1))
    await connection.execute(observation.delete().where(mine, c.digest > last))
    return most if kept == most else _estimate(str(last), most)


def _estimate(last: str, most: int) -> int:
    """How many different digests there were, when this one is the last of the smallest."""
    share = int(last[:16], 16) / 16**16
    return max(most, round((most - 1) / share)) if share else most


def _counted(misses: Sequence[Miss], cases: int) -> dict[str, Any]:
    c = request_class.c
    costs = [one.cost_usd for one in misses]
    known = sum(pico_of(cost) or 0 for cost in costs)
    return {
        "requests": c.requests + len(misses),
        "cases": sa.case((c.cases < cases, cases), else_=c.cases),
        "input_tokens": c.input_tokens + sum(one.usage.input for one in misses),
        "cached_tokens": c.cached_tokens + sum(one.usage.cached_input for one in misses),
        "output_tokens": c.output_tokens + sum(one.usage.output for one in misses),
        "cost_pico_usd": c.cost_pico_usd + known,
        "unpriced": c.unpriced + sum(cost is None for cost in costs),
        "first_at": sa.func.min(c.first_at, min(one.at for one in misses)),
        "last_at": sa.func.max(c.last_at, max(one.at for one in misses)),
    }


def row_of(one: Miss, now: str) -> dict[str, Any]:
    """The columns of a miss."""
    return {
        "fingerprint": one.fingerprint,
        "question": one.question,
        "answer": one.answer,
        "input_tokens": one.usage.input,
        "cached_tokens": one.usage.cached_input,
        "output_tokens": one.usage.output,
        "cost_pico_usd": pico_of(one.cost_usd),
        "at": one.at or now,
    }


def miss_of(row: sa.Row[Any]) -> Miss:
    """The miss of a row."""
    return Miss(
        row.fingerprint,
        row.question,
        row.answer,
        Usage(row.input_tokens, row.cached_tokens, row.output_tokens),
        None if row.cost_pico_usd is None else usd_of(row.cost_pico_usd),
        row.at,
        row.number,
    )
