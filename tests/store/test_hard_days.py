"""Killed processes, many processes, and files that are not what they should be."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from latm.errors import SettingsError, StoreError
from latm.store import Store, UsageRow
from latm.store.conformance import sample_tool
from latm.store.schema import HEAD
from latm.types import Tool

# Forked, because starting a fresh interpreter for each would take seconds.
FORK = multiprocessing.get_context("fork")


async def write(path: Path, name: str, count: int, done: Connection) -> None:
    async with await Store.open(path, busy_seconds=30) as store:
        for i in range(count):
            await store.toolbox.add(sample_tool(name, shape=i))
            await store.usage.append([UsageRow("using", name=name)] * 50)
            done.send(i)


def writer(path: Path, name: str, count: int) -> tuple[ForkProcess, Connection]:
    """A process that writes, and the end of a pipe that says how far it is."""
    ours, theirs = FORK.Pipe(duplex=False)
    child = FORK.Process(target=lambda: asyncio.run(write(path, name, count, theirs)))
    child.start()
    theirs.close()
    return child, ours


async def contents(path: Path) -> tuple[int, int]:
    """Number of tools and of usage rows of a database, which must be sound."""
    async with await Store.open(path) as store:
        assert await store.verify() == ()
        await store.usage.append([UsageRow("using")])
        return len(await store.toolbox.current()), (await store.usage.total()).rows - 1


async def error_of(location: Path | str) -> str:
    with pytest.raises(StoreError) as caught:
        async with await Store.open(location, busy_seconds=0.01) as store:
            await store.usage.append([UsageRow("using")])
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- killed and crowded ----------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 2, 7, 20])
def test_a_process_killed_while_it_writes_loses_nothing_that_it_reported(
    tmp_path: Path, after: int
) -> None:
    path = tmp_path / "latm.db"
    child, done = writer(path, "w", 1000)
    for _ in range(after):
        done.recv()
    child.kill()
    child.join()
    done.close()
    tools, rows = asyncio.run(contents(path))
    assert tools >= after
    assert rows % 50 == 0, "a batch is written wholly or not at all"
    assert rows // 50 in (tools, tools - 1)


def test_processes_that_open_a_new_database_and_write_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    children = [writer(path, f"w{i}", 5) for i in range(6)]
    for child, done in children:
        child.join()
        done.close()
        assert child.exitcode == 0
    assert asyncio.run(contents(path)) == (6 * 5, 6 * 5 * 50)


async def test_a_database_locked_by_another_process_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path):
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "is locked by another process; try again" in await error_of(path)
    other.execute("ROLLBACK")
    other.close()
    async with await Store.open(path) as store:
        await store.usage.append([UsageRow("using")])


@pytest.mark.parametrize("broken", [sample_tool(shape=10**30), sample_tool(made="\ud800")])
async def test_a_failed_write_leaves_nothing_and_the_store_goes_on(
    tmp_path: Path, broken: Tool
) -> None:
    async with await Store.open(tmp_path / "latm.db") as store:
        with pytest.raises(StoreError, match="cannot hold a value"):
            await store.toolbox.add_all([(sample_tool(), "live"), (broken, "live")])
        assert await store.toolbox.current() == ()
        await store.toolbox.add(sample_tool())


async def test_a_cancelled_write_leaves_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "latm.db") as store:
        for turns in range(12):
            task = asyncio.create_task(store.usage.append([UsageRow("using")] * 3))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert (await store.usage.total()).rows % 3 == 0
        await store.usage.append([UsageRow("using")])


# --- files that are not what they should be --------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"this is a text and no database at all" * 100, "is not an SQLite file or is damaged"),
        (b"SQLite format 3\0" + b"\xff" * 8000, "damaged"),
    ],
)
async def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(
    tmp_path: Path, data: bytes, said: str
) -> None:
    path = tmp_path / "latm.db"
    path.write_bytes(data)
    message = await error_of(path)
    assert message.startswith(f"database {path}: ")
    assert said in message
    assert path.read_bytes() == data


async def test_a_database_with_a_torn_page_is_reported_by_verify(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path) as store:
        await store.toolbox.add_all([(sample_tool(shape=i), "live") for i in range(40)])
    data = bytearray(path.read_bytes())
    half = len(data) // 2  # the tables' own pages come first
    data[half:] = b"\xa5" * (len(data) - half)
    path.write_bytes(data)
    async with await Store.open(path) as store:
        try:
            problems = [found.problem for found in await store.verify()]
        except StoreError as error:
            problems = [str(error)]
    assert problems


async def test_a_database_of_a_newer_latm_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path):
        pass
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    assert f"has schema '9999', newer than {HEAD!r} of this latm" in await error_of(path)


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")
    raw.close()
    assert "holds tables of another program" in await error_of(path)
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
    raw.close()


async def test_a_database_that_may_only_be_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path):
        pass
    message = await error_of(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert "cannot be written; check who owns the file" in message


async def test_a_place_where_no_database_can_be_is_an_error(tmp_path: Path) -> None:
    assert "cannot be opened for writing (Is a directory)" in await error_of(tmp_path)
    (tmp_path / "file").write_text("")
    message = await error_of(tmp_path / "file" / "latm.db")
    assert "set LATM_DB or LATM_HOME to a place of your own" in message


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("mysql://user:hidden@host/db", "mysql is not supported"),
        ("postgresql://user:hidden@host/db", "postgresql is not supported"),
        ("://hidden", "LATM_DB is not a URL"),
    ],
)
async def test_an_unsupported_url_is_refused_without_its_password(location: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        await Store.open(location)
    assert "hidden" not in str(caught.value)


async def test_only_its_owner_can_read_a_new_database(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "home" / "latm.db"):
        pass
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / "latm.db").stat().st_mode & 0o777 == 0o600


# --- what is on record stays -----------------------------------------------------------------


async def test_altered_tools_are_found_by_verify(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path) as store:
        versions = [(await store.toolbox.add(sample_tool(shape=i))).version for i in range(4)]
        assert await store.verify() == ()
        with sqlite3.connect(path) as raw:
            raw.execute("DROP TRIGGER tool_content_fixed")
            raw.execute(
                "UPDATE tool SET content = replace(content, 'sorted', 'random') WHERE shape = 1"
            )
            raw.execute("UPDATE tool SET name = 'other' WHERE shape = 2")
            raw.execute("UPDATE tool SET content = '{}' WHERE shape = 3")
        raw.close()
        damage = {found.subject: found.problem for found in await store.verify()}
        assert set(damage) == set(versions[1:])
        assert "does not hash to its version" in damage[versions[1]]
        assert "filed as 'other'" in damage[versions[2]]
        with pytest.raises(StoreError, match="its content is damaged"):
            await store.toolbox.get("word-sorting")


async def test_content_of_another_latm_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    # SHA-256 of the two bytes "{}".
    version = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    async with await Store.open(path) as store:
        with sqlite3.connect(path) as raw:
            row = (version, "x", 0, "{}", "live", "")
            raw.execute("INSERT INTO tool VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)
        raw.close()
        (found,) = await store.verify()
        assert "cannot be read by this latm" in found.problem


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tool_event SET reason = ''",
        "DELETE FROM tool_event",
        "UPDATE comparison SET outcome = 'right'",
        "DELETE FROM comparison",
        "UPDATE tool SET content = ''",
    ],
)
async def test_the_database_itself_refuses_to_rewrite_the_record(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path) as store:
        version = (await store.toolbox.add(sample_tool())).version
    raw = sqlite3.connect(path)
    row = (version, "d", "wrong", "audit", None, "")
    raw.execute("INSERT INTO comparison VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|fixed"):
        raw.execute(statement)
    raw.close()
