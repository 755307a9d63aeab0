"""The steps of a job, each of which may be run again."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from latm.jobs.job import Brief, Outcome, Task
from latm.jobs.work import Work
from latm.models.scripted import ScriptedModel
from latm.settings import load
from latm.store import Store, UsageRow
from latm.types import Case, Usage

from .observed import FINGERPRINT, ClassesInFile

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
MAKER = "scripted:model"
TASK = Task("make", "doubling")
TWICE = "def solve(tell):\n    return 2 * tell"


def work(home: Path, script: list[str], **named: str | int) -> tuple[Work, ClassesInFile]:
    cases = [Case(f"What is twice {n}, tell me?", str(2 * n)) for n in range(3, 353, 7)]
    observed = ClassesInFile(home / "states", cases)
    home.mkdir(exist_ok=True)
    settings = load(environ={}, directory=home, **{"home": home, "maker": MAKER, **named})
    models = {MAKER: ScriptedModel(script)}
    ticks = itertools.count()
    now = lambda: NOW + timedelta(seconds=next(ticks))  # noqa: E731 - as short as it is
    return Work(settings, lambda _: observed, now, models), observed


async def used(home: Path, tokens: int, at: str) -> None:
    async with await Store.open(home / "latm.db") as store:
        await store.usage.append([UsageRow("making", usage=Usage(tokens), cost_usd=None, at=at)])


async def test_a_tool_made_in_the_background_serves_only_requests_of_its_class(home: Path) -> None:
    doing, observed = work(home, [TWICE])
    brief = await doing.begin(TASK)
    assert isinstance(brief, Brief)
    outcome = await doing.carry_out("make-doubling-1", TASK, brief)
    await doing.settle("make-doubling-1", TASK, outcome)
    assert (outcome.result, outcome.calls, outcome.cases) == ("made", 1, 50)
    assert observed.said() == ["making", "made"]
    async with await Store.open(home / "latm.db") as store:
        (tool,) = await store.toolbox.serving(shadow=True)
    assert (tool.tool.fingerprint, tool.state) == (FINGERPRINT, "shadow")
    again = await doing.carry_out("make-doubling-1", TASK, brief)
    assert again.result == "made", "its script is used up: no model was asked"
    assert again.calls == 1


async def test_no_question_and_no_answer_is_in_what_the_queue_keeps(home: Path) -> None:
    doing, observed = work(home, [])
    kept = repr((await doing.begin(TASK)).plain())
    assert FINGERPRINT in kept
    assert not any(case.question in kept or f'"{case.answer}"' in kept for case in observed.cases)


async def test_the_days_budget_bounds_a_making_and_then_postpones_it(home: Path) -> None:
    doing, _ = work(home, [], making_tokens_a_day=5000, max_tokens=3000)
    await used(home, 10_000, "2026-03-03T23:59:59.999999+00:00")
    await used(home, 4000, "2026-03-04T00:00:00.000000+00:00")
    brief = await doing.begin(TASK)
    assert isinstance(brief, Brief)
    assert brief.max_tokens == 1000
    await used(home, 1000, "2026-03-04T01:00:00.000000+00:00")
    outcome = await doing.begin(TASK)
    assert isinstance(outcome, Outcome)
    assert outcome.result == "postponed"


async def test_money_of_a_day_bounds_a_making_as_tokens_do(home: Path) -> None:
    doing, _ = work(home, [], making_usd_a_day="0.50", max_cost_usd="0.80")
    brief = await doing.begin(TASK)
    assert isinstance(brief, Brief)
    assert brief.max_usd == Decimal("0.50")


async def test_a_model_that_cannot_be_reached_is_no_refusal(home: Path) -> None:
    doing, _ = work(home, [])
    brief = await doing.begin(TASK)
    assert isinstance(brief, Brief)
    outcome = await doing.carry_out("j", TASK, brief)
    assert outcome.result == "unavailable"


async def test_a_class_that_no_function_fits_is_refused_with_the_reason(home: Path) -> None:
    doing, observed = work(home, ["def solve(tell):\n    return 1"] * 99, max_tokens=1500)
    brief = await doing.begin(TASK)
    assert isinstance(brief, Brief)
    outcome = await doing.carry_out("j", TASK, brief)
    await doing.settle("j", TASK, outcome)
    assert outcome.result == "refused"
    assert outcome.reason
    assert observed.said()[-1] == "refused"


async def test_a_counterexample_is_mended_and_the_new_version_keeps_the_fingerprint(
    home: Path,
) -> None:
    mended = "def solve(tell):\n    return 2 * tell + (tell > 1000)"
    doing, _ = work(home, [TWICE, mended])
    brief = await doing.begin(TASK)
    assert isinstance(brief, Brief)
    await doing.carry_out("j", TASK, brief)
    other = [Case(f"What is twice {n}, tell me?", str(2 * n + 1)) for n in range(1001, 1041, 2)]
    async with await Store.open(home / "latm.db") as store:
        assert await store.cases.undealt() == {}
        await store.cases.add("doubling", other)
        assert await store.cases.undealt() == {"doubling": 20}
    upgrade = Task("upgrade", "doubling")
    bound = await doing.begin(upgrade)
    assert isinstance(bound, Brief)
    assert (await doing.carry_out("k", upgrade, bound)).result == "made"
    async with await Store.open(home / "latm.db") as store:
        versions = await store.toolbox.versions("doubling")
        assert await store.cases.undealt() == {}
    assert [item.state for item in versions] == ["retired", "shadow"]
    assert {item.tool.fingerprint for item in versions} == {FINGERPRINT}


@pytest.mark.parametrize("kind", ["make", "upgrade"])
async def test_settling_twice_is_settling_once(home: Path, kind: str) -> None:
    doing, observed = work(home, [])
    task = Task("upgrade" if kind == "upgrade" else "make", "doubling")
    for _ in range(2):
        await doing.settle("j", task, Outcome("made", "1 tools, shadow"))
    assert set(observed.said()) <= {"made"}
