"""What was observed, and what it was grouped into, stays on record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from latm.store import Store
from latm.store.observed import Born, Context, Grouping, Miss
from latm.types import Slot, Template, Usage

ADDING = Template(("add ", ""), (Slot("numbers", "text"),))
HERE, THERE = "a" * 64, "b" * 64


class Time:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def store(tmp_path: Path, time: Time) -> AsyncGenerator[Store]:
    async with await Store.open(tmp_path / "latm.db", clock=time) as opened:
        await opened.observations.record([], [Context(HERE, "team", "gpt", "Be brief.")])
        assert await opened.observations.take("me", 10)
        yield opened


def missed(question: str, answer: str = "7", cost: str | None = "0.01") -> Miss:
    price = None if cost is None else Decimal(cost)
    return Miss(HERE, question, answer, Usage(10, 2, 3), price)


async def joined(
    store: Store, misses: Sequence[Miss], name: str = "adding", most: int = 100, *, born: bool
) -> dict[str, int] | None:
    """Record misses and put all that wait into one class."""
    await store.observations.record(misses)
    waiting = await store.observations.waiting(0, 10_000)
    grouping = Grouping(
        (Born(name, HERE, ADDING),) if born else (), joined={one.number: name for one in waiting}
    )
    return await store.observations.settle("me", grouping, most)


async def test_a_class_tells_what_its_questions_took(store: Store) -> None:
    cases = await joined(
        store, [missed("add 3 4"), missed("add 1 6"), missed("add 3 4")], born=True
    )

    assert cases == {"adding": 2}
    (found,) = await store.observations.classes()
    assert (found.name, found.requests, found.cases) == ("adding", 3, 2)
    assert found.spent.usage == Usage(30, 6, 9)
    assert found.spent.cost.usd == Decimal("0.03")
    assert found.template == ADDING
    assert found.context == Context(HERE, "team", "gpt", "Be brief.")
    assert await store.observations.waiting(0, 10) == ()


async def test_an_unknown_cost_is_never_nothing(store: Store) -> None:
    await joined(store, [missed("add 3 4"), missed("add 1 6", cost=None)], born=True)
    (found,) = await store.observations.classes()
    assert found.spent.cost.usd is None
    assert found.spent.cost.known == Decimal("0.01")


async def test_another_answer_to_the_same_question_is_a_dispute(store: Store) -> None:
    await joined(store, [missed("add 3 4", "7"), missed("add 3 4", " 7 ")], born=True)
    await joined(store, [missed("add 3 4", "8"), missed("add 1 6")], born=False)
    kept = {one.question: one for one in await store.observations.kept("adding")}
    assert (kept["add 3 4"].answer, kept["add 3 4"].seen) == ("7", 3)
    assert kept["add 3 4"].disputed == 1
    assert kept["add 1 6"].disputed == 0


async def test_what_is_kept_is_bounded_and_does_not_depend_on_the_order(store: Store) -> None:
    questions = [f"add {n} {n + 1}" for n in range(400)]
    await joined(store, [missed(q) for q in questions], "one", 50, born=True)
    cases: dict[str, int] | None = None
    for start in range(0, 400, 80):
        part = [missed(q) for q in reversed(questions)][start : start + 80]
        cases = await joined(store, part, "other", 50, born=start == 0)

    one = {kept.question for kept in await store.observations.kept("one")}
    other = {kept.question for kept in await store.observations.kept("other")}
    assert one == other
    assert len(one) == 50
    # 50 digests tell how many there were, within a third or so.
    assert cases
    assert 270 < cases["other"] < 530


async def test_a_question_that_was_left_out_never_counts_as_new(store: Store) -> None:
    questions = [f"add {n} {n + 1}" for n in range(300)]
    first = await joined(store, [missed(q) for q in questions], most=20, born=True)
    again = await joined(store, [missed(q) for q in questions], most=20, born=False)
    assert first == again


async def test_only_the_holder_of_the_lease_groups(store: Store, time: Time) -> None:
    assert not await store.observations.take("you", 10)
    time.pass_by(seconds=11)
    assert not await store.observations.hold("me", 10)
    assert await store.observations.take("you", 10)
    assert await joined(store, [missed("add 3 4")], born=True) is None
    assert await store.observations.classes() == ()
    assert len(await store.observations.waiting(0, 10)) == 1


async def test_who_groups_notices_that_a_class_was_changed(store: Store) -> None:
    await joined(store, [missed("add 3 4")], born=True)
    assert await store.observations.hold("me", 10)
    await store.observations.set_state("adding", "refused", "no tool")
    assert not await store.observations.hold("me", 10)
    assert await store.observations.take("me", 10)
    assert await store.observations.forget("adding")
    assert await joined(store, [missed("add 1 6")], born=False) is None
    assert await store.observations.kept("adding") == ()


async def test_classes_are_toolable_by_their_form_and_state(store: Store) -> None:
    for name in ("stable", "unstable", "young", "made"):
        await joined(store, [missed("add 3 4")], name, born=True)
    await store.observations.set_form("stable", "value", "{}")
    await store.observations.set_form("unstable", "unstable", "{}")
    await store.observations.set_form("made", "value", "{}")
    await store.observations.set_state("made", "made", "")
    found = await store.observations.classes(toolable=True)
    assert [one.name for one in found] == ["stable"]


async def test_what_is_old_goes_but_not_that_there_are_tools(store: Store, time: Time) -> None:
    for name in ("old", "made"):
        await joined(store, [missed("add 3 4")], name, born=True)
    await store.observations.set_state("made", "made", "")
    await store.observations.record([missed("sing")])
    time.pass_by(days=40)
    await store.observations.take("me", 10)
    await store.observations.record([], [Context(THERE, "team", "gpt")])
    await joined(store, [], born=False)
    await store.observations.record([missed("dance")])
    before = (time.now - timedelta(days=30)).isoformat(timespec="microseconds")

    await store.observations.prune(before)

    assert [one.name for one in await store.observations.classes()] == ["made"]
    assert await store.observations.kept("made") == ()
    waiting = [one.question for one in await store.observations.waiting(0, 10)]
    assert waiting == ["dance"]
    recorded = await store.observations.recorded()
    assert (recorded.waiting, recorded.classes, recorded.kept) == (1, 1, 0)


async def test_classes_without_tools_make_room(store: Store) -> None:
    for name in ("open", "made"):
        await joined(store, [missed("add 3 4")], name, born=True)
    await store.observations.set_state("made", "made", "")
    await store.observations.take("me", 10)
    await store.observations.settle("me", Grouping(dropped=("open", "made")), 10)
    assert [one.name for one in await store.observations.classes()] == ["made"]
    assert await store.observations.kept("open") == ()


async def test_what_is_withheld_is_counted_and_nothing_of_it_kept(store: Store) -> None:
    await store.observations.record([], withheld={HERE: 2})
    await store.observations.record([missed("add 3 4")], withheld={HERE: 1})
    recorded = await store.observations.recorded()
    assert (recorded.withheld, recorded.waiting) == (3, 1)


async def test_a_few_questions_of_every_class(store: Store) -> None:
    await joined(store, [missed(f"add {n}") for n in range(9)], "adding", born=True)
    await joined(store, [missed("double 3")], "doubling", born=True)
    questions = await store.observations.questions(4)
    assert {name: len(texts) for name, texts in questions.items()} == {"adding": 4, "doubling": 1}
