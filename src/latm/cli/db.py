"""``latm db``: where the database is, whether it is sound, and its migrations.

Settings flow in, one line or one JSON object flows out. Invariant: nothing on record is
changed, but that an old schema becomes the present one.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from latm.cli.output import print_json
from latm.settings import load
from latm.store import Damage, Store

app = App(name="db", help="Look after the database.")

Flag = Annotated[bool, Parameter(negative=())]


@app.command
def path(*, json: Flag = False) -> int:
    """Print where the database is, without a password; it need not exist yet.

    Example: latm db path

    Parameters
    ----------
    json
        Print one JSON object.
    """
    place = Store.place_of(load().database)
    if json:
        print_json({"path": place})
    else:
        print(place)
    return 0


@app.command
def migrate(*, json: Flag = False) -> int:
    """Bring the database to the schema of this latm; make it when it is not there.

    Opening the database does this by itself; run it alone before a new version serves.

    Example: latm db migrate

    Parameters
    ----------
    json
        Print one JSON object.
    """

    async def work() -> tuple[str, str]:
        async with await Store.open(load().database) as store:
            return store.place, store.schema

    place, schema = asyncio.run(work())
    if json:
        print_json({"path": place, "schema": schema})
    else:
        print(f"{place} has schema {schema}")
    return 0


@app.command
def verify(*, json: Flag = False) -> int:
    """Check the database's file and re-derive the hash of every tool; exit 1 on damage.

    Example: latm db verify

    Parameters
    ----------
    json
        Print one JSON object.
    """

    async def work() -> tuple[str, int, tuple[Damage, ...]]:
        async with await Store.open(load().database) as store:
            return store.place, await store.toolbox.count(), await store.verify()

    place, count, damage = asyncio.run(work())
    if json:
        found = [{"subject": one.subject, "problem": one.problem} for one in damage]
        print_json({"path": place, "tools": count, "sound": not damage, "damage": found})
    else:
        for one in damage:
            print(f"{one.subject[:12]}: {one.problem}")
        print(f"{place}: {count} versions of tools, {'damaged' if damage else 'sound'}")
    return 1 if damage else 0
