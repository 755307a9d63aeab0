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
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, cast

from latm.answers import same
from latm.cases import read_cases
from latm.errors import InputError, LatmError
from latm.execution import Execution, Executor
from latm.identity import canonical_json, digest
from latm.making.transcripts import Transcript, import_transcript, read_transcript
from latm.models import Model
from latm.types import Case, EngineName, Tool, Usage
from latm.using.user import Turn, code_request, fill, fill_request, write_code

Mode = Literal["schema", "code"]
Outcome = Literal["right", "wrong", "abstained", "failed"]

RESULTS = "results.jsonl"
MODES: tuple[Mode, ...] = ("schema", "code")
_ENGINES: Mapping[Mode, tuple[EngineName, ...]] = {
    "schema": ("monty", "jail"),
    # Free code may use all of Python, as it could in the paper.
    "code": ("jail", "monty"),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One task, with the paper's accuracies of GPT-3.5 in per cent (240 questions)."""

    name: str
    label: str
    paper_latm: float
    paper_cot: float
    blanks: bool = True


TASKS = (
    Task("logical_deduction_five_objects", "logical deduction (5)", 79.7, 66.4),
    Task("tracking_shuffled_objects_five_objects", "tracking shuffled (5)", 99.6, 61.6),
    Task("dyck_languages", "Dyck language", 92.2, 20.4, blanks=False),
    Task("word_sorting", "word sorting", 98.3, 59.2),
    Task("chinese_remainder_theorem", "Chinese remainder", 100.0, 0.0),
    Task("schedule_meeting", "schedule meeting", 100.0, 18.9),
)


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
class Row:
    """One question asked. ``key`` names the prompt, the tool and the user that gave it."""

    key: str
    task: str
    user: str
    mode: Mode
    question: str
    answer: str
    got: str | None
    outcome: Outcome
    reason: str
    input: int
    cached_input: int
    output: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One task, user and mode, over the questions answered so far."""

    task: str
    user: str
    mode: Mode
    right: int = 0
    wrong: int = 0
    abstained: int = 0
    failed: int = 0
    usage: Usage = Usage()
    seconds: float = 0.0
    planned: int = 0

    @property
    def asked(self) -> int:
        return self.right + self.wrong + self.abstained + self.failed

    @property
    def accuracy(self) -> float | None:
        """Share of right answers among all questions asked; None before the first."""
        return self.right / self.asked if self.asked else None


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
    asked: dict[tuple[str, Mode], tuple[Tool, tuple[Case, ...]]] = {}
    for task in plan.tasks:
        transcript = read_transcript(plan.folder / f"{task.name}.gpt4-transcript.json")
        cases = cases_of(task, plan.folder, transcript)[: plan.cases]
        for mode in plan.modes:
            tool = await import_transcript(
                transcript,
                executor,
                name=task.name.replace("_", "-"),
                created_at="1970-01-01T00:00:00Z",  # kept nowhere: only its calls matter here
                engines=[e for e in _ENGINES[mode] if e in executor.engines],
            )
            asked[task.name, mode] = (tool, cases)
    return [
        _Job(key_of(user.name, mode, tool, case), task.name, mode, tool, case, user)
        for mode in plan.modes
        for user in users
        for task in plan.tasks
        for tool, cases in [asked[task.name, mode]]
        for case in cases
    ]


def key_of(user: str, mode: Mode, tool: Tool, case: Case) -> str:
    """Digest of all that decides how a question is answered and judged."""
    request = (code_request if mode == "code" else fill_request)(tool, case.question)
    parts = [user, mode, asdict(request), asdict(tool.solver), asdict(tool.answer), case.answer]
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


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of a results file; a line cut by a kill is passed over, its question asked again."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield Row(**cast("dict[str, object]", json.loads(line)))  # pyright: ignore[reportArgumentType]
        except (ValueError, TypeError):
            continue


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
        cells[place] = _counted(cell, known[job.key]) if job.key in known else cell
    return tuple(cells.values())


def cells_of(rows: Sequence[Row]) -> tuple[Cell, ...]:
    """Cells of a results file as it stands, for a look while the run goes on.

    Rows of earlier prompts or tools count too: only `run` knows which are current.
    """
    cells: dict[tuple[str, str, Mode], Cell] = {}
    for row in rows:
        place = (row.task, row.user, row.mode)
        cells[place] = _counted(cells.get(place) or Cell(*place), row)
    return tuple(cells.values())


def _counted(cell: Cell, row: Row) -> Cell:
    return replace(
        cell,
        right=cell.right + (row.outcome == "right"),
        wrong=cell.wrong + (row.outcome == "wrong"),
        abstained=cell.abstained + (row.outcome == "abstained"),
        failed=cell.failed + (row.outcome == "failed"),
        usage=cell.usage + Usage(row.input, row.cached_input, row.output),
        seconds=cell.seconds + row.seconds,
    )


def table(cells: Sequence[Cell]) -> str:
    """Markdown: accuracies beside the paper's, then what stands behind each of them."""
    by_user: dict[tuple[str, Mode], None] = dict.fromkeys((c.user, c.mode) for c in cells)
    found = {(cell.user, cell.mode, cell.task): cell for cell in cells}
    head = ["user", "how it calls", *(task.label for task in TASKS)]
    lines = [_line(head), _line(["---"] * len(head))]
    for user, mode in by_user:
        shown = [_share(found.get((user, mode, task.name))) for task in TASKS]
        lines.append(_line([user, _HOW[mode], *shown]))
    lines.append(_line(["GPT-3.5 (paper)", "free code", *(f"{t.paper_latm:.1f}" for t in TASKS)]))
    cot = [f"{t.paper_cot:.1f}" for t in TASKS]
    lines.append(_line(["GPT-3.5 (paper)", "no tool, chain of thought", *cot]))
    return "\n".join([*lines, "", *_details(cells)]) + "\n"


_HOW: Mapping[Mode, str] = {"schema": "arguments by schema", "code": "free code"}


def _share(cell: Cell | None) -> str:
    if cell is None or cell.accuracy is None:
        return "—"
    return f"{100 * cell.accuracy:.1f} ({cell.right}/{cell.asked})"


def _details(cells: Sequence[Cell]) -> Iterator[str]:
    labels = {task.name: task.label for task in TASKS}
    head = "user, how, task, n, right, wrong, abstained, failed, tokens in, cached, tokens out, s"
    columns = [name.strip() for name in head.split(",")]
    yield _line(columns)
    yield _line(["---"] * 3 + ["---:"] * (len(columns) - 3))
    for cell in cells:
        n = cell.asked
        planned = f" of {cell.planned}" if cell.planned > n else ""
        counts = (cell.right, cell.wrong, cell.abstained, cell.failed)
        tokens = (cell.usage.input, cell.usage.cached_input, cell.usage.output)
        means = [f"{t / n:.0f}" for t in tokens] if n else ["—"] * 3
        seconds = f"{cell.seconds / n:.1f}" if n else "—"
        place = [cell.user, _HOW[cell.mode], labels.get(cell.task, cell.task)]
        yield _line([*place, f"{n}{planned}", *map(str, counts), *means, seconds])


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


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
