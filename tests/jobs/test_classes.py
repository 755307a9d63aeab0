"""From what the gateway recorded to a tool of the class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from latm.jobs.classes import RecordedClasses, recorded
from latm.jobs.job import Brief, Task
from latm.jobs.work import Work
from latm.making.form import Form
from latm.models.scripted import ScriptedModel
from latm.settings import load
from latm.store import Store
from latm.store.observed import Born, Context, Grouping, Miss
from latm.types import Slot, Template, Usage

KEY = "a" * 64
NOW = datetime(2026, 3, 2, tzinfo=UTC)
MAKER = "scripted:model"
DOUBLING = Template(("What is twice ", ", tell me?"), (Slot("number", "integer"),))


def asked(number: int, answer: int | None = None, cost: str | None = "0.01") -> Miss:
    at = (NOW - timedelta(hours=12)).isoformat(timespec="microseconds")
    said = str(2 * number if answer is None else answer)
    price = None if cost is None else Decimal(cost)
    return Miss(KEY, f"What is twice {number}, tell me?", said, Usage(10, 0, 4), price, at)


async def observe(store: Store, misses: list[Miss]) -> None:
    book = store.observations
    await book.record(misses, [Context(KEY, "team", "gpt")])
    assert await book.take("me", 60)
    waiting = await book.waiting(0, 10_000)
    joined = {one.number: "doubling" for one in waiting}
    await book.settle("me", Grouping((Born("doubling", KEY, DOUBLING),), joined=joined), 400)
    await book.set_form("doubling", "value", Form("value", "integer", "bare").written())


async def test_what_a_class_costs_and_how_often_it_comes_is_what_was_observed(home: Path) -> None:
    async with await Store.open(home / "latm.db") as store:
        await observe(store, [asked(n) for n in (3, 10, 17, 10)])
        (found,) = await RecordedClasses(store.observations, lambda: NOW).ready()
    traffic = found.traffic
    assert (found.fingerprint, traffic.name) == (KEY, "doubling")
    assert (traffic.requests, traffic.cases, traffic.seconds) == (4, 3, 12 * 3600)
    assert (traffic.tokens, traffic.usd) == (14, Decimal("0.01"))


async def test_one_unknown_price_leaves_the_price_of_the_class_unknown(home: Path) -> None:
    async with await Store.open(home / "latm.db") as store:
        await observe(store, [asked(3), asked(10, cost=None)])
        (found,) = await recorded(store).ready()
    assert found.traffic.usd is None


async def test_a_question_with_two_answers_is_no_case(home: Path) -> None:
    async with await Store.open(home / "latm.db") as store:
        await observe(store, [asked(3), asked(10), asked(10, answer=21)])
        cases = await recorded(store).cases_of("doubling")
    assert [(case.question, case.answer) for case in cases] == [("What is twice 3, tell me?", "6")]


@pytest.mark.parametrize("right", [True, False])
async def test_an_observed_class_gets_its_tool_and_is_then_no_longer_waiting(
    home: Path, right: bool
) -> None:
    async with await Store.open(home / "latm.db") as store:
        await observe(store, [asked(n) for n in range(3, 353, 7)])
    script = ["def solve(number):\n    return 2 * number" if right else "no"] * 99
    settings = load(home=home, maker=MAKER, max_tokens=2000)
    doing = Work(settings, recorded, lambda: NOW, {MAKER: ScriptedModel(script)})
    task = Task("make", "doubling")
    await doing.begin(task)
    brief = await doing.begin(task)  # killed before its first beginning was on record
    assert isinstance(brief, Brief)
    outcome = await doing.carry_out("make-doubling-1", task, brief)
    await doing.settle("make-doubling-1", task, outcome)
    async with await Store.open(home / "latm.db") as store:
        ready = await recorded(store).ready()
        tools = await store.toolbox.serving(shadow=True)
        found = await store.observations.get("doubling")
    assert found
    assert found.state == ("made" if right else "refused")
    assert len(ready) == (0 if right else 1)
    assert [item.tool.fingerprint for item in tools] == ([KEY] if right else [])
