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
from latm.store.rows import Damage, Result, Side, StoredTool
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
