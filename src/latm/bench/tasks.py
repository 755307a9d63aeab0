"""The paper's six tasks: published tools, light models, two ways to call.

A folder of shared cases and transcripts, users (light models) and an executor flow in;
one row a question is appended to a results file, and `Cell`s with a Markdown table flow
out. Invariants: the published function is used as it is, after verification here; no case
whose question stands in the transcript is asked; a row is written once it is known and
never asked for again, so a run that is cut goes on where it stopped, and a row counts only
for the very prompt and tool that gave it.

Cases are put as the paper put them: the brackets of the Dyck task stand without blanks.
The tool's own parser is left aside even where it has one: what is measured is the user.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from latm.answers import same
from latm.bench.cells import (
    TASKS,
    Cell,
    Mode,
    Outcome,
    Row,
    Task,
    cells_of,
    counted,
    read_rows,
    table,
)
from latm.cases import read_cases
from latm.errors import InputError, LatmError
from latm.execution import Execution, Executor
from latm.identity import canonical_json, digest, plain
from latm.making.transcripts import Transcript, import_transcript, read_transcript
from latm.models import Model
from latm.types import Case, EngineName, Tool
from latm.using.user import Turn, code_request, fill, fill_request, write_code

RESULTS = "results.jsonl"
MODES: tuple[Mode, ...] = ("schema", "code")
_ENGINES: tuple[EngineName, ...] = ("jail", "monty")
"""Full Python first: free code may use all of it, as it could in the paper."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask.

    Attributes:
        folder: of ``TASK.jsonl`` and ``TASK.gpt4-transcript.json``.
        out: folder of the results file.
        cases: at most so many of each task; None asks all.
        concurrency: questions in flight; the slots of a local model.
    """

    folder: Path
    out: Path
    cases: int | None = None
    modes: tuple[Mode, ...] = MODES
    tasks: tuple[Task, ...] = TASKS
    concurrency: int = 2


@dataclass(frozen=True, slots=True)
class _Job:
    """One question to ask."""

    key: str
    task: str
    mode: Mode
    tool: Tool
    case: Case
    user: Model


async def run(
    plan: Plan,
    users: Sequence[Model],
    executor: Executor,
    *,
    done: Callable[[Row], None] | None = None,
) -> tuple[Cell, ...]:
    """Ask what is not answered yet, mode by mode and user by user, and count everything.

    Args:
        users: the light models.
        done: told of every new row, for a progress bar.

    Raises:
        InputError: a case file or transcript is missing or malformed.
        NotToolableError: a published tool does not verify here.
        ModelError: a model failed; what was answered stays, the next run goes on.
    """
    jobs = await _jobs(plan, users, executor)
    plan.out.mkdir(parents=True, exist_ok=True)
    path = plan.out / RESULTS
    known = {row.key: row for row in read_rows(path)}
    with path.open("a+", encoding="utf-8") as results:
        _end_line(path, results.write)
        for batch in _batches([job for job in jobs if job.key not in known]):
            gate = asyncio.Semaphore(plan.concurrency)

            async def ask(job: _Job, gate: asyncio.Semaphore = gate) -> None:
                async with gate:
                    row = await _row(job, executor)
                results.write(canonical_json(asdict(row)) + "\n")
                results.flush()
                known[row.key] = row
                if done is not None:
                    done(row)

            try:
                async with asyncio.TaskGroup() as group:
                    for job in batch:
                        group.create_task(ask(job))
            except* LatmError as errors:
                raise errors.exceptions[0] from None
    return count(jobs, known)


async def report(plan: Plan, users: Sequence[Model], executor: Executor) -> tuple[Cell, ...]:
    """Count what is answered so far; nothing is asked.

    Raises:
        InputError: a case file or transcript is missing or malformed.
        NotToolableError: a published tool does not verify here.
    """
    jobs = await _jobs(plan, users, executor)
    return count(jobs, {row.key: row for row in read_rows(plan.out / RESULTS)})


# --- what is asked ---------------------------------------------------------------------


def present(task: Task, text: str) -> str:
    """A question or an answer as the paper put it."""
    if task.blanks:
        return text
    head, marker, sequence = text.rpartition("Input: ")
    return f"{head}{marker}{''.join(sequence.split())}"


def cases_of(task: Task, folder: Path, transcript: Transcript) -> tuple[Case, ...]:
    """The cases that the transcript does not show, in file order."""
    shown = [*transcript.proposed, *(use.case for use in transcript.use_cases)]
    seen = {_blankless(case.question) for case in shown}
    presented = (
        Case(present(task, c.question), present(task, c.answer), c.origin)
        for c in read_cases(folder / f"{task.name}.jsonl").cases
    )
    return tuple(c for c in presented if _blankless(c.question) not in seen)


def _blankless(text: str) -> str:
    return "".join(text.split())


async def _jobs(plan: Plan, users: Sequence[Model], executor: Executor) -> list[_Job]:
    if plan.cases is not None and plan.cases < 1:
        raise InputError(f"cases must be 1 or more, not {plan.cases}")
    asked: dict[str, tuple[Tool, tuple[Case, ...]]] = {}
    for task in plan.tasks:
        transcript = read_transcript(plan.folder / f"{task.name}.gpt4-transcript.json")
        tool = await import_transcript(
            transcript,
            executor,
            name=task.name.replace("_", "-"),
            created_at="1970-01-01T00:00:00Z",  # kept nowhere: only its calls matter here
            engines=_ENGINES,
        )
        asked[task.name] = (tool, cases_of(task, plan.folder, transcript)[: plan.cases])
    return [
        _Job(key_of(user.name, mode, tool, case), task.name, mode, tool, case, user)
        for mode in plan.modes
        for user in users
        for task in plan.tasks
        for tool, cases in [asked[task.name]]
        for case in cases
    ]


def key_of(user: str, mode: Mode, tool: Tool, case: Case) -> str:
    """Digest of all that decides how a question is answered and judged."""
    request = (code_request if mode == "code" else fill_request)(tool, case.question)
    parts = [user, mode, asdict(request), plain(tool.solver), plain(tool.answer), case.answer]
    return digest(canonical_json(parts))


def _batches(jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
    """Jobs of one prompt together: the model's prompt cache holds one tool a slot."""
    batch: list[_Job] = []
    for job in jobs:
        if batch and (job.task, job.mode, job.user) != (
            batch[-1].task,
            batch[-1].mode,
            batch[-1].user,
        ):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


async def _row(job: _Job, executor: Executor) -> Row:
    started = time.perf_counter()
    write = write_code if job.mode == "code" else fill
    turn = await write(job.user, job.tool, job.case.question)
    execution = await _execution(job.tool, turn, executor)
    return Row(
        key=job.key,
        task=job.task,
        user=job.user.name,
        mode=job.mode,
        question=job.case.question,
        answer=job.case.answer,
        got=execution.text,
        outcome=_outcome(job.case, execution),
        reason=execution.reason,
        input=turn.usage.input,
        cached_input=turn.usage.cached_input,
        output=turn.usage.output,
        seconds=round(time.perf_counter() - started, 3),
    )


async def _execution(tool: Tool, turn: Turn, executor: Executor) -> Execution:
    if turn.code is not None:
        return await executor.code(tool.solver, tool.answer, turn.code)
    if turn.arguments is not None:
        return await executor.call(tool.solver, tool.answer, turn.arguments)
    return Execution(None, "abstained", turn.reason)


def _outcome(case: Case, execution: Execution) -> Outcome:
    if execution.text is None:
        return "failed" if execution.outcome == "failed" else "abstained"
    return "right" if same(case.answer, execution.text) else "wrong"


# --- results ---------------------------------------------------------------------------


def _end_line(path: Path, write: Callable[[str], object]) -> None:
    """Close a line that a kill left open, so that the next row stands on its own."""
    raw = path.read_bytes()
    if raw and not raw.endswith(b"\n"):
        write("\n")


def count(jobs: Sequence[_Job], known: Mapping[str, Row]) -> tuple[Cell, ...]:
    """One cell for each task, user and mode of the jobs."""
    cells: dict[tuple[str, str, Mode], Cell] = {}
    for job in jobs:
        place = (job.task, job.user.name, job.mode)
        cell = cells.get(place) or Cell(*place)
        cell = replace(cell, planned=cell.planned + 1)
        cells[place] = counted(cell, known[job.key]) if job.key in known else cell
    return tuple(cells.values())


__all__ = [
    "MODES",
    "RESULTS",
    "TASKS",
    "Cell",
    "Plan",
    "Row",
    "Task",
    "cases_of",
    "cells_of",
    "key_of",
    "present",
    "read_rows",
    "run",
    "table",
]
