"""``latm make``: a file of questions and answers in, a verified tool out.

Invariant: what is printed as passed was judged on cases that the maker never saw.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from latm.cases import CaseFile, read_cases, require_enough
from latm.cli.output import print_json, progress, say, table
from latm.errors import NotToolableError
from latm.making.maker import Attempt
from latm.runtime import MakeReport, opened
from latm.settings import Settings, load
from latm.using.ladder import UserMode


def make(
    cases: Path,
    /,
    *,
    name: str,
    maker: str | None = None,
    user: str | None = None,
    user_mode: UserMode = "schema",
    max_tokens: int | None = None,
    seed: int | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Make a verified tool from a file of questions and answers.

    Example: latm make cases.jsonl --name word-sorting

    Parameters
    ----------
    cases
        JSONL, JSON, CSV or a chat log with questions and answers.
    name
        Name of the request class: a-z, 0-9, '-' and '_'.
    maker
        Model that writes the tool, provider:model.
    user
        Light model that fills in arguments where no template does, provider:model.
    user_mode
        There the light model fills in arguments (schema) or writes the call (code).
    max_tokens
        Budget of the making, input and output tokens together.
    seed
        Of the split into shown and held-out cases, and of samples.
    json
        Print one JSON object.
    """
    settings = load(maker=maker, user=user, max_tokens=max_tokens, seed=seed)
    file = read_cases(cases)
    if file.duplicates:
        say(f"left out {len(file.duplicates)} repeated cases, first: {file.duplicates[0]}")
    consistent = file.consistent()
    require_enough(consistent)
    report = asyncio.run(_make(settings, name, file, user_mode, quiet=json))
    if json:
        print_json(_as_json(report))
    else:
        _show(report, settings)
    if not report.tools:
        raise NotToolableError(f"no tool for {name!r}: {'; '.join(report.reasons)}")
    return 0


async def _make(
    settings: Settings, name: str, file: CaseFile, user_mode: UserMode, *, quiet: bool
) -> MakeReport:
    async with opened(settings) as runtime:
        with progress("making", None, quiet=quiet) as bar:

            def report(attempt: Attempt) -> None:
                if bar:
                    bar.update(bar.task_ids[0], advance=1, description=_line(attempt))

            return await runtime.make(name, file.consistent(), report, user_mode=user_mode)


def _line(attempt: Attempt) -> str:
    return f"{attempt.strategy}: {attempt.passed} of {attempt.shown} shown cases"


def _as_json(report: MakeReport) -> dict[str, object]:
    checked = [item.tool.verification for item in report.tools]
    first = report.tools[0] if report.tools else None
    states = {item.state for item in report.tools}
    return {
        "name": report.name,
        "version": first.version if first else None,
        "state": next((s for s in ("shadow", "live") if s in states), None),
        "shown": len(report.split.shown),
        "shown_passed": sum(v.shown_passed for v in checked),
        "held_out": len(report.split.held_out),
        "held_out_passed": sum(v.held_out_passed for v in checked),
        "held_out_uncovered": report.uncovered,
        "error_upper_bound": max(report.bounds) if report.bounds else None,
        "more_cases_for_bound": report.more_cases if report.tools else None,
        "tokens": report.usage.total,
        "cost_usd": report.cost_usd,
        "seconds": round(report.seconds, 3),
        "replayed_calls": report.replayed,
        "tools": [
            {
                "shape": item.tool.shape,
                "version": item.version,
                "state": item.state,
                "engine": item.tool.solver.engine_version,
                "strategy": item.tool.provenance.strategy,
                "held_out": item.tool.verification.held_out,
                "held_out_passed": item.tool.verification.held_out_passed,
                "held_out_abstained": item.tool.verification.held_out_abstained,
                "error_upper_bound": bound,
            }
            for item, bound in zip(report.tools, report.bounds, strict=True)
        ],
        "attempts": [
            {
                "strategy": a.strategy,
                "temperature": a.temperature,
                "tokens": a.usage.total,
                "passed": a.passed,
                "shown": a.shown,
                "result": a.result,
            }
            for a in report.attempts
        ],
        "reasons": list(report.reasons),
    }


def _show(report: MakeReport, settings: Settings) -> None:
    if report.tools:
        rows = [
            (
                f"{item.tool.name}/{item.tool.shape}",
                item.version[:12],
                item.state,
                f"{item.tool.verification.held_out_passed} of {item.tool.verification.held_out}",
                f"{bound:.2%}",
                item.tool.provenance.strategy,
                item.tool.solver.engine,
            )
            for item, bound in zip(report.tools, report.bounds, strict=True)
        ]
        columns = ("tool", "version", "state", "held out", "error at most", "strategy", "engine")
        table(f"made {report.name!r}", columns, rows)
    cost = "unknown" if report.cost_usd is None else f"${report.cost_usd:.4f}"
    say(f"{report.usage.total} tokens, cost {cost}, {report.seconds:.1f} s")
    if report.more_cases and report.tools:
        say(
            f"{report.more_cases} more held-out cases, all right, would show an error rate "
            f"under {settings.max_error:.1%}; until then 'latm tools promote' is your word"
        )
    for reason in report.reasons if report.tools else ():
        say(f"not covered: {reason}")
