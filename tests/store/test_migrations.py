"""The migrations lead to the schema that the repositories use."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from latm.cases import question_digest
from latm.identity import content_of, version_of
from latm.store import Store, migrating
from latm.store.conformance import sample_tool
from latm.store.schema import HEAD, metadata


async def test_a_migrated_database_has_exactly_the_tables_of_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path):
        pass
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_code_works_with_the_newest_migration() -> None:
    folder = Path(migrating.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == HEAD


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "latm.db"
    for _ in range(2):
        async with await Store.open(path) as store:
            assert await store.verify() == ()
            assert store.place == str(path)
            await store.aclose()


async def test_cases_of_an_older_database_count_as_held_out_only_where_that_is_on_record(
    tmp_path: Path,
) -> None:
    path, tool = tmp_path / "old.db", sample_tool("class")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option(
            "script_location", str(Path(migrating.__file__).parent / "migrations")
        )
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        content = {"v": version_of(tool), "c": content_of(tool)}
        connection.execute(
            sa.text("INSERT INTO tool VALUES (1, :v, 'class', 0, :c, 'shadow', '2026')"), content
        )
        for n, (name, question, at) in enumerate(
            [
                ("class", "judged at the making", "2026-01"),
                ("class", "judged later", "2026-02"),
                ("class", "never judged", None),
                ("without-tools", "not dealt", None),
            ]
        ):
            digest = question_digest(question)
            row = {
                "n": n,
                "name": name,
                "d": digest,
                "q": question,
                "v": version_of(tool),
                "at": at,
            }
            connection.execute(
                sa.text("INSERT INTO class_case VALUES (:n, :name, :d, :q, 'a', null, null, '')"),
                row,
            )
            if at:
                statement = (
                    "INSERT INTO comparison VALUES (:n, :v, :d, 'right', 'held_out', 'a', :at)"
                )
                connection.execute(sa.text(statement), row)
    engine.dispose()

    async with await Store.open(path) as store:
        sides = await store.cases.sides("class")
        assert sides == {
            question_digest("judged at the making"): "held_out",
            question_digest("judged later"): "shown",
            question_digest("never judged"): "shown",
        }
        assert list((await store.cases.sides("without-tools")).values()) == [None]
