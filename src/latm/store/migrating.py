"""Runs the migrations.

A connection in a transaction and its present revision flow in; the schema of `HEAD` flows
out. Invariant: a database newer than this code is left untouched.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from latm.errors import StoreError
from latm.store.schema import HEAD

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(connection: sa.Connection, revision: str | None, shown: str) -> None:
    """Apply the pending migrations.

    Parameters:
        revision: the migration the database stands at, None when it is empty.
        shown: the database's place, for an error.

    Raises:
        StoreError: the database is of a newer version than this code.
    """
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"database {shown}: has schema {revision!r}, newer than {HEAD!r} of this latm; "
            "install a newer latm or set LATM_DB to another path"
        )
    command.upgrade(config, HEAD)
