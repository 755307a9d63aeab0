"""``latm tools``: list, show, verify, promote, retire and import tools.

Invariant: a state changes only through the lifecycle, with a reason on record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from latm.cases import read_cases
from latm.cli.output import print_json, say, table
from latm.errors import InputError
from latm.induction import pieces
from latm.making.verifier import Judgement
from latm.runtime import Runtime, opened
from latm.settings import load
from latm.store import Counts, StoredTool
from latm.types import Json, State, Tool

app = App(name="tools", help="List, show, verify, promote, retire and import tools.")

Flag = Annotated[bool, Parameter(negative=())]
T = TypeVar("T")


def _run(work: Callable[[Runtime], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened(load()) as runtime:
            return await work(runtime)

    return asyncio.run(run())


@app.command(name="list")
def list_(*, json: Flag = False) -> int:
    """List the tools that are not retired.

    Example: latm tools list

    Parameters
    ----------
    json
        Print one JSON object.
    """

    async def work(runtime: Runtime) -> list[tuple[StoredTool, Counts | None]]:
        since = await runtime.store.evidence.since_live()
        found = await runtime.store.toolbox.current()
        return [(i, since.get(i.version, Counts()) if i.state == "live" else None) for i in found]

    found = _run(work)
    if json:
        print_json({"tools": [{**_summary(i), "since_live": _stated(c)} for i, c in found]})
        return 0
    rows = [
        (
            f"{i.tool.name}/{i.tool.shape}",
            i.version[:12],
            i.state,
            _passed(i.tool),
            _told(c),
            i.added_at,
        )
        for i, c in found
    ]
    table("tools", ("tool", "version", "state", "held out", "since live", "made at"), rows)
    return 0


@app.command
def show(name: str, /, *, version: str | None = None, json: Flag = False) -> int:
    """Show the tools of a class: template, source, evidence and events.

    Example: latm tools show word-sorting

    Parameters
    ----------
    name
        The request class.
    version
        Start of a version's hash; the newest when absent.
    json
        Print one JSON object.
    """

    async def work(runtime: Runtime) -> list[dict[str, object]]:
        found = await runtime.store.toolbox.get(name, version)
        return [await _details(runtime, item) for item in found]

    details = _run(work)
    if json:
        print_json({"name": name, "tools": details})
        return 0
    for detail in details:
        _print_details(detail)
    return 0


@app.command
def verify(name: str, /, *, cases: Path | None = None, json: Flag = False) -> int:
    """Judge the tools of a class again, on this machine.

    A tool that was verified in another version of its engine becomes a new version here.

    Example: latm tools verify word-sorting --cases new-cases.jsonl

    Parameters
    ----------
    name
        The request class.
    cases
        Cases to judge on; the stored ones of the class when absent. Those that the author of
        a tool was shown are judged but not counted.
    json
        Print one JSON object.
    """

    async def work(runtime: Runtime) -> list[tuple[StoredTool, Judgement]]:
        held = read_cases(cases).consistent() if cases else await runtime.store.cases.of(name)
        if not held:
            raise InputError(f"no cases of {name!r} are stored; name a file with --cases")
        items = await runtime.store.toolbox.get(name)
        if any(item.tool.template is None for item in items):
            raise InputError(
                f"{name!r} has no template, so only a light model can call it; "
                f"'latm solve {name} CASES -o OUT' compares its answers with those of a file"
            )
        return [(item, await runtime.verify(item, held)) for item in items]

    judged = _run(work)
    rows = [
        {
            **_summary(item),
            "cases": judgement.verification.held_out,
            "right": judgement.verification.held_out_passed,
            "abstained": judgement.verification.held_out_abstained,
            "accepted": judgement.accepted,
            "reasons": list(judgement.reasons),
        }
        for item, judgement in judged
    ]
    if json:
        print_json({"name": name, "tools": rows})
    else:
        columns = ("tool", "version", "cases", "right", "abstained", "accepted")
        shown = [(r["name"], str(r["version"])[:12], *(r[c] for c in columns[2:])) for r in rows]
        table(f"verified {name!r}", columns, shown)
        for row in rows:
            for reason in judged[rows.index(row)][1].reasons:
                say(f"{row['name']}/{row['shape']}: {reason}")
    return 0


@app.command
def promote(name: str, /, *, reason: str = "promoted by hand", json: Flag = False) -> int:
    """Let the tools of a class answer dispatched requests, on your word.

    Example: latm tools promote word-sorting --reason "checked by me"

    Parameters
    ----------
    name
        The request class.
    reason
        Kept on record.
    json
        Print one JSON object.
    """
    return _move(name, "live", reason, json=json)


@app.command
def retire(name: str, /, *, reason: str = "retired by hand", json: Flag = False) -> int:
    """Take the tools of a class out of service; they stay on record.

    Example: latm tools retire word-sorting --reason "the rule changed"

    Parameters
    ----------
    name
        The request class.
    reason
        Kept on record.
    json
        Print one JSON object.
    """
    return _move(name, "retired", reason, json=json)


@app.command(name="import")
def import_(file: Path, /, *, name: str | None = None, json: Flag = False) -> int:
    """Import a tool, after verifying it here: a transcript published with LATM.

    Example: latm tools import word_sorting.gpt4-transcript.json --name word-sorting

    Parameters
    ----------
    file
        The transcript: a JSON list of the tool maker's messages.
    name
        Name of the request class; from the file's name when absent.
    json
        Print one JSON object.
    """
    chosen = name or file.name.split(".")[0].replace("_", "-").lower()[:48]

    async def work(runtime: Runtime) -> StoredTool:
        return await runtime.import_transcript(chosen, file)

    item = _run(work)
    if json:
        print_json(_summary(item))
    else:
        say(f"imported {item.tool.name} {item.version[:12]} as {item.state}: {_passed(item.tool)}")
    return 0


def _move(name: str, state: State, reason: str, *, json: bool) -> int:
    async def work(runtime: Runtime) -> list[StoredTool]:
        toolbox = runtime.store.toolbox
        for item in await toolbox.get(name):
            bound = await runtime.error_bound(item)
            evidence: dict[str, Json] = {
                "rule": "by hand",
                "wrong": bound.wrong,
                "compared": bound.compared,
                "error_upper_bound": bound.rate,
            }
            await toolbox.set_state(item.version, state, reason, evidence)
        return [i for i in await toolbox.versions(name) if i.state == state]

    moved = _run(work)
    if json:
        print_json({"name": name, "tools": [_summary(item) for item in moved]})
    for item in () if json else moved:
        say(f"{item.tool.name}/{item.tool.shape} {item.version[:12]} is {state}")
    return 0


# --- what is shown ---------------------------------------------------------------------


def _passed(tool: Tool) -> str:
    return f"{tool.verification.held_out_passed} of {tool.verification.held_out}"


def _summary(item: StoredTool) -> dict[str, object]:
    tool = item.tool
    return {
        "name": tool.name,
        "shape": tool.shape,
        "version": item.version,
        "state": item.state,
        "engine": tool.solver.engine_version,
        "maker": tool.provenance.maker,
        "strategy": tool.provenance.strategy,
        "held_out": tool.verification.held_out,
        "held_out_passed": tool.verification.held_out_passed,
    }


async def _details(runtime: Runtime, item: StoredTool) -> dict[str, object]:
    tool = item.tool
    bound = await runtime.error_bound(item)
    counts = await runtime.store.evidence.counts(item.version)
    live = await runtime.store.evidence.since_live(item.version) if item.state == "live" else None
    events = await runtime.store.toolbox.events(item.version)
    return {
        **_summary(item),
        "template": "".join(pieces(tool.template)) if tool.template else None,
        "slots": {s.name: s.kind for s in tool.template.slots} if tool.template else {},
        "answer": "".join(pieces(tool.answer)),
        "source": tool.solver.source,
        "checks": list(tool.verification.checks),
        "error_upper_bound": bound.rate,
        "cases_needed": bound.more_cases,
        "evidence": _stated(counts),
        "since_live": None if live is None else _stated(live.get(item.version, Counts())),
        "events": [f"{e.at} {e.event} → {e.after}: {e.reason}" for e in events],
    }


def _print_details(detail: dict[str, object]) -> None:
    rows = [
        (key, detail[key])
        for key in ("version", "state", "engine", "maker", "strategy", "template", "answer")
    ]
    rows.append(("held out", f"{detail['held_out_passed']} of {detail['held_out']} right"))
    rows.append(("error at most", detail["error_upper_bound"]))
    rows.append(("evidence", _counted(detail["evidence"])))
    if detail["since_live"] is not None:
        rows.append(("since live", _counted(detail["since_live"])))
    rows += [("event", event) for event in _texts(detail["events"])]
    table(f"{detail['name']}/{detail['shape']}", ("", ""), rows)
    print(detail["source"])


def _stated(counts: Counts | None) -> dict[str, int] | None:
    """Different questions by how they went; ``open``: in dispute, and nobody could be asked."""
    if counts is None:
        return None
    return {
        "right": counts.right,
        "wrong": counts.wrong,
        "open": counts.open,
        "abstained": counts.abstained,
        "failed": counts.failed,
    }


def _counted(value: object) -> str:
    """What `_stated` states, for people."""
    return ", ".join(f"{n} {how}" for how, n in value.items()) if isinstance(value, dict) else ""  # pyright: ignore[reportUnknownVariableType]


def _told(counts: Counts | None) -> str:
    return "" if counts is None else f"{counts.right} of {counts.compared}"


def _texts(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
