"""Repository of tools: immutable versions, their states, and every step between states.

`Tool`s and moves flow in, `StoredTool`s and `ToolEvent`s flow out. Invariant: a state
changes only by a move that `latm.lifecycle` allows, and never without an event in the same
transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from latm.errors import InputError, StoreError, UnknownNameError
from latm.identity import canonical_json, content_of, digest
from latm.lifecycle import event_between, transition
from latm.store.connection import Database, insert_new
from latm.store.rows import Addition, Damage, Move, StoredTool, ToolEvent
from latm.store.schema import tool as tools
from latm.store.schema import tool_event as events
from latm.types import Json, State, Tool

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")

_TOOL = TypeAdapter(Tool)
_NOT_RETIRED: tuple[State, ...] = ("candidate", "shadow", "live")


@dataclass(frozen=True, slots=True)
class Toolbox:
    """All tools that were ever made or imported."""

    _database: Database

    async def add(
        self, tool: Tool, state: State = "candidate", reason: str = "", evidence: Json = None
    ) -> StoredTool:
        """Store a tool; one that is there already is given back as it is.

        Parameters:
            state: where it starts; see `latm.lifecycle.state_after_verification`.
            reason: one line for the event.
            evidence: what justifies the state, plain data.

        Raises:
            InputError: the tool's name is malformed.
        """
        (stored,) = await self.add_all([(tool, state)], reason, evidence)
        return stored

    async def add_all(
        self, added: Sequence[tuple[Tool, State]], reason: str = "", evidence: Json = None
    ) -> tuple[StoredTool, ...]:
        """Store several tools at once, such as all shapes of a class: all of them or none."""
        additions = [Addition(tool, state, reason, evidence) for tool, state in added]
        async with self._database.write() as connection:
            return await self.insert(connection, additions)

    async def insert(
        self, connection: AsyncConnection, added: Iterable[Addition]
    ) -> tuple[StoredTool, ...]:
        """`add_all`, in a transaction that is open and with a reason for each tool."""
        versions = [await self._insert(connection, addition) for addition in added]
        stored = await _select(connection, tools.c.version.in_(versions))
        by_version = {item.version: item for item in stored}
        return tuple(by_version[version] for version in versions)

    async def get(self, name: str, version_prefix: str | None = None) -> tuple[StoredTool, ...]:
        """The tools of a class: of each shape the newest that is not retired.

        Parameters:
            version_prefix: pick one version, in whatever state, by the start of its hash.

        Raises:
            UnknownNameError: no such tool.
            InputError: several versions start so.
        """
        of_name = tools.c.name == name
        async with self._database.read() as connection:
            if version_prefix is not None:
                starts = tools.c.version.startswith(version_prefix.lower(), autoescape=True)
                found = await _select(connection, of_name & starts)
                return (_the_one(found, name, version_prefix),)
            found = await _select(connection, of_name & _newest(_NOT_RETIRED))
            if not found:
                raise await _unknown(connection, name)
        return found

    async def names(self, *, after: str = "", limit: int) -> list[str]:
        """Classes with tools that are not retired, by name.

        Parameters:
            after: only names behind this one; ``limit``: at most so many.
        """
        c = tools.c
        query = sa.select(c.name).distinct().where(c.state.in_(_NOT_RETIRED), c.name > after)
        async with self._database.read() as connection:
            return list(await connection.scalars(query.order_by(c.name).limit(limit)))

    async def current(self) -> tuple[StoredTool, ...]:
        """Of each class and shape the newest tool that is not retired, by name and shape."""
        async with self._database.read() as connection:
            return await _select(connection, _newest(_NOT_RETIRED))

    async def serving(self, *, shadow: bool = False) -> tuple[StoredTool, ...]:
        """What the dispatcher chooses from: of each class and shape the newest live tool.

        Parameters:
            shadow: add the newest shadow tool where no live one is.
        """
        async with self._database.read() as connection:
            live = await _select(connection, _newest(("live",)))
            if not shadow:
                return live
            shadows = await _select(connection, _newest(("shadow",)))
        taken = {(item.tool.name, item.tool.shape) for item in live}
        return live + tuple(s for s in shadows if (s.tool.name, s.tool.shape) not in taken)

    async def by_state(self, *states: State) -> tuple[StoredTool, ...]:
        """All versions in these states, by name and shape, older ones first."""
        async with self._database.read() as connection:
            return await _select(connection, tools.c.state.in_(states))

    async def versions(self, name: str) -> tuple[StoredTool, ...]:
        """All versions of a class, retired ones too, by shape, older ones first.

        Raises:
            UnknownNameError: no such tool.
        """
        async with self._database.read() as connection:
            found = await _select(connection, tools.c.name == name)
            if not found:
                raise await _unknown(connection, name)
        return found

    async def set_state(
        self, version: str, state: State, reason: str, evidence: Json = None
    ) -> ToolEvent | None:
        """Move a version to a state and put on record why.

        Returns:
            The event, or None when the version was in that state already.

        Raises:
            UnknownNameError: no such version.
            InputError: the lifecycle has no such move.
        """
        async with self._database.write() as connection:
            return await self.move(connection, Move(version, state, reason, evidence))

    async def move(self, connection: AsyncConnection, move: Move) -> ToolEvent | None:
        """`set_state`, in a transaction that is open."""
        of_version = tools.c.version == move.version
        query = sa.select(tools.c.state).where(of_version).with_for_update()
        before: State | None = await connection.scalar(query)
        if before is None:
            raise UnknownNameError(f"no tool of version {move.version!r}; see `latm tools list`")
        if before == move.state:
            return None
        event = event_between(before, move.state)
        after = transition(before, event)
        await connection.execute(tools.update().where(of_version).values(state=after))
        at = self._database.now()
        record = ToolEvent(move.version, event, before, after, move.reason, move.evidence, at)
        await connection.execute(events.insert().values(_event_values(record)))
        return record

    async def events(self, version: str) -> tuple[ToolEvent, ...]:
        """All that happened to a version, in order."""
        async with self._database.read() as connection:
            return await self.life(connection, version)

    async def life(self, connection: AsyncConnection, version: str) -> tuple[ToolEvent, ...]:
        """`events`, in a transaction that is open."""
        query = sa.select(events).where(events.c.version == version).order_by(events.c.number)
        return tuple(_event(row) for row in await connection.execute(query))

    async def of_version(self, connection: AsyncConnection, version: str) -> StoredTool:
        """The tool of a version, in a transaction that is open.

        Raises:
            UnknownNameError: no such version.
        """
        found = await _select(connection, tools.c.version == version)
        if not found:
            raise UnknownNameError(f"no tool of version {version!r}; see `latm tools list`")
        return found[0]

    async def count(self) -> int:
        """Number of versions on record, retired ones too."""
        async with self._database.read() as connection:
            return await connection.scalar(sa.select(sa.func.count()).select_from(tools)) or 0

    async def revision(self) -> int:
        """A number that grows with every change of tools or states; for caches."""
        async with self._database.read() as connection:
            return await connection.scalar(sa.select(sa.func.max(events.c.number))) or 0

    async def damage(self) -> tuple[Damage, ...]:
        """Tools whose content is not what their version says."""
        query = sa.select(tools).order_by(tools.c.number)
        found: list[Damage] = []
        async with self._database.read() as connection:
            async for row in await connection.stream(query):
                if problem := _problem(row):
                    found.append(Damage(row.version, problem))
        return tuple(found)

    async def _insert(self, connection: AsyncConnection, addition: Addition) -> str:
        tool, state = addition.tool, addition.state
        check_name(tool.name)
        content = content_of(tool)
        version, at = digest(content), self._database.now()
        row = {
            "version": version,
            "name": tool.name,
            "shape": tool.shape,
            "content": content,
            "state": state,
            "added_at": at,
        }
        result = await connection.execute(insert_new(tools, [row]))
        if result.rowcount:
            reason, evidence = addition.reason, addition.evidence
            record = ToolEvent(version, "add", None, state, reason, evidence, at)
            await connection.execute(events.insert().values(_event_values(record)))
        return version


def check_name(name: str) -> None:
    """Refuse a name that cannot be a tool's.

    Raises:
        InputError: says which characters may be in it.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a tool's name: use at most 48 of a-z, 0-9, '-' and '_', "
            "starting with a letter or digit, such as 'word-sorting'"
        )


def _newest(states: Sequence[State]) -> sa.ColumnElement[bool]:
    """Is it the newest of its class and shape among the versions in these states?"""
    newest = (
        sa.select(sa.func.max(tools.c.number))
        .where(tools.c.state.in_(states))
        .group_by(tools.c.name, tools.c.shape)
    )
    return tools.c.number.in_(newest)


async def _select(
    connection: AsyncConnection, condition: sa.ColumnElement[bool]
) -> tuple[StoredTool, ...]:
    query = sa.select(tools).where(condition).order_by(*_ORDER)
    return tuple(_stored(row) for row in await connection.execute(query))


_ORDER = (tools.c.name, tools.c.shape, tools.c.number)


def _stored(row: sa.Row[Any]) -> StoredTool:
    try:
        tool = _TOOL.validate_json(row.content)
    except ValidationError as error:
        raise StoreError(
            f"tool {row.name!r}, version {row.version[:12]}: its content is damaged; "
            "run `latm db verify`"
        ) from error
    return StoredTool(tool, row.version, row.state, row.added_at)


def _problem(row: sa.Row[Any]) -> str | None:
    if digest(row.content) != row.version:
        return f"content of tool {row.name!r} does not hash to its version"
    try:
        tool = _TOOL.validate_json(row.content)
    except ValidationError:
        return f"content of tool {row.name!r} cannot be read by this latm"
    if (tool.name, tool.shape) != (row.name, row.shape):
        return f"filed as {row.name!r} shape {row.shape}, but is {tool.name!r} shape {tool.shape}"
    return None


def _event(row: sa.Row[Any]) -> ToolEvent:
    evidence = json.loads(row.evidence)
    return ToolEvent(row.version, row.event, row.before, row.after, row.reason, evidence, row.at)


def _event_values(event: ToolEvent) -> dict[str, Any]:
    return {**asdict(event), "evidence": canonical_json(event.evidence)}


def _the_one(found: Sequence[StoredTool], name: str, prefix: str) -> StoredTool:
    if not found:
        raise UnknownNameError(
            f"tool {name!r} has no version {prefix!r}; see `latm tools show {name}`"
        )
    if len(found) > 1:
        raise InputError(f"{len(found)} versions of tool {name!r} start with {prefix!r}; give more")
    return found[0]


async def _unknown(connection: AsyncConnection, name: str) -> UnknownNameError:
    states = sa.select(tools.c.name).distinct().where(tools.c.name == name)
    if await connection.scalar(states):
        return UnknownNameError(f"tool {name!r} is retired; make it again with `latm make`")
    known = await connection.scalars(
        sa.select(tools.c.name).distinct().order_by(tools.c.name).limit(10)
    )
    names = ", ".join(known) or "none yet"
    return UnknownNameError(f"no tool named {name!r} (known: {names}); see `latm tools list`")
