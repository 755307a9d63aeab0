"""``latm demo``: fetch the embedded model, make a tool, answer unseen questions, draw.

Invariant: everything shown is measured in this run, with the embedded model.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from latm import batch
from latm.bench import words
from latm.bench.demo import ModelAsked, ask_directly, rates
from latm.bench.pictures import draw_costs
from latm.cases import Asked
from latm.cli.models import ensure
from latm.cli.output import say, table
from latm.errors import NotToolableError
from latm.ledger import Rates, break_even, cost_curve, dollars
from latm.models.prices import list_price
from latm.runtime import MakeReport, opened
from latm.settings import Settings, load
from latm.types import Case

NAME = "word-sorting"
MODEL = "qwen2.5-coder-1.5b"
_MAKING_SEED, _UNSEEN_SEED = 20230526, 1
PRICED_AS = "openai:gpt-4.1"
"""The embedded model costs nothing: its tokens are priced as a strong model's."""


@dataclass(frozen=True, slots=True)
class _Measured:
    report: MakeReport
    summary: batch.Summary
    direct: ModelAsked


def demo(*, questions: int = 1000, direct: int = 8, picture: Path = Path("out/demo.png")) -> int:
    """Make a tool with the embedded model and show what it saves.

    Example: latm demo

    Parameters
    ----------
    questions
        Unseen questions to answer with the tool.
    direct
        Questions put to the model itself, for comparison.
    picture
        Where the cost curve is drawn.
    """
    settings = load()
    say(f"1/4  the embedded model {MODEL}")
    ensure(MODEL, settings.home)
    with tempfile.TemporaryDirectory() as folder:
        fresh = load(home=settings.home, db=f"{folder}/demo.db", maker=f"local:{MODEL}")
        measured = asyncio.run(_measure(fresh, questions, direct))
    costs = rates(measured.report.usage, measured.direct, partial(list_price, PRICED_AS))
    _show(measured, costs)
    say(f"cost curve: {draw_costs(costs, PRICED_AS, picture)}")
    return 0


async def _measure(settings: Settings, questions: int, direct: int) -> _Measured:
    cases = list(words.cases(_MAKING_SEED, 60))
    async with opened(settings) as runtime:
        say(f"2/4  making the tool {NAME!r} from {len(cases)} cases")
        report = await runtime.make(NAME, cases)
        if not report.tools:
            raise NotToolableError(f"no tool for {NAME!r}: {'; '.join(report.reasons)}")
        unseen = _unseen(cases, questions)
        say(f"3/4  answering {questions} unseen questions with it")
        flow = await runtime.flow(NAME, rungs=("tool",))
        summary = await batch.solve(
            [Asked(n, c.question, c.answer) for n, c in enumerate(unseen, 1)],
            lambda question: flow.answer(question, name=NAME, rungs=("tool",)),
            io.BytesIO(),
        )
        say(f"4/4  asking the model itself {direct} of them, without the tool")
        model = runtime.model(settings.maker)
        asked = await ask_directly(model, unseen[:direct], time.perf_counter)
        return _Measured(report, summary, asked)


def _unseen(known: Sequence[Case], count: int) -> list[Case]:
    seen = {case.question for case in known}
    fresh = words.cases(_UNSEEN_SEED, count + len(seen))
    return [case for case in fresh if case.question not in seen][:count]


def _show(measured: _Measured, costs: Rates) -> None:
    report, summary, direct = measured.report, measured.summary, measured.direct
    tool = report.tools[0]
    verified = tool.tool.verification
    print(tool.tool.solver.source.rstrip())
    say(
        f"verified on {verified.held_out_passed} of {verified.held_out} held-out cases, "
        f"{report.usage.total} tokens, {report.seconds:.0f} s, version {tool.version[:12]}"
    )
    (curve,) = cost_curve(costs, [direct.questions])
    rows = [
        ("tool", summary.questions, summary.right, summary.tokens, f"{summary.seconds:.2f}", "$0"),
        (
            "model, no tool",
            direct.questions,
            direct.right,
            direct.usage.total,
            f"{direct.seconds:.2f}",
            dollars(curve.without_tool),
        ),
    ]
    table("unseen questions", ("rung", "questions", "right", "tokens", "seconds", "cost"), rows)
    (curve,) = cost_curve(costs, [1000])
    tokens = 1000 * direct.usage.total // direct.questions
    totals = [
        ("without the tool", tokens, dollars(curve.without_tool)),
        ("with the tool, making included", report.usage.total, dollars(curve.with_tool)),
    ]
    table(f"1,000 questions, list price of {PRICED_AS}", ("", "tokens", "cost"), totals)
    even = break_even(costs)
    say(f"break-even after {even} question{'s' * (even != 1)}")
