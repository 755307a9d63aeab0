"""``latm bench``: the commands behind the numbers of docs/benchmarks.md.

Invariant: a bench prints what it measured in this run, and nothing is asserted here.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from latm.bench import choosing, made
from latm.bench import dispatch as dispatch_bench
from latm.bench import making as making_bench
from latm.bench import sandbox as sandbox_bench
from latm.bench import solve as solve_bench
from latm.bench import tasks as tasks_bench
from latm.bench.cells import Row
from latm.bench.cells import table as tasks_table
from latm.bench.families import Family, family
from latm.bench.families import families as every_family
from latm.bench.pictures import draw_dispatch, draw_making
from latm.bench.toolsets import KINDS
from latm.cli.bench_stream import stream
from latm.cli.output import print_json, progress, say, table
from latm.errors import InputError
from latm.identity import canonical_json
from latm.making.parts import PARTS
from latm.runtime import embedding_of, opened
from latm.settings import Settings, load
from latm.using.dispatcher import Dispatcher
from latm.using.flow import Flow

app = App(name="bench", help="Measure: dispatch, making, sandbox, solve, stream, tasks.")
app.command(stream)

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


@app.command
def making(
    *,
    out: Path = Path("out/making"),
    shared: Path | None = None,
    groups: str | None = None,
    families: str | None = None,
    maker: str | None = None,
    seeds: str = "1",
    max_tokens: int | None = None,
    cases: int = 60,
    tests: int = 100,
    without: str = "",
    ablate: Flag = False,
    report: Flag = False,
    json: Flag = False,
) -> int:
    """Make tools for many families of questions, test them on fresh ones. Resumable.

    Example: latm bench making --groups everyday --cases 40

    Parameters
    ----------
    out
        Folder of results.jsonl, table.md and making.png; what stands there is not made again.
    shared
        Folder of TASK.jsonl, the cases of the paper's tasks; left out when absent.
    groups
        Of paper, everyday, gym, untoolable, separated by commas; all when absent.
    families
        Names of families, separated by commas, instead of groups.
    maker
        Model that writes the tools, provider:model.
    seeds
        Each family is made once with each, separated by commas.
    max_tokens
        Budget of one making, input and output tokens together.
    cases
        Cases for one making.
    tests
        Fresh questions after it.
    without
        Parts of the search to switch off, separated by commas.
    ablate
        Make ten families, or those named, with all parts, then without each in turn:
        of all parts, or of those in --without.
    report
        Make nothing, only count what stands there.
    json
        Print one JSON object.
    """
    settings = load(maker=maker, max_tokens=max_tokens, without=without or None)
    if not report:
        names = families or (",".join(making_bench.ABLATED) if ablate else None)
        plan = making_bench.Plan(
            out=out,
            settings=settings,
            families=_families(groups, names, shared),
            pool=every_family(shared=shared),
            seeds=_numbers("--seeds", seeds),
            cases=cases,
            tests=tests,
            without=_variants(settings) if ablate else (settings.without,),
        )
        asyncio.run(_make(plan))
    rows = made.newest(tuple(made.read_rows(out / made.RESULTS)))
    text = made.report(rows)
    if rows:
        _publish(out, settings.maker, rows, text)
    if json:
        print_json(made.as_json(rows))
    else:
        print(text)
    return 0


@app.command
def dispatch(
    *,
    out: Path = Path("out/dispatch"),
    shared: Path | None = None,
    sizes: str = "100,1000,10000",
    kinds: str | None = None,
    rounds: int = 20,
    embedding: Literal["words", "minilm"] = "words",
    json: Flag = False,
) -> int:
    """Time finding a tool among many; try the dispatcher on the paper's six tasks, no model asked.

    Example: latm bench dispatch --sizes 100,1000

    Parameters
    ----------
    out
        Folder of results.jsonl, table.md and dispatch.png.
    shared
        Folder of TASK.jsonl, the cases of the paper's tasks; without it only families made
        here are tried.
    sizes
        Numbers of tools, separated by commas, the smallest first.
    kinds
        Of the sets of tools, separated by commas; all when absent.
    rounds
        How often each question is asked.
    embedding
        What finds the nearest class among the families; minilm needs the extra semantic.
    json
        Print one JSON object.
    """
    chosen = tuple(kind.strip() for kind in kinds.split(",")) if kinds else tuple(KINDS)
    for kind in chosen:
        if kind not in KINDS:
            raise InputError(f"--kinds {kind!r}: choose from {', '.join(KINDS)}")
    numbers = _numbers("--sizes", sizes)
    if 0 in numbers or rounds < 1:
        raise InputError("--sizes and --rounds have to be at least 1")
    scales: list[dispatch_bench.Scale] = []
    for scale in dispatch_bench.run(chosen, numbers, rounds=rounds):
        say(f"{scale.kind}: {scale.tools} tools, {scale.hit_us:.0f} µs a question")
        scales.append(scale)
    say("choosing among classes; this takes a minute or two")
    choices = choosing.run_half(every_family(), embedding_of(embedding))
    choices += choosing.run(shared) if shared else ()
    text = f"{dispatch_bench.table(scales)}\n{choosing.table(choices)}"
    out.mkdir(parents=True, exist_ok=True)
    rows = [*map(asdict, scales), *map(asdict, choices)]
    lines = "".join(f"{canonical_json(row)}\n" for row in rows)
    (out / "results.jsonl").write_text(lines, encoding="utf-8")
    (out / "table.md").write_text(text, encoding="utf-8")
    say(f"table: {out / 'table.md'}")
    try:
        say(f"picture: {draw_dispatch(scales, out / 'dispatch.png')}")
    except InputError as error:  # without the extra the numbers are there all the same
        say(str(error))
    if json:
        scaled, chose = [asdict(scale) for scale in scales], [asdict(one) for one in choices]
        print_json({"scales": scaled, "choices": chose})
    else:
        print(text)
    return 0


def _families(groups: str | None, names: str | None, shared: Path | None) -> tuple[Family, ...]:
    """The families asked for.

    Raises:
        InputError: no such group, or one that is not to be had without ``--shared``.
        UnknownNameError: no such family.
    """
    if names is not None:
        return tuple(family(name.strip(), shared=shared) for name in names.split(","))
    every = every_family(shared=shared)
    if groups is None:
        return every
    wanted = [group.strip() for group in groups.split(",")]
    for group in wanted:
        if group not in made.GROUPS:
            raise InputError(f"--groups {group!r}: choose from {', '.join(made.GROUPS)}")
        if group == "paper" and shared is None:
            raise InputError("--groups 'paper' needs --shared, the folder of the tasks' cases")
    return tuple(one for one in every if one.group in wanted)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    numbers = [number.strip() for number in text.split(",")]
    if not all(number.isdecimal() for number in numbers):
        raise InputError(f"{option} {text!r}: give whole numbers, such as 1,2,3")
    return tuple(map(int, numbers))


def _variants(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """Nothing switched off, then each part by itself."""
    return ((), *((part,) for part in settings.without or PARTS))


async def _make(plan: making_bench.Plan) -> None:
    name = plan.settings.maker
    total = len(plan.families) * len(plan.seeds) * len(plan.without)
    say(f"{total} makings with {name}; what stands in {plan.out} is not made again")
    async with opened(plan.settings.model_copy(update={"db": ":memory:"})) as runtime:
        await making_bench.run(
            plan, {name: runtime.model(name)}, done=lambda row: say(made.summary(row))
        )


def _publish(out: Path, maker: str, rows: tuple[made.Row, ...], text: str) -> None:
    (out / "table.md").write_text(text, encoding="utf-8")
    say(f"table: {out / 'table.md'}")
    drawn = [row for row in rows if row.maker == maker and not row.without]
    try:
        say(f"picture: {draw_making(drawn, out / 'making.png')}")
    except InputError as error:  # without the extra the numbers are there all the same
        say(str(error))


def _ms(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"
