"""``latm solve``: a stream of questions in, one row a question out.

Invariant: a run that was interrupted goes on behind the last whole row of its output.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import Progress

from latm import batch
from latm.batch import Summary
from latm.cases import iter_questions
from latm.cli.output import print_json, progress, say
from latm.errors import InputError
from latm.runtime import opened
from latm.settings import load
from latm.types import RungName
from latm.using.flow import RUNGS
from latm.using.ladder import UserMode


def solve(
    name: str,
    questions: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None,
    rungs: str = "tool,user,upstream",
    user: str | None = None,
    user_mode: UserMode = "schema",
    parallel: int = 8,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Answer a file of questions with the tool of a class.

    Example: latm solve word-sorting questions.jsonl -o answers.jsonl

    Parameters
    ----------
    name
        The request class, as named by 'latm make'.
    questions
        JSONL, JSON or CSV of questions; answers in it are compared.
    out
        Where the rows go; continued when it holds rows of an earlier run. Else stdout.
    rungs
        Which rungs may answer, in order, separated by commas.
    user
        Light model of the user rung, provider:model.
    user_mode
        The light model fills in arguments (schema) or writes the call (code).
    parallel
        Questions in flight at a time.
    json
        Print the summary as one JSON object on stdout; needs --out.
    """
    if json and out is None:
        raise InputError("--json prints the summary on stdout: name a file for the rows with -o")
    chosen = _rungs(rungs)

    async def run() -> Summary:
        async with opened(load(user=user)) as runtime:
            flow = await runtime.flow(name, rungs=chosen, user_mode=user_mode)
            answer = partial(flow.answer, name=name, rungs=chosen)
            with progress(name, None, quiet=json or out is None) as bar:
                rows = out or sys.stdout.buffer
                asked = iter_questions(questions)
                return await batch.solve(
                    asked, answer, rows, parallel=parallel, progress=_mover(bar)
                )

    summary = asyncio.run(run())
    if json:
        print_json(_as_json(summary))
    else:
        _show(summary)
    return 0


def _mover(bar: Progress | None) -> Callable[[int], None]:
    def moved(count: int) -> None:
        if bar:
            bar.update(bar.task_ids[0], completed=count)

    return moved


def _rungs(text: str) -> tuple[RungName, ...]:
    chosen = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in chosen if word not in RUNGS]
    if unknown or not chosen:
        raise InputError(f"--rungs {text!r}: choose from {', '.join(RUNGS)}")
    return tuple(rung for rung in RUNGS if rung in chosen)


def _as_json(summary: Summary) -> dict[str, object]:
    return {
        "questions": summary.questions,
        "resumed": summary.resumed,
        "answered": summary.answered,
        "right": summary.right,
        "wrong": summary.wrong,
        "abstained": summary.abstained,
        "by_rung": dict(summary.by_rung),
        "tokens": summary.tokens,
        "cost_usd": summary.cost_usd,
        "seconds": round(summary.seconds, 3),
    }


def _show(summary: Summary) -> None:
    rungs = ", ".join(f"{n} by {rung}" for rung, n in summary.by_rung.items()) or "none"
    say(
        f"{summary.questions} questions ({summary.resumed} from an earlier run): {rungs}; "
        f"{summary.abstained} without an answer; {summary.tokens} tokens; {summary.seconds:.1f} s"
    )
    if summary.right or summary.wrong:
        say(f"compared with the file's answers: {summary.right} right, {summary.wrong} wrong")
