"""Results of the six tasks: rows of a file in, counted cells and a Markdown table out.

Invariant: nothing is left out of a cell's count: an abstention or a failure is a question
without a right answer, and a cell that is not complete says how many it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from latm.types import Usage

Mode = Literal["schema", "code"]
Outcome = Literal["right", "wrong", "abstained", "failed"]


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


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of a results file; a line cut by a kill is passed over, its question asked again."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield Row(**cast("dict[str, object]", json.loads(line)))  # pyright: ignore[reportArgumentType]
        except (ValueError, TypeError):
            continue


def cells_of(rows: Sequence[Row]) -> tuple[Cell, ...]:
    """Cells of a results file as it stands, for a look while the run goes on.

    Rows of earlier prompts or tools count too: only `run` knows which are current.
    """
    cells: dict[tuple[str, str, Mode], Cell] = {}
    for row in rows:
        place = (row.task, row.user, row.mode)
        cells[place] = counted(cells.get(place) or Cell(*place), row)
    return tuple(cells.values())


def counted(cell: Cell, row: Row) -> Cell:
    return replace(
        cell,
        right=cell.right + (row.outcome == "right"),
        wrong=cell.wrong + (row.outcome == "wrong"),
        abstained=cell.abstained + (row.outcome == "abstained"),
        failed=cell.failed + (row.outcome == "failed"),
        usage=cell.usage + Usage(row.input, row.cached_input, row.output),
        seconds=round(cell.seconds + row.seconds, 3),
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
