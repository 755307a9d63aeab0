"""The migrations lead to the schema that the repositories use."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from latm.store import Store, migrating
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
