"""``latm jobs``: the makings in the background, listed; or worked on, here in the foreground.

Settings flow in, a table or one JSON object flows out. Invariant: listing changes nothing.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

from cyclopts import App, Parameter

from latm.cli.output import print_json, say, table
from latm.jobs.beside import lowered
from latm.jobs.classes import recorded
from latm.jobs.durable import listed
from latm.jobs.job import Job
from latm.jobs.worker import Worker
from latm.ledger import dollars
from latm.settings import Settings, load
from latm.store import Store, UsageSum

app = App(name="jobs", help="Makings in the background: list them, or work on them here.")

Flag = Annotated[bool, Parameter(negative=())]


@app.default
def list_(*, limit: int = 20, json: Flag = False) -> int:
    """List the newest jobs with their states and what they took so far.

    Example: latm jobs

    Parameters
    ----------
    limit
        How many.
    json
        Print one JSON object.
    """
    settings = load()
    jobs = listed(settings.jobs_database)[: max(0, limit)]
    spent = asyncio.run(_spent(settings, jobs)) if jobs else {}
    if json:
        print_json({"jobs": [_as_json(job, spent[job.id]) for job in jobs]})
        return 0
    if not jobs:
        say("no jobs yet; 'latm serve' makes tools in the background of what it learns")
        return 0
    columns = ("job", "state", "calls", "tokens", "cost", "why")
    rows = [
        (
            job.id,
            job.state,
            spent[job.id].rows,
            spent[job.id].usage.total,
            dollars(spent[job.id].cost.usd),
            job.outcome.reason if job.outcome else "",
        )
        for job in jobs
    ]
    table("jobs", columns, rows)
    return 0


@app.command
def run(*, node: str | None = None, once: Flag = False) -> int:
    """Work on jobs in this process, until Ctrl-C; for a machine or a process of its own.

    Example: latm jobs run --once

    Parameters
    ----------
    node
        Name of this place; one process at a time works under a name.
    once
        End when there is nothing left to do.
    """
    settings = load(jobs_node=node)
    lowered()
    asyncio.run(_work(settings, once=once))
    return 0


async def _work(settings: Settings, *, once: bool) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    say(f"node {settings.jobs_node!r} works on jobs; Ctrl-C ends it at no loss")
    await Worker(settings, recorded).run(stop, once=once)


async def _spent(settings: Settings, jobs: tuple[Job, ...]) -> dict[str, UsageSum]:
    """What each job took so far: also that of one under way."""
    async with await Store.open(settings.database) as store:
        return {job.id: await store.usage.total(job=job.id) for job in jobs}


def _as_json(job: Job, spent: UsageSum) -> dict[str, object]:
    return {
        "id": job.id,
        "kind": job.task.kind,
        "name": job.task.name,
        "state": job.state,
        "node": job.node,
        "created_at": job.created_at,
        "calls": spent.rows,
        "tokens": spent.usage.total,
        "cost_usd": spent.cost.usd,
        "cases": job.outcome.cases if job.outcome else None,
        "reason": job.outcome.reason if job.outcome else None,
    }
