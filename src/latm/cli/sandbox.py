"""``latm sandbox``: what this machine's sandbox holds, and one function run in it.

Command-line words flow in; a table or one JSON object flows out. Invariant: a tool that fails
inside a sound sandbox is a result (exit 0); only a sandbox that cannot be trusted is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from latm.errors import InputError, SandboxUnavailableError, UnknownNameError

if TYPE_CHECKING:
    from latm.sandbox.engines import Engines, Report
    from latm.types import EngineName, Json, Outcome, Program

app = App(name="sandbox", help="Check the sandbox of this machine; run one function in it.")


@app.command
async def check(*, json: bool = False) -> None:
    """Show which engines and walls this machine gives, and whether they hold.

    Example: latm sandbox check --json

    Args:
        json: print one JSON object.
    """
    from latm.sandbox.engines import open_engines  # noqa: PLC0415 - loads the engines

    engines = await open_engines()
    await engines.aclose()
    if json:
        _print_check(engines)
    else:
        for report in engines.reports:
            _show(report)
    if not engines.sandboxes:
        raise SandboxUnavailableError("no engine is usable on this machine; tools cannot be run")


def _print_check(engines: Engines) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    from latm.cli.output import print_json  # noqa: PLC0415

    rows = [
        {
            "engine": report.engine,
            "version": report.version,
            "usable": report.usable,
            "walls": list(report.walls),
            "reason": report.reason or None,
            "checks": [asdict(one) for one in report.checks],
        }
        for report in engines.reports
    ]
    print_json({"ok": bool(engines.sandboxes), "engines": rows})


def _show(report: Report) -> None:
    from latm.cli.output import say, table  # noqa: PLC0415

    title = f"{report.engine}: {report.version or 'absent'}"
    rows = [(one.check, "held" if one.held else "NOT HELD", one.detail) for one in report.checks]
    if rows:
        table(title, ("canary", "outcome", "what was seen"), rows)
    if not report.usable:
        say(f"{title} is not used: {report.reason}")


@app.command
async def run(
    tool: Path,
    /,
    *,
    arg: str = "null",
    engine: str | None = None,
    entry: Annotated[str, Parameter(show_default=True)] = "tool",
    json: bool = False,
) -> None:
    """Run the function of a file on one argument.

    Without an engine named, the small interpreter goes first, and full CPython in the jail
    takes what that lacks.

    Example: latm sandbox run sort.py --arg '"pear fig apple"' --json

    Args:
        tool: a Python file with ``def tool(x)``.
        arg: the argument, as JSON.
        engine: monty or jail.
        entry: the name of the function.
        json: print one JSON object.
    """
    from latm.types import Program  # noqa: PLC0415

    names = _engines(engine)
    program = Program(_source(tool), entry)
    argument = _argument(arg)
    used, outcome = await _first(names, program, argument)
    _print_outcome(used, outcome, json)


def _engines(engine: str | None) -> tuple[EngineName, ...]:
    from latm.sandbox.engines import ENGINES  # noqa: PLC0415

    if engine is None:
        return ENGINES
    for name in ENGINES:
        if name == engine:
            return (name,)
    raise UnknownNameError(f"no engine is named {engine!r}; choose one of: {', '.join(ENGINES)}")


def _source(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}; name a file") from None
    except UnicodeDecodeError:
        raise InputError(f"{str(path)!r} is not UTF-8 text; name a Python file") from None


def _argument(text: str) -> Json:
    from latm.sandbox.protocol import ReplyError, parse_json  # noqa: PLC0415

    try:
        return parse_json(text.encode("utf-8", "surrogatepass"))
    except ReplyError as error:
        raise InputError(f"--arg {text[:60]!r} is not usable: {error}; give quoted JSON") from None


async def _first(
    names: tuple[EngineName, ...], program: Program, argument: Json
) -> tuple[EngineName, Outcome]:
    """The outcome of the first engine that is usable and does not lack what it takes."""
    from latm.sandbox.engines import open_engines  # noqa: PLC0415
    from latm.types import Failed, Limits  # noqa: PLC0415

    reasons: list[str] = []
    last: tuple[EngineName, Outcome] | None = None
    for name in names:
        engines = await open_engines(1, (name,))
        try:
            reasons += [report.reason for report in engines.reports if not report.usable]
            if name in engines.sandboxes:
                outcome = await engines.sandboxes[name].run(program, [argument], Limits())
                last = name, outcome
                if not (isinstance(outcome, Failed) and outcome.unsupported):
                    break
        finally:
            await engines.aclose()
    if last is None:
        raise SandboxUnavailableError("; ".join(reasons))
    return last


def _print_outcome(engine: EngineName, outcome: Outcome, json: bool) -> None:
    from latm.cli.output import print_json, table  # noqa: PLC0415
    from latm.types import Returned  # noqa: PLC0415

    milliseconds = round(outcome.seconds * 1e3, 3)
    if isinstance(outcome, Returned):
        result: dict[str, object] = {"ok": True, "value": outcome.value}
    else:
        error = {"kind": outcome.kind, "message": outcome.message}
        result = {"ok": False, "error": error}
    if json:
        print_json(result | {"engine": engine, "ms": milliseconds})
    else:
        rows = [(name, repr(value)) for name, value in result.items()]
        table(f"{engine}, {milliseconds} ms", ("what", "value"), rows)
