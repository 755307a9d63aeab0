"""``latm bench``: the commands behind the numbers of docs/benchmarks.md.

Invariant: a bench prints what it measured in this run, and nothing is asserted here.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from latm.bench import sandbox as sandbox_bench
from latm.bench import solve as solve_bench
from latm.bench import tasks as tasks_bench
from latm.bench.cells import Row
from latm.bench.cells import table as tasks_table
from latm.cli.output import print_json, progress, say, table
from latm.errors import InputError
from latm.runtime import opened
from latm.settings import load
from latm.using.dispatcher import Dispatcher
from latm.using.flow import Flow

app = App(name="bench", help="Measure: sandbox, solve, tasks.")

Flag = Annotated[bool, Parameter(negative=())]


@app.command
def sandbox(*, calls: int = 1000, json: Flag = False) -> int:
    """Time a call in each engine, beside a plain process.

    Example: latm bench sandbox --calls 1000

    Parameters
    ----------
    calls
        Calls timed in each engine.
    json
        Print one JSON object.
    """
    timings = asyncio.run(sandbox_bench.run(calls))
    if json:
        print_json({"engines": [asdict(timing) for timing in timings]})
        return 0
    rows = [
        (t.engine, t.calls, _ms(t.median_ms), _ms(t.p99_ms), _ms(t.burst_median_ms), t.version)
        for t in timings
    ]
    columns = ("engine", "calls", "median ms", "p99 ms", "median ms in a burst", "version")
    table("one call of the word-sorting function", columns, rows)
    return 0


@app.command
def solve(*, count: int = 2000, parallel: int = 4, json: Flag = False) -> int:
    """Questions a second through the tool rung on one core, against the bare function.

    Example: latm bench solve --count 2000

    Parameters
    ----------
    count
        Questions.
    parallel
        Questions in flight.
    json
        Print one JSON object.
    """

    async def run() -> solve_bench.Result:
        async with opened(load(db=":memory:")) as runtime:
            executor = await runtime.executor(["monty"])
            flow = Flow(Dispatcher([solve_bench.sorting_tool(executor)]), executor)
            return await solve_bench.word_sorting(flow.answer, count=count, parallel=parallel)

    with solve_bench.one_core():
        result = asyncio.run(run())
    if json:
        print_json(asdict(result))
        return 0
    table("word sorting through the tool rung, one core", ("", ""), list(asdict(result).items()))
    return 0


@app.command
def tasks(
    folder: Path,
    /,
    *,
    users: str = "local:qwen2.5-coder-1.5b,local:qwen2.5-coder-0.5b",
    modes: str = "schema,code",
    cases: int | None = None,
    out: Path = Path("out/tasks"),
    report: Flag = False,
    json: Flag = False,
) -> int:
    """The paper's six tasks: published tools, light models, two ways to call. Resumable.

    Example: latm bench tasks ../shared/data/latm --cases 20

    Parameters
    ----------
    folder
        Of TASK.jsonl and TASK.gpt4-transcript.json.
    users
        Light models, separated by commas.
    modes
        schema: arguments by JSON schema; code: free code, as in the paper.
    cases
        Questions of each task; all that are not in the transcript when absent.
    out
        Folder of the results; what stands there is not asked again.
    report
        Ask nothing, only count what stands there.
    json
        Print one JSON object.
    """
    chosen: tuple[tasks_bench.Mode, ...] = tuple(
        mode for mode in tasks_bench.MODES if mode in modes.split(",")
    )
    if not chosen:
        raise InputError(f"--modes {modes!r}: choose from {', '.join(tasks_bench.MODES)}")
    # The published Chinese remainder tries up to 2.7 million candidates, and with it a light
    # model's slow code is not failed for its speed.
    settings = load(
        db=":memory:", slots=2, sandbox_wall_seconds=60, sandbox_cpu_seconds=30, request_seconds=600
    )
    plan = tasks_bench.Plan(folder, out, cases, modes=chosen)

    async def run() -> tuple[tasks_bench.Cell, ...]:
        async with opened(settings) as runtime:
            models = [runtime.model(name.strip()) for name in users.split(",")]
            executor = await runtime.executor()
            if report:
                return await tasks_bench.report(plan, models, executor)
            with progress("tasks", None, quiet=json) as bar:

                def done(row: Row) -> None:
                    if bar:
                        bar.update(bar.task_ids[0], advance=1, description=row.task)

                return await tasks_bench.run(plan, models, executor, done=done)

    cells = asyncio.run(run())
    if json:
        print_json({"cells": [asdict(cell) for cell in cells]})
        return 0
    (out / "table.md").write_text(tasks_table(cells), encoding="utf-8")
    print(tasks_table(cells))
    say(f"table: {out / 'table.md'}")
    return 0


def _ms(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"
