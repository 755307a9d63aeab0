"""``latm make``: a file of questions and answers in, a verified tool out.

Where the class has tools, what they get wrong is mended. Invariant: what is printed as
passed was judged on cases that the maker never saw.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from latm.cases import CaseFile, read_cases
from latm.cases.sifting import shorten
from latm.cli.output import print_json, progress, say, table
from latm.errors import NotToolableError
from latm.making.maker import Attempt
from latm.making.promoter import ErrorBound
from latm.making.report import MakeReport, Upgrade
from latm.runtime import opened
from latm.settings import Settings, load
from latm.using.ladder import UserMode

Flag = Annotated[bool, Parameter(negative=())]

_OUTCOMES = {
    "wrong": "wrong",
    "failed": "without an answer because the tool failed",
    "abstained": "not covered",
}
"""What is said of cases that do not come out right, the worst first."""


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
    fresh: Flag = False,
    json: Flag = False,
) -> int:
    """Make a verified tool from a file of questions and answers, or mend the one there is.

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
    fresh
        Make anew: leave the class's tools and stored cases behind.
    json
        Print one JSON object.
    """
    settings = load(maker=maker, user=user, max_tokens=max_tokens, seed=seed)
    file = read_cases(cases)
    if file.duplicates:
        say(f"left out {len(file.duplicates)} repeated cases, first: {file.duplicates[0]}")
    report = asyncio.run(_make(settings, name, file, user_mode, fresh=fresh, quiet=json))
    if json:
        print_json(_as_json(report))
    else:
        _show(report, settings)
    if not report.tools:
        raise NotToolableError(f"no tool for {name!r}: {'; '.join(report.reasons)}")
    if report.upgrade and not report.upgrade.done:
        raise NotToolableError(f"{name!r} is not mended: {_remaining(report.upgrade)}")
    return 0


async def _make(
    settings: Settings, name: str, file: CaseFile, mode: UserMode, *, fresh: bool, quiet: bool
) -> MakeReport:
    async with opened(settings) as runtime:
        with progress("making", None, quiet=quiet) as bar:

            def report(attempt: Attempt) -> None:
                if bar:
                    bar.update(bar.task_ids[0], advance=1, description=_line(attempt))

            cases = file.consistent()
            return await runtime.make(name, cases, report, user_mode=mode, fresh=fresh)


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
        "error_upper_bound": report.error_upper_bound,
        "cases_needed": report.more_cases if report.tools else None,
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
                "parent": item.tool.provenance.parent,
                "error_upper_bound": bound.rate,
                "compared": bound.compared,
                "wrong": bound.wrong,
                "cases_needed": bound.more_cases,
            }
            for item, bound in zip(report.tools, report.evidence, strict=True)
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
        "warnings": list(report.warnings),
        "changes": list(report.changes),
        "upgrade": _upgrade_as_json(report.upgrade) if report.upgrade else None,
    }


def _upgrade_as_json(upgrade: Upgrade) -> dict[str, object]:
    return {
        "new_cases": upgrade.new_cases,
        "failing": upgrade.failing,
        "mended": upgrade.mended,
        "remaining": [
            {"question": v.case.question, "outcome": v.outcome, "got": v.got}
            for v in upgrade.remaining
        ],
        "done": upgrade.done,
    }


def _show(report: MakeReport, settings: Settings) -> None:
    if report.tools:
        rows = [
            (
                f"{item.tool.name}/{item.tool.shape}",
                item.version[:12],
                item.state,
                f"{bound.compared - bound.wrong} of {bound.compared}",
                f"{bound.rate:.2%}",
                item.tool.provenance.strategy,
                item.tool.solver.engine,
            )
            for item, bound in zip(report.tools, report.evidence, strict=True)
        ]
        columns = ("tool", "version", "state", "held out", "error at most", "strategy", "engine")
        table(f"tools of {report.name!r}", columns, rows)
    cost = "unknown" if report.cost_usd is None else f"${report.cost_usd:.4f}"
    say(f"{report.usage.total} tokens, cost {cost}, {report.seconds:.1f} s")
    for item, bound in zip(report.tools, report.evidence, strict=True):
        say(f"{item.tool.name}/{item.tool.shape}: {_in_words(bound, settings)}")
    if any(item.state == "shadow" for item in report.tools):
        say("a tool in shadow serves by name only; 'latm tools promote' is your word for it")
    for change in report.changes:
        say(change)
    if report.upgrade:
        _show_upgrade(report.upgrade)
    for warning in report.warnings:
        say(f"to look at: {warning}")
    for reason in report.reasons if report.tools else ():
        say(f"not covered: {reason}")


def _in_words(bound: ErrorBound, settings: Settings) -> str:
    right = "all right" if not bound.wrong else f"{bound.wrong} wrong"
    said = (
        f"wrong-answer rate at most {bound.rate:.2%} at {settings.confidence:.0%} confidence "
        f"({bound.compared} held-out cases, {right})"
    )
    wished = f"{settings.max_error:.1%}"
    if not bound.more_cases:
        return f"{said}; your bound of {wished} is met"
    return (
        f"{said}; for your bound of {wished} another {bound.more_cases} held-out cases are needed"
    )


def _show_upgrade(upgrade: Upgrade) -> None:
    if not upgrade.failing:
        say(f"nothing to mend: {upgrade.new_cases} new cases, all right")
        return
    say(
        f"{upgrade.new_cases} new cases; mended {upgrade.mended} of {upgrade.failing} that were "
        "wrong or not covered"
    )
    if upgrade.done and upgrade.remaining:
        say(f"not mended: {_remaining(upgrade)}")


def _remaining(upgrade: Upgrade) -> str:
    """The cases that still do not come out right: how many, how, and the first one."""
    counts = Counter(v.outcome for v in upgrade.remaining)
    told = ", ".join(f"{n} {_OUTCOMES[outcome]}" for outcome, n in sorted(counts.items()))
    worst = min(upgrade.remaining, key=lambda v: list(_OUTCOMES).index(v.outcome))
    got = f"got {shorten(worst.got)} instead of " if worst.got is not None else "wanted "
    return f"{told}; first {shorten(worst.case.question)}: {got}{shorten(worst.case.answer)}"
