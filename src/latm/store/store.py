"""The store: one database and the repositories over it.

A location flows in, repositories flow out. Invariant: all repositories of a store share
one database, so what one wrote the others see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from latm.store.cases import CaseBook
from latm.store.connection import Clock, Database, connect, damage, place_of, utc_now
from latm.store.evidence import Evidence
from latm.store.journal import Journal
from latm.store.observations import Observations
from latm.store.rows import (
    Comparison,
    Damage,
    Decide,
    Result,
    Side,
    Standing,
    StoredTool,
    ToolEvent,
)
from latm.store.schema import HEAD
from latm.store.toolbox import Toolbox
from latm.store.usage import UsageBook
from latm.types import Case


@dataclass(frozen=True, slots=True)
class Store:
    """An open store; ``async with`` closes it.

    Attributes:
        place: where the database is, in words and without a password.
        schema: the migration that it stands at.
    """

    toolbox: Toolbox
    cases: CaseBook
    evidence: Evidence
    usage: UsageBook
    journal: Journal
    observations: Observations
    place: str
    schema: str
    _database: Database

    @classmethod
    async def open(
        cls, location: str | Path, *, clock: Clock = utc_now, busy_seconds: float = 5.0
    ) -> Self:
        """Open a database, make it when it is not there, and migrate it when it is old.

        Parameters:
            location: a path, ``:memory:`` or a URL; see `latm.settings.Settings.database`.
            clock: gives the times on record.
            busy_seconds: how long a write waits for other processes.

        Raises:
            SettingsError: the location is no path and no URL of a supported database.
            StoreError: locked, damaged, read-only, newer than this code, or not latm's.
        """
        database = await connect(location, clock=clock, busy_seconds=busy_seconds)
        return cls(
            toolbox=Toolbox(database),
            cases=CaseBook(database),
            evidence=Evidence(database),
            usage=UsageBook(database),
            journal=Journal(database),
            observations=Observations(database),
            place=database.shown,
            schema=HEAD,
            _database=database,
        )

    async def settle(self, result: Result) -> tuple[StoredTool, ...]:
        """Put on record what a making came to, in one transaction.

        Returns:
            The added tools.

        Raises:
            InputError: a name is malformed, or the lifecycle has no such move.
            UnknownNameError: a version that is to move is not in the toolbox.
            StoreError: a compared version is not in the toolbox.
        """
        shown: list[tuple[Case, Side]] = [(case, "shown") for case in result.shown]
        held_out: list[tuple[Case, Side]] = [(case, "held_out") for case in result.held_out]
        async with self._database.write() as connection:
            await self.cases.deal(connection, result.name, [*shown, *held_out], anew=result.anew)
            stored = await self.toolbox.insert(connection, result.added)
            for move in result.moved:
                await self.toolbox.move(connection, move)
            await self.evidence.insert(connection, result.compared)
        return stored

    async def weigh(
        self, compared: Comparison, decide: Decide, case: Case | None = None
    ) -> ToolEvent | None:
        """Put a comparison on record and decide on the version's state, in one transaction.

        Whoever decides sees what all processes have put on record so far, and nobody else
        decides at the same time; so a version makes each move once. A shadow run that came
        to the same since the last demotion is nothing new: it is neither written nor decided on.

        Parameters:
            decide: pure and quick; the database is locked for writing meanwhile.
            case: the counterexample, for the class.

        Returns:
            The event, or None when the state stays.

        Raises:
            UnknownNameError: no such version.
            InputError: the lifecycle has no such move.
        """
        async with self._database.write() as connection:
            item = await self.toolbox.of_version(connection, compared.version)
            life = await self.toolbox.life(connection, compared.version)
            since = max((event.at for event in life if event.event == "demote"), default="")
            known = await self.evidence.repeats(connection, compared, since)
            if known and compared.source == "shadow":
                return None
            await self.evidence.insert(connection, [compared])
            if case is not None:
                await self.cases.insert(connection, item.tool.name, [case])
            records = await self.evidence.records(connection, compared.version)
            move = decide(Standing(item, life, records))
            return None if move is None else await self.toolbox.move(connection, move)

    async def standing(self, version: str) -> Standing:
        """All that is on record of a version.

        Raises:
            UnknownNameError: no such version.
        """
        async with self._database.read() as connection:
            return Standing(
                await self.toolbox.of_version(connection, version),
                await self.toolbox.life(connection, version),
                await self.evidence.records(connection, version),
            )

    @staticmethod
    def place_of(location: str | Path) -> str:
        """Where a location is, in words and without a password; opens nothing.

        Raises:
            SettingsError: the location is no path and no URL of a supported database.
        """
        return place_of(location)

    async def verify(self) -> tuple[Damage, ...]:
        """Check the database's file and re-derive the content hash of every tool.

        Returns:
            All that is wrong; empty when the store is sound.
        """
        async with self._database.read() as connection:
            problems = await damage(connection)
        in_file = tuple(Damage("database", problem) for problem in problems)
        return in_file + await self.toolbox.damage()

    async def aclose(self) -> None:
        """Close the database; may be called twice."""
        await self._database.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
