"""The database connection: where it is, how it is opened, and all that dialects differ in.

A location flows in, a `Database` with ``read`` and ``write`` transactions flows out.
Invariant: every error of the driver leaves as one line of `StoreError`, without passwords,
and a transaction is either wholly written or not at all.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from latm.errors import SettingsError, StoreError
from latm.store.schema import HEAD

Clock = Callable[[], datetime]

_BEGIN = "latm_begin"
_READERS = 4
_PRAGMAS = ("synchronous = NORMAL", "foreign_keys = ON", "temp_store = MEMORY")


def utc_now() -> datetime:
    """The clock of a store that is given no other."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. ``shown`` is its place in words, without a password."""

    engine: AsyncEngine
    shown: str
    clock: Clock
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that only reads, and sees one state of the database."""
        with self.translated():
            async with self.engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that writes; committed at the end, undone by an exception."""
        # Writers of one process queue here, in order; SQLite's own waiting is a lottery.
        async with self._writing:
            with self.translated():
                engine = self.engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
                async with engine.begin() as connection:
                    yield connection

    def now(self) -> str:
        """The time to put on record, UTC, ISO 8601."""
        return self.clock().astimezone(UTC).isoformat(timespec="microseconds")

    async def aclose(self) -> None:
        """Close all connections; may be called twice."""
        await self.engine.dispose()

    @contextmanager
    def translated(self) -> Generator[None]:
        """Turn errors of the driver into `StoreError`."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreError(f"database {self.shown}: {_explained(error)}") from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise StoreError(
                f"database {self.shown}: cannot hold a value ({error}); leave it out"
            ) from error


async def connect(location: str | Path, *, clock: Clock, busy_seconds: float) -> Database:
    """Open a database and bring it to the newest schema.

    Parameters:
        location: a path, ``:memory:`` or a URL.
        busy_seconds: how long to wait for other processes that write.

    Raises:
        SettingsError: the location is no path and no URL of a supported database.
        StoreError: the database cannot be opened or migrated.
    """
    url = _url(location)
    path = _file(url)
    if path is not None:
        _prepare(path)
    shown = str(path or url.database)
    # One connection is all there is of a database in memory.
    size = _READERS if path else 1
    engine = create_async_engine(
        url, pool_size=size, max_overflow=0, poolclass=sa.pool.AsyncAdaptedQueuePool
    )
    _listen(engine, busy_seconds)
    database = Database(engine, shown, clock)
    try:
        await _migrate(database)
    except BaseException:
        await database.aclose()
        raise
    return database


def place_of(location: str | Path) -> str:
    """Where a location is, in words and without a password; opens nothing.

    Raises:
        SettingsError: the location is no path and no URL of a supported database.
    """
    url = _url(location)
    return str(_file(url) or url.database)


def insert_new(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> sa.Insert:
    """INSERT that leaves out rows whose key exists already."""
    return sqlite.insert(table).values(rows).on_conflict_do_nothing()


async def damage(connection: AsyncConnection) -> list[str]:
    """What the database itself finds broken in its file; empty when it is sound."""
    result = await connection.execute(sa.text("PRAGMA quick_check(20)"))
    return [str(line) for line in result.scalars() if line != "ok"]


# --- opening -----------------------------------------------------------------------------


def _url(location: str | Path) -> URL:
    text = str(location)
    if text == ":memory:":
        return URL.create("sqlite+aiosqlite", database=":memory:")
    if "://" not in text:
        return URL.create("sqlite+aiosqlite", database=str(Path(text).expanduser()))
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise SettingsError(
            "LATM_DB is not a URL; give a path or for example sqlite:///latm.db"
        ) from error
    if url.get_backend_name() != "sqlite":
        raise SettingsError(
            f"database {url.render_as_string(hide_password=True)!r}: {url.get_backend_name()} is "
            "not supported; give a path or for example sqlite:///latm.db"
        )
    return url.set(drivername="sqlite+aiosqlite")


def _file(url: URL) -> Path | None:
    """The file of the database; None when it is in memory or SQLite's own kind of URI."""
    if url.database in (None, "", ":memory:") or "uri" in url.query:
        return None
    return Path(str(url.database)).absolute()


def _prepare(path: Path) -> None:
    """Make the file, readable for its owner only, when it is not there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(
            f"database {path}: cannot be opened for writing ({error.strerror}); "
            "set LATM_DB or LATM_HOME to a place of your own"
        ) from error


def _listen(engine: AsyncEngine, busy_seconds: float) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own type
        # The driver must not begin transactions by itself: on_begin says how.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(busy_seconds * 1000)}")
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    del on_connect, on_begin


async def _migrate(database: Database) -> None:
    async with database.read() as connection:
        if await connection.run_sync(_revision) == HEAD:
            return
    with database.translated():
        async with database.engine.connect() as connection:
            await connection.run_sync(_log_ahead)
    # Alembic is slow to import, and a database is migrated once.
    from latm.store.migrating import upgrade  # noqa: PLC0415

    async with database.write() as connection:
        revision = await connection.run_sync(_revision)
        if revision is None and await connection.run_sync(_is_foreign):
            raise StoreError(
                f"database {database.shown}: holds tables of another program; "
                "set LATM_DB to another path"
            )
        await connection.run_sync(upgrade, revision, database.shown)


def _log_ahead(connection: sa.Connection) -> None:
    """Switch the file to write-ahead logging, for good; outside of any transaction."""
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def _is_foreign(connection: sa.Connection) -> bool:
    return bool(sa.inspect(connection).get_table_names())


# --- errors ------------------------------------------------------------------------------

_EXPLANATIONS = (
    ("database is locked", "is locked by another process; try again when it is done"),
    ("not a database", "is not an SQLite file or is damaged; restore a backup or set LATM_DB"),
    ("malformed", "is damaged; restore a backup or set LATM_DB to a new path"),
    ("readonly", "cannot be written; check who owns the file and its directory"),
    ("unable to open", "cannot be opened; check that its directory exists and is yours"),
    ("disk is full", "cannot be written, the disk is full; free some space and try again"),
    ("disk I/O", "cannot be read or written (disk I/O error); check the disk"),
    ("too many open files", "cannot be opened, too many open files; close some and try again"),
)


def _explained(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    text = " ".join(str(original).split())
    for sign, explanation in _EXPLANATIONS:
        if sign in text:
            return explanation
    return f"failed ({type(original).__name__}: {text}); run `latm db verify`"
