"""The worker: looks for what is worth making, and makes it, until it is told to stop.

Settings flow in, tools appear in the store. Invariants: one process works in the name of a
node; when told to stop it leaves the job under way to the next one, at no loss.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from latm.errors import OperationError, StoreError
from latm.jobs.classes import Classes
from latm.jobs.durable import Durable, opened
from latm.jobs.planner import next_task
from latm.jobs.work import Work, left_today
from latm.models import Model
from latm.settings import Settings
from latm.store import Store

_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Worker:
    """One process's share of the work.

    Attributes:
        classes: opens the observed classes over a store.
        models: models of one's own, by the full names that the settings use.
    """

    settings: Settings
    classes: Callable[[Store], Classes]
    models: Mapping[str, Model] | None = None
    now: Callable[[], datetime] = _utc_now

    async def run(self, stop: asyncio.Event, *, once: bool = False) -> None:
        """Work until told to stop.

        Args:
            once: also stop when there is nothing left to do.

        Raises:
            OperationError: another process works in the name of this node, or the database
                of jobs cannot be used.
        """
        settings = self.settings
        settings.home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(settings.home / f"jobs-{settings.jobs_node}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise OperationError(
                f"another process works as node {settings.jobs_node!r}; stop it, or set "
                "LATM_JOBS_NODE to a name of its own"
            ) from error
        work = Work(settings, self.classes, self.now, self.models)
        try:
            async with opened(settings.jobs_database, settings.jobs_node, work) as durable:
                while not stop.is_set():
                    busy = await self._look(durable)
                    if once and not busy:
                        return
                    await _pause(stop, settings.making_poll_seconds)
        finally:
            lock.release()

    async def _look(self, durable: Durable) -> bool:
        """Queue what is worth making, one job at a time; whether there is anything to do."""
        jobs = await durable.jobs()
        node = self.settings.jobs_node
        # What a node began that never came back does not keep the others waiting.
        if any(job.state == "waiting" or (job.active and job.node == node) for job in jobs):
            return True
        try:
            async with await Store.open(self.settings.database) as store:
                if not (await left_today(store, self.settings, self.now())).any:
                    return False
                ready = await self.classes(store).ready()
                news = await store.cases.undealt()
        except StoreError as error:  # locked for a moment, perhaps; the next look will tell
            _log.warning("nothing to make for now: %s", error)
            return False
        task = next_task(jobs, ready, news, self.settings)
        if task is None:
            return False
        _log.info("%s %s", task.kind, task.name)
        return await durable.put(task) is not None


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
