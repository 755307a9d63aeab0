"""The durable queue: tasks in, their steps run once each, `Job`s out. The only user of DBOS.

Invariants: a step that returned is never run again; a class has one job at a time; what
this node began and did not end goes on when a process of the node starts again. DBOS is one
in a process, so this is, too; its workflows run on the event loop that opened it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, cast

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetEnqueueOptions,
    SetWorkflowID,
    WorkflowStatus,
)
from dbos import error as dbos_errors

from latm.errors import OperationError
from latm.jobs.job import Brief, Job, JobState, Kind, Outcome, Plain, Task

_NAME = "latm"
_QUEUE = "making"
_WORKFLOW = "make_tool"
# Names the form of workflows and their steps, not a release: a job outlives an update.
_VERSION = "latm-jobs-1"
_POLL_SECONDS = 0.5
# A process that dies at each start of a job stops taking it up.
_MOST_STARTS = 50
_LISTED = 1000
PAUSES = (60.0, 300.0, 900.0, 3600.0, 3600.0, 3600.0)
"""Seconds before a job tries again that could not reach its model or its sandbox."""

_STATES: dict[str, JobState] = {
    "ENQUEUED": "waiting",
    "DELAYED": "waiting",
    "PENDING": "running",
    "SUCCESS": "made",
}


class Steps(Protocol):
    """What a job does; each step may be killed and run again."""

    async def begin(self, task: Task) -> Brief | Outcome: ...

    async def carry_out(self, job: str, task: Task, brief: Brief) -> Outcome: ...

    async def settle(self, job: str, task: Task, outcome: Outcome) -> None: ...


@dataclass(frozen=True, slots=True)
class Durable:
    """The open queue of this process."""

    _workflow: Callable[..., Any]

    async def put(self, task: Task) -> str | None:
        """Queue a task.

        Returns:
            The job's id; None when the class has a job already.
        """
        numbers = [job.number for job in await self.jobs() if job.task == task]
        job = f"{task.kind}-{task.name}-{max(numbers, default=0) + 1}"
        try:
            with SetWorkflowID(job), SetEnqueueOptions(deduplication_id=task.name):
                await DBOS.enqueue_workflow_async(_QUEUE, self._workflow, task.kind, task.name)
        except dbos_errors.DBOSQueueDeduplicatedError:
            return None
        return job

    async def jobs(self) -> tuple[Job, ...]:
        """The newest jobs, newest first."""
        found = await DBOS.list_workflows_async(queue_name=_QUEUE, sort_desc=True, limit=_LISTED)
        return tuple(map(_job, found))


@asynccontextmanager
async def opened(location: str, node: str, steps: Steps) -> AsyncGenerator[Durable]:
    """Open the queue, go on with this node's jobs, and work until the end of the context.

    A job under way at the end is left as if the process had been killed.

    Raises:
        OperationError: the database of jobs cannot be opened.
    """
    _prepare(location)
    running: set[asyncio.Task[Any]] = set()
    DBOS(config=_config(location, node))
    try:
        workflow = DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=_MOST_STARTS)(
            _workflow_of(steps, running)
        )
        try:
            DBOS.launch()
            await DBOS.register_queue_async(
                _QUEUE, worker_concurrency=1, polling_interval_sec=_POLL_SECONDS
            )
        except Exception as error:
            raise _unusable(location, error) from error
        yield Durable(workflow)
    finally:
        await _end(running)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)


def listed(location: str) -> tuple[Job, ...]:
    """The newest jobs, newest first, for a process that does none; none without a database.

    Raises:
        OperationError: the database of jobs cannot be read.
    """
    if "://" not in location and not Path(location).is_file():
        return ()
    try:
        client = DBOSClient(
            system_database_url=_url(location),
            serializer=DBOSPortableJSONSerializer(),
            application_name=_NAME,
            retry_connection_errors=False,
        )
        try:
            found = client.list_workflows(queue_name=_QUEUE, sort_desc=True, limit=_LISTED)
        finally:
            client.destroy()
    except Exception as error:
        if "no such table" in str(error):  # somebody is about to lay it out
            return ()
        raise _unusable(location, error) from error
    return tuple(map(_job, found))


# --- the workflow ----------------------------------------------------------------------


def _workflow_of(steps: Steps, running: set[asyncio.Task[Any]]) -> Callable[[Kind, str], Any]:
    async def workflow(kind: Kind, name: str) -> Plain:
        if (current := asyncio.current_task()) is not None:
            running.add(current)
            current.add_done_callback(running.discard)
        job, task = str(DBOS.workflow_id), Task(kind, name)

        async def begin() -> Plain:
            begun = await steps.begin(task)
            return {type(begun).__name__: begun.plain()}

        begun = await DBOS.run_step_async({"name": "begin"}, begin)
        if "Outcome" in begun:
            outcome = begun["Outcome"]
        else:
            outcome = await _made(steps, job, task, begun["Brief"])

        async def settle() -> None:
            await steps.settle(job, task, Outcome.of(outcome))

        await DBOS.run_step_async({"name": "settle"}, settle)
        return outcome

    return workflow


async def _made(steps: Steps, job: str, task: Task, brief: Plain) -> Plain:
    """Carry the job out; again after a pause, as long as its model cannot be reached."""

    async def carry_out() -> Plain:
        return (await steps.carry_out(job, task, Brief.of(brief))).plain()

    for pause in PAUSES:
        outcome = await DBOS.run_step_async({"name": "make"}, carry_out)
        if outcome["result"] != "unavailable":
            return outcome
        await DBOS.sleep_async(pause)
    outcome = await DBOS.run_step_async({"name": "make"}, carry_out)
    gave_up = outcome["result"] == "unavailable"
    return {**outcome, "result": "failed"} if gave_up else outcome


async def _end(running: set[asyncio.Task[Any]]) -> None:
    """End what runs here, so that a call in the air is taken back while there is time."""
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


# --- its database ----------------------------------------------------------------------


def _config(location: str, node: str) -> DBOSConfig:
    return {
        "name": _NAME,
        "system_database_url": _url(location),
        "application_version": _VERSION,
        "executor_id": node,
        # The default is pickle: whoever could write the file would run code here.
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "ERROR",
    }


def _url(location: str) -> str:
    return location if "://" in location else f"sqlite:///{Path(location).absolute()}"


def _prepare(location: str) -> None:
    """Make the file, readable for its owner only, when it is not there."""
    if "://" in location:
        return
    path = Path(location).absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise _unusable(location, error) from error


def _unusable(location: str, error: Exception) -> OperationError:
    place = location.rpartition("@")[2]
    said = " ".join(str(error).split())[:200]
    return OperationError(
        f"the database of jobs {place!r} cannot be used ({type(error).__name__}: {said}); "
        "check LATM_JOBS_DB"
    )


def _job(status: WorkflowStatus) -> Job:
    kind, name = (status.input or {"args": ("make", "?")})["args"]
    # What the workflow returned; the library says Any of it.
    output = cast("Plain | None", status.output)
    outcome = Outcome.of(output) if output is not None else None
    state = _STATES.get(status.status, "failed")
    if outcome is not None and outcome.result != "unavailable":
        state = outcome.result
    created = datetime.fromtimestamp((status.created_at or 0) / 1000, UTC)
    return Job(
        status.workflow_id,
        Task("upgrade" if kind == "upgrade" else "make", name),
        state,
        status.executor_id or "",
        created.isoformat(timespec="seconds"),
        outcome,
    )
