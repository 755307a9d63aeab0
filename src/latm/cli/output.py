"""What commands print: one JSON object for programs, tables and progress for people.

Values flow in, text flows out. Invariant: with ``--json`` stdout holds exactly one JSON
object and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


def print_json(value: Mapping[str, object]) -> None:
    """One JSON object on stdout; money as a number, unknown as null."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"cannot print {value!r} as JSON")


def say(text: str) -> None:
    """A line for people, on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people, on stdout."""
    shown = Table(title=title, title_justify="left")
    for n, column in enumerate(columns):
        shown.add_column(column, overflow="fold", justify="left" if n == 0 else "right")
    for row in rows:
        shown.add_row(*(_cell(cell) for cell in row))
    Console(highlight=False).print(shown)


def _cell(value: object) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def progress(text: str, total: int | None, *, quiet: bool) -> Generator[Progress | None]:
    """A progress bar on stderr with one task; None when it would be seen by nobody."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        bar.add_task(text, total=total)
        yield bar
