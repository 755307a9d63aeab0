"""How tools gain and lose trust in front of live traffic."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from latm.cases import question_digest
from latm.errors import ModelUnavailableError
from latm.store import Comparison, Counts, Money, Store
from latm.types import Case, State

from .stream import WRONG, Clock, World, answers, question, right, seen, tool, world

FIRST = 36
"""Questions before the first look at a bound of 10 %."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(":memory:", clock=clock) as opened:
        yield opened


# --- going live ------------------------------------------------------------------------


async def test_a_tool_that_is_right_goes_live_at_the_planned_count(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock)
    assert await w.agree(FIRST - 1) == []
    assert await w.state() == "shadow"
    (event,) = await w.agree(1, start=FIRST - 1)
    assert (event.event, event.before, event.after) == ("promote", "shadow", "live")
    assert await w.state() == "live"
    evidence = event.evidence
    assert isinstance(evidence, dict)
    assert (evidence["rule"], evidence["wrong"], evidence["compared"]) == ("bound met", 0, FIRST)
    assert isinstance(bound := evidence["error_upper_bound"], float)
    assert bound <= 0.1
    assert (await store.toolbox.events(w.item.version))[-1] == event


@pytest.mark.parametrize("seed", range(3))
async def test_a_tool_that_is_wrong_too_often_stays_in_shadow(
    store: Store, clock: Clock, seed: int
) -> None:
    w, drawn = await world(store, clock), random.Random(seed)
    for n in range(80):
        said = WRONG if drawn.random() < 0.25 else right(question(n))
        assert await w.upstream_says(question(n), said, said) is None
    assert await w.state() == "shadow"


async def test_a_question_that_comes_often_is_one_piece_of_evidence(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock)
    for _ in range(2 * FIRST):
        await w.upstream_says(question(1), right(question(1)))
    assert await w.state() == "shadow"
    assert await store.evidence.counts(w.item.version) == Counts(right=1)


@pytest.mark.parametrize("mode", ["abstaining", "raising"])
async def test_abstentions_and_failures_are_on_record_and_count_neither_way(
    store: Store, clock: Clock, mode: str
) -> None:
    w = await world(store, clock)
    w.sandbox.mode = mode
    assert await w.agree(FIRST) == []
    counts = await store.evidence.counts(w.item.version)
    assert counts.compared == 0
    assert (counts.abstained, counts.failed) == ((FIRST, 0) if mode == "abstaining" else (0, FIRST))
    w.sandbox.mode = "right"
    assert len(await w.agree(FIRST, start=FIRST)) == 1


async def test_a_broken_sandbox_says_nothing_of_a_tool(store: Store, clock: Clock) -> None:
    w = await world(store, clock)
    w.sandbox.mode = "broken"
    assert await w.agree(3) == []
    assert await store.evidence.counts(w.item.version) == Counts()


async def test_an_upstream_that_wavers_does_not_keep_a_right_tool_from_going_live(
    store: Store, clock: Clock
) -> None:
    w, drawn = await world(store, clock), random.Random(1)

    def says(n: int) -> str:
        return f"{WRONG} {drawn.random()}" if drawn.random() < 0.1 else right(question(n))

    for n in range(2 * FIRST):
        await w.upstream_says(question(n), says(n), says(n), says(n))
    assert await w.state() == "live"
    assert (await store.evidence.counts(w.item.version)).wrong == 0


async def test_disputes_that_nobody_can_settle_do_not_count_as_agreement(
    store: Store, clock: Clock
) -> None:
    """Else a reference that cannot be asked again would leave the right answers only."""
    w = await world(store, clock)
    for n in range(2 * FIRST):
        await w.upstream_says(question(n), WRONG if n % 3 == 0 else right(question(n)))
    assert await w.state() == "shadow"
    counts = await store.evidence.counts(w.item.version)
    assert (counts.wrong, counts.open) == (0, 2 * FIRST // 3)


async def test_a_dispute_can_be_settled_when_its_question_comes_again(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock)
    await w.upstream_says(question(0), WRONG)
    assert (await store.evidence.counts(w.item.version)).open == 1
    await w.upstream_says(question(0), right(question(0)))
    assert await store.evidence.counts(w.item.version) == Counts(right=1)


async def test_a_wrong_answer_in_shadow_is_kept_as_a_case_that_no_making_has_seen(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock)
    await w.upstream_says(question(0), WRONG, WRONG)
    case = Case(question(0), WRONG)
    assert await store.cases.of("sorting") == (case,)
    assert await store.cases.sides("sorting") == {question_digest(case.question): None}
    await w.upstream_says(question(0), WRONG, WRONG)
    assert (await store.usage.total()).rows == 1, "it is not disputed twice"


async def test_what_holds_out_cases_barely_used_earns_its_place_by_traffic_alone(
    store: Store, clock: Clock
) -> None:
    for name, exercised, needed in (("used", True, FIRST - 20), ("unused", False, FIRST)):
        w = await world(store, clock, added=tool(name), exercised=exercised)
        await store.evidence.append(
            Comparison(w.item.version, question_digest(f"held out {n}"), "right", "held_out")
            for n in range(20)
        )
        assert await w.agree(needed - 1) == []
        (event,) = await w.agree(1, start=needed - 1)
        assert event.version == w.item.version
        await store.toolbox.set_state(w.item.version, "retired", "done")


async def test_a_tool_among_several_judged_on_its_held_out_cases_needs_more(
    store: Store, clock: Clock
) -> None:
    added = tool()
    added = replace(added, verification=replace(added.verification, looks=3))
    w = await world(store, clock, added=added)
    assert await w.agree(FIRST + 5) == []
    assert len(await w.agree(10, start=FIRST + 5)) == 1


# --- whose requests --------------------------------------------------------------------


async def test_a_shadow_tool_is_asked_only_what_it_would_serve(store: Store, clock: Clock) -> None:
    bound = await world(store, clock, added=tool("bound", fingerprint="mine"))
    await world(store, clock, added=tool("free"))
    free = (await store.toolbox.get("free"))[0].version

    async def counts() -> tuple[int, int]:
        each = [await store.evidence.counts(v) for v in (bound.item.version, free)]
        return each[0].right, each[1].right

    text = question(1)
    await bound.monitor.shadow(seen(text, fingerprint="mine", bare=False), right(text))
    assert await counts() == (1, 0)
    await bound.monitor.shadow(seen(text, fingerprint="other", bare=False), right(text))
    assert await counts() == (1, 0)
    await bound.monitor.shadow(seen(text, fingerprint="other", bare=True), right(text))
    assert await counts() == (1, 1)


async def test_a_question_that_no_template_matches_leaves_no_trace(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock)
    await w.upstream_says("What is the capital of France?", "Paris")
    assert w.sandbox.calls == 0
    assert await store.evidence.counts(w.item.version) == Counts()


@pytest.mark.parametrize(
    ("tenant", "fingerprint", "keeps", "kept"),
    [("", "", True, 1), ("a", "", True, 0), ("a", "mine", True, 1), ("a", "mine", False, 0)],
)
async def test_a_tenants_question_does_not_become_a_case_of_a_class_that_others_share(
    store: Store, clock: Clock, tenant: str, fingerprint: str, keeps: bool, kept: int
) -> None:
    w = await world(store, clock, added=tool(fingerprint=fingerprint), state="live", keeps=keeps)
    asked = seen(question(1), again=answers(WRONG, WRONG), tenant=tenant, fingerprint=fingerprint)
    assert await w.monitor.audit(asked, w.item.version, right(question(1))) is not None
    assert len(await store.cases.of("sorting")) == kept


# --- live ------------------------------------------------------------------------------


async def live(store: Store, clock: Clock, *, max_error: float = 0.1) -> World:
    """A tool that earned its place."""
    w = await world(store, clock, max_error=max_error)
    await w.agree(FIRST if max_error == 0.1 else 368)
    assert await w.state() == "live"
    return w


async def test_a_wrong_answer_that_breaks_the_bound_demotes_at_once(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    event = await w.tool_said(question(99), WRONG, WRONG)
    assert event is not None
    assert (event.event, event.before, event.after) == ("demote", "live", "shadow")
    evidence = event.evidence
    assert isinstance(evidence, dict)
    assert (evidence["rule"], evidence["wrong"]) == ("bound broken", 1)
    assert await w.state() == "shadow"
    case = Case(question(99), WRONG)
    assert await store.cases.of("sorting") == (case,)
    assert await store.cases.sides("sorting") == {question_digest(case.question): None}


async def test_a_reference_that_takes_its_word_back_demotes_nobody(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    text = question(99)
    assert await w.tool_said(text, WRONG, right(text), right(text)) is None
    assert await w.tool_said(text, WRONG, right(text), "something else") is None
    assert await w.state() == "live"
    assert await store.cases.of("sorting") == ()


async def test_a_reference_that_is_cut_off_or_fails_is_no_evidence(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    before = await store.evidence.counts(w.item.version)
    for reference in (
        answers(WRONG, WRONG, finish="length"),
        answers(ModelUnavailableError("it is down")),
        answers("  "),
        None,
    ):
        asked = seen(question(99), again=reference)
        assert await w.monitor.audit(asked, w.item.version, right(question(99))) is None
    assert await store.evidence.counts(w.item.version) == before
    assert await w.tool_said(question(98), WRONG) is None
    assert (await store.evidence.counts(w.item.version)).open == 1
    assert await w.state() == "live"


async def test_with_enough_evidence_one_wrong_answer_leaves_the_bound_whole(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    for n in range(100, 130):
        await w.tool_said(question(n), right(question(n)))
    assert await w.tool_said(question(99), WRONG, WRONG) is None
    assert await w.state() == "live"
    assert len(await store.cases.of("sorting")) == 1


async def test_a_tool_is_demoted_when_asked_again_what_it_answers_wrongly(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    for n in range(100, 130):
        await w.tool_said(question(n), right(question(n)))
    await w.tool_said(question(99), WRONG, WRONG)
    paid = (await store.usage.total()).rows
    event = await w.tool_said(question(99))
    assert event is not None
    assert (event.after, (await store.usage.total()).rows) == ("shadow", paid)


async def test_a_tool_that_turns_bad_is_demoted_although_its_whole_record_is_good(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    for n in range(100, 250):
        await w.tool_said(question(n), right(question(n)))
    drawn, audited, event = random.Random(3), 0, None
    while event is None:
        audited += 1
        text = question(1000 + audited)
        said = WRONG if drawn.random() < 0.5 else right(text)
        event = await w.tool_said(text, said, said)
    evidence = event.evidence
    assert isinstance(evidence, dict)
    assert evidence["rule"] == "drift"
    assert audited < 12


async def test_a_tool_approved_by_hand_keeps_its_place_until_it_is_found_wrong(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock)
    await store.toolbox.set_state(w.item.version, "live", "checked by me")
    for n in range(5):
        assert await w.tool_said(question(n), right(question(n))) is None
    assert await w.state() == "live"
    assert await w.tool_said(question(9), WRONG, WRONG) is not None


async def test_a_demoted_tool_has_to_earn_its_place_anew_and_its_wrong_answers_stay(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    await w.tool_said(question(99), WRONG, WRONG)
    # At half the doubt the first look is at 42 questions, the wrong one among them.
    assert await w.agree(82) == []
    (event,) = await w.agree(1, start=82)
    evidence = event.evidence
    assert isinstance(evidence, dict)
    assert (evidence["wrong"], evidence["compared"], evidence["look"]) == (1, 84, 2)


@pytest.mark.parametrize("state", ["retired", "shadow", "candidate"])
async def test_only_a_live_tool_is_demoted(store: Store, clock: Clock, state: State) -> None:
    w = await world(store, clock, state=state)
    assert await w.tool_said(question(1), WRONG, WRONG) is None
    assert await w.state() == state


async def test_a_shadow_version_behind_a_live_one_learns_from_its_audits(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock, state="live")
    child = await store.toolbox.add(tool(strategy="better"), "shadow")
    await w.tool_said(question(1), right(question(1)))
    assert await store.evidence.counts(child.version) == Counts(right=1)


# --- the sample and its price ----------------------------------------------------------


async def test_after_a_wrong_answer_every_answer_is_audited_again(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock, max_error=0.9, state="live", floor=0.001)
    for n in range(100):
        await w.tool_said(question(n), right(question(n)), request_id=f"r{n}")
    audited = (await store.usage.total()).rows
    assert audited < 70
    wrong = 0
    while not wrong:
        audited += 1
        text, request = question(1000 + audited), f"s{audited}"
        await w.tool_said(text, WRONG, WRONG, request_id=request)
        wrong = (await store.evidence.counts(w.item.version)).wrong
    before = (await store.usage.total()).rows
    for n in range(5):
        await w.tool_said(question(5000 + n), right(question(5000 + n)), request_id=f"t{n}")
    assert (await store.usage.total()).rows == before + 5


async def test_each_paid_call_is_on_record_once_with_its_tool_and_request(
    store: Store, clock: Clock
) -> None:
    w = await live(store, clock)
    await w.tool_said(question(98), right(question(98)))
    await w.upstream_says(question(97), right(question(97)))
    await w.tool_said(question(99), WRONG, "else", WRONG, request_id="r99")
    sums = await store.usage.sums(("purpose", "name", "version", "request"))
    assert {key: (one.rows, one.cost) for key, one in sums.items()} == {
        ("audit", "sorting", w.item.version, "r1"): (1, Money(Decimal("0.01"))),
        ("audit", "sorting", w.item.version, "r99"): (3, Money(Decimal("0.03"))),
    }


@pytest.mark.parametrize(("calls", "usd"), [(3, None), (1000, Decimal("0.03"))])
async def test_audits_stop_when_the_days_allowance_is_used_up_and_go_on_the_next_day(
    store: Store, clock: Clock, calls: int, usd: Decimal | None
) -> None:
    w = await world(store, clock, state="live", calls=calls, usd=usd)
    # Another process over the same store, or this one after a restart, knows what was spent.
    other = await world(store, clock, state="live", calls=calls, usd=usd)
    for n in range(4):
        await w.tool_said(question(n), right(question(n)))
        await other.tool_said(question(n), right(question(n)))
    assert (await store.usage.total()).rows == 3
    clock.now += timedelta(days=1)
    await w.tool_said(question(7), right(question(7)))
    assert (await store.usage.total()).rows == 4


# --- several processes -----------------------------------------------------------------


async def test_two_monitors_that_see_the_same_evidence_make_one_move(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "latm.db"
    async with await Store.open(path, clock=clock) as one, await Store.open(path) as two:
        first, second = await world(one, clock), await world(two, clock)
        await first.agree(FIRST - 2)
        both = (FIRST, FIRST + 1)
        await asyncio.gather(
            *(
                w.upstream_says(question(n), right(question(n)))
                for w in (first, second)
                for n in both
            )
        )
        moves = [event.event for event in await one.toolbox.events(first.item.version)]
        assert moves == ["add", "promote"]
        await asyncio.gather(
            *(w.tool_said(question(n), WRONG, WRONG) for w in (first, second) for n in (98, 99))
        )
        moves = [event.event for event in await two.toolbox.events(first.item.version)]
        assert moves == ["add", "promote", "demote"]


async def test_evidence_that_came_too_late_does_not_bring_a_retired_tool_back(
    store: Store, clock: Clock
) -> None:
    w = await world(store, clock)
    await w.agree(FIRST - 1)
    await store.toolbox.set_state(w.item.version, "retired", "the rule changed")
    assert await w.agree(5, start=FIRST) == []
    assert await w.state() == "retired"
