"""Journal of model calls: a job that was killed goes on without paying twice.

Replies flow in under a job and a key, and out again in the next run of the job. Invariants:
the reply and the usage it stands for are written in one transaction, so a reply is on
record either wholly or not at all, and its cost is counted once; a job that asks ``once``
has a call on record before it is made, and makes none twice.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Protocol

import sqlalchemy as sa

from latm.identity import canonical_json, digest
from latm.store.connection import Database, insert_new
from latm.store.rows import UsageRow
from latm.store.schema import journal as table
from latm.store.schema import usage as usage_table
from latm.store.usage import usage_values
from latm.types import ChatRequest, Purpose, Reply, Usage

_CHARS_A_TOKEN = 4
_NO_REPLY = ""
"""Stands for the reply of a call that is on record and has not returned."""


@dataclass(frozen=True, slots=True)
class Journal:
    """Replies by job and key."""

    _database: Database

    async def get(self, job: str, key: str) -> Reply | None:
        """The reply on record, None when there is none, or not yet."""
        query = sa.select(table.c.reply).where(table.c.job == job, table.c.key == key)
        async with self._database.read() as connection:
            text: str | None = await connection.scalar(query)
        return _read(text) if text else None

    async def begin(self, job: str, key: str) -> bool:
        """Put on record that a call is about to be made; False when that was on record."""
        row = {"job": job, "key": key, "reply": _NO_REPLY, "at": self._database.now()}
        async with self._database.write() as connection:
            return bool((await connection.execute(insert_new(table, [row]))).rowcount)

    async def withdraw(self, job: str, key: str) -> None:
        """The call that was begun came to nothing; it may be made again."""
        begun = (table.c.job == job) & (table.c.key == key) & (table.c.reply == _NO_REPLY)
        async with self._database.write() as connection:
            await connection.execute(table.delete().where(begun))

    async def put(self, job: str, key: str, reply: Reply, usage: UsageRow | None = None) -> None:
        """Put a reply on record, with its usage; the first reply under a key stays.

        Parameters:
            usage: written in the same transaction, and only when the reply is new.
        """
        now = self._database.now()
        row = {"job": job, "key": key, "reply": _written(reply), "at": now}
        begun = (table.c.job == job) & (table.c.key == key) & (table.c.reply == _NO_REPLY)
        async with self._database.write() as connection:
            await connection.execute(table.delete().where(begun))
            result = await connection.execute(insert_new(table, [row]))
            if usage is not None and result.rowcount:
                values = usage_values(replace(usage, job=job), now)
                await connection.execute(usage_table.insert().values(values))

    async def forget(self, job: str) -> None:
        """Drop the replies of a job that is done; their usage stays."""
        async with self._database.write() as connection:
            await connection.execute(table.delete().where(table.c.job == job))


class ChatModel(Protocol):
    """The part of `latm.models.Model` that is needed here; siblings do not import each other."""

    @property
    def name(self) -> str: ...

    async def chat(self, request: ChatRequest) -> Reply: ...

    async def aclose(self) -> None: ...


class JournaledModel:
    """A model whose calls are on record: in a second run of the job they are not made again.

    The n-th call with the same request is another sample, and has its own key; so a run
    must make its calls in a repeatable order, as far as requests are the same.
    """

    def __init__(
        self,
        inner: ChatModel,
        journal: Journal,
        job: str,
        *,
        purpose: Purpose | None = None,
        tool_name: str | None = None,
        once: bool = False,
    ) -> None:
        """Wrap a model.

        Parameters:
            job: names the job; equal for runs that may share replies.
            purpose: when given, a usage row of this purpose is written with every new reply.
            tool_name: the request class, for the usage row.
            once: make no call again that an earlier run had begun: whether it was paid,
                nobody knows. It has an empty reply, and its prompt counts at no known price.
        """
        self._inner = inner
        self._journal = journal
        self._job = job
        self._purpose: Purpose | None = purpose
        self._tool_name = tool_name
        self._once = once
        self._seen: Counter[str] = Counter()
        self.replayed = 0
        """Calls answered from the journal."""
        self.lost = 0
        """Calls that an earlier run had begun and whose reply nobody has."""

    @property
    def name(self) -> str:
        """Full name of the inner model."""
        return self._inner.name

    async def chat(self, request: ChatRequest) -> Reply:
        """Answer from the journal, or by the inner model; raises what that raises."""
        content = digest(canonical_json([self._inner.name, asdict(request)]))
        self._seen[content] += 1
        key = f"{content}:{self._seen[content]}"
        if (known := await self._journal.get(self._job, key)) is not None:
            self.replayed += 1
            return known
        reply = await self._asked(request, key)
        await self._journal.put(self._job, key, reply, self._usage(reply))
        return reply

    async def _asked(self, request: ChatRequest, key: str) -> Reply:
        if not self._once:
            return await self._inner.chat(request)
        if not await self._journal.begin(self._job, key):
            self.lost += 1
            prompt = sum(len(message.content) for message in request.messages)
            usage = Usage(input=prompt // _CHARS_A_TOKEN)
            return Reply("", self._inner.name, usage, None, None, "other")
        try:
            return await self._inner.chat(request)
        except BaseException:  # also when this process is told to stop: no reply will come
            await self._journal.withdraw(self._job, key)
            raise

    async def aclose(self) -> None:
        """Close the inner model."""
        await self._inner.aclose()

    def _usage(self, reply: Reply) -> UsageRow | None:
        if self._purpose is None:
            return None
        return UsageRow(
            purpose=self._purpose,
            name=self._tool_name,
            model=reply.model,
            usage=reply.usage,
            cost_usd=reply.cost_usd,
        )


def _written(reply: Reply) -> str:
    cost = None if reply.cost_usd is None else str(reply.cost_usd)
    # Escaped to ASCII: a model may write half a surrogate pair, which UTF-8 cannot hold.
    return json.dumps({**asdict(reply), "cost_usd": cost})


def _read(text: str) -> Reply:
    fields = json.loads(text)
    cost = fields["cost_usd"]
    fields["cost_usd"] = None if cost is None else Decimal(cost)
    fields["usage"] = Usage(**fields["usage"])
    return Reply(**fields)
