"""Making again in a class that has tools: what is right stays, what is wrong is mended or told."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.cases import question_digest
from latm.errors import CasesError, ModelUnavailableError, UnknownNameError
from latm.making.report import Upgrade
from latm.making.upgrade import Judged, admit, served
from latm.models.scripted import Script, ScriptedModel
from latm.monitor.bound import upper_bound
from latm.runtime import MakeReport, opened
from latm.settings import load
from latm.store import Store, StoredTool
from latm.store.conformance import sample_tool
from latm.types import Case, ChatRequest, Verdict

MAKER = "scripted:model"
NAME = "fees"
FREE = 500

PLAIN = "def solve(cents):\n    return cents // 10"
CAPPED = f"def solve(cents):\n    return min(cents // 10, {FREE})"
SPOILT = f"def solve(cents):\n    return {FREE} if cents > 100 else cents // 10"
DOUBLED = "def solve(number):\n    return 2 * number"


def fee(cents: int, answer: int | None = None) -> Case:
    """A tenth, but never more than the cap."""
    right = min(cents // 10, FREE) if answer is None else answer
    return Case(f"What is the fee for {cents} cents?", str(right))


def small(count: int = 40) -> list[Case]:
    return [fee(37 * n + 11) for n in range(1, count + 1)]


def other(count: int) -> list[Case]:
    return [fee(n) for n in range(2500, 2500 + 7 * count, 7)]


def large(count: int) -> list[Case]:
    """Cases that a tool without the cap gets wrong."""
    return [fee(9000 + 170 * n) for n in range(1, count + 1)]


def double(count: int) -> list[Case]:
    """Questions of another shape."""
    numbers = range(3, 3 + 7 * count, 7)
    return [Case(f"Please tell me: how much would be twice {n}", str(2 * n)) for n in numbers]


async def make(
    script: Script, cases: Sequence[Case], home: Path, *, fresh: bool = False, seed: int = 0
) -> tuple[MakeReport, ScriptedModel]:
    model = ScriptedModel(script)
    async with opened(load(home=home, maker=MAKER, seed=seed), {MAKER: model}) as runtime:
        return await runtime.make(NAME, cases, fresh=fresh), model


def always(source: str) -> Callable[[ChatRequest], str]:
    return lambda _: source


def first_then(first: str, then: str) -> Callable[[ChatRequest], str]:
    replies = [first]
    return lambda _: replies.pop() if replies else then


@asynccontextmanager
async def stored(home: Path) -> AsyncGenerator[Store]:
    async with opened(load(home=home, maker=MAKER), {}) as runtime:
        yield runtime.store


async def states(home: Path) -> dict[str, str]:
    async with stored(home) as store:
        return {item.version: item.state for item in await store.toolbox.versions(NAME)}


async def reasons(home: Path, version: str) -> list[str]:
    async with stored(home) as store:
        return [event.reason for event in await store.toolbox.events(version)]


async def answers(home: Path, cases: Sequence[Case]) -> list[bool]:
    """Through the request path, at no tokens: which of the cases come out right."""
    async with opened(load(home=home, maker=MAKER), {}) as runtime:
        flow = await runtime.flow(NAME, rungs=("tool",))
        got = [await flow.answer(c.question, name=NAME, rungs=("tool",)) for c in cases]
    return [a.text == c.answer for a, c in zip(got, cases, strict=True)]


async def tool_of(home: Path) -> StoredTool:
    report, _ = await make(always(PLAIN), small(), home)
    (tool,) = report.tools
    return tool


# --- all right -------------------------------------------------------------------------


async def test_where_new_cases_are_right_nothing_is_made_and_the_bound_shrinks(home: Path) -> None:
    tool = await tool_of(home)
    report, model = await make([], [*small(), *other(20)], home)
    assert (report.tools, model.asked, report.usage.total) == ((tool,), [], 0)
    assert report.upgrade == Upgrade(new_cases=20)
    held_out = tool.tool.verification.held_out
    (bound,) = report.evidence
    assert (bound.wrong, bound.compared) == (0, held_out + 20)
    assert bound.rate == upper_bound(0, held_out + 20)
    assert bound.more_cases == 299 - bound.compared


async def test_the_same_file_again_is_no_new_evidence(home: Path) -> None:
    tool = await tool_of(home)
    reports = [(await make([], small(), home, seed=seed))[0] for seed in (0, 1, 2)]
    assert [r.upgrade for r in reports] == [Upgrade(new_cases=0)] * 3
    assert {r.evidence[0].compared for r in reports} == {tool.tool.verification.held_out}


async def test_verifying_on_shown_cases_is_no_evidence(home: Path) -> None:
    tool = await tool_of(home)
    async with opened(load(home=home, maker=MAKER), {}) as runtime:
        assert (await runtime.verify(tool, [*small(), *other(5)])).accepted
        bound = await runtime.error_bound(tool)
    assert bound.compared == tool.tool.verification.held_out + 5


async def test_a_tool_goes_live_when_new_cases_meet_the_bound_and_says_so(home: Path) -> None:
    tool = await tool_of(home)
    assert tool.state == "shadow"
    report, _ = await make([], other(300), home)
    assert [i.state for i in report.tools] == ["live"]
    assert "is live: the bound is met" in report.changes[0]
    assert "the bound is met" in (await reasons(home, tool.version))[-1]
    assert report.more_cases == 0


# --- wrong, and mended -----------------------------------------------------------------


async def test_a_counterexample_makes_a_version_that_names_its_parent(home: Path) -> None:
    old = await tool_of(home)
    report, model = await make(always(CAPPED), large(6), home)
    (new,) = report.tools
    assert new.tool.provenance.parent == old.version
    assert await states(home) == {old.version: "retired", new.version: "shadow"}
    assert (await reasons(home, old.version))[-1] == f"superseded by {new.version[:12]}"
    assert report.upgrade
    assert (report.upgrade.failing, report.upgrade.mended, report.upgrade.done) == (6, 6, True)
    assert len(report.changes) == 2
    assert all(await answers(home, [*small(), *large(30)]))
    # The author saw the old shown cases and some of the new ones, none of the held-out ones.
    prompts = "\n".join(message.content for r in model.asked for message in r.messages)
    held_out = [re.findall(r"\d+", c.question)[0] for c in report.split.held_out]
    assert not any(f"({number})" in prompts for number in held_out)
    assert {c for c in large(6) if c in report.split.shown}
    assert {c for c in large(6) if c in report.split.held_out}


async def test_a_single_counterexample_is_shown_and_mended(home: Path) -> None:
    await tool_of(home)
    report, _ = await make(always(CAPPED), large(1), home)
    assert large(1)[0] in report.split.shown
    assert all(await answers(home, large(20)))
    (bound,) = report.evidence
    assert bound.compared == report.tools[0].tool.verification.held_out


async def test_looks_at_the_held_out_cases_add_up_over_versions(home: Path) -> None:
    old = await tool_of(home)
    report, _ = await make(always(CAPPED), large(6), home)
    (new,), (bound,) = report.tools, report.evidence
    assert new.tool.verification.looks == old.tool.verification.looks + 1 == bound.looks
    assert bound.rate == upper_bound(0, bound.compared, 1 - 0.05 / 2)


async def test_a_shown_case_is_never_held_out_again(home: Path) -> None:
    await tool_of(home)
    shown: set[Case] = set()
    for seed, cases in enumerate((small(), large(6), [*small(), *other(9)], large(20))):
        report, _ = await make(always(CAPPED), cases, home, seed=seed)
        assert not shown & set(report.split.held_out)
        shown |= set(report.split.shown)
        async with stored(home) as store:
            sides = await store.cases.sides(NAME)
        assert {sides[question_digest(c.question)] for c in shown} == {"shown"}


async def test_a_fix_that_breaks_an_earlier_case_is_refused_and_a_sound_one_is_taken(
    home: Path,
) -> None:
    old = await tool_of(home)
    report, _ = await make(first_then(SPOILT, CAPPED), large(6), home)
    (new,) = report.tools
    assert new.tool.provenance.parent == old.version
    assert "min(" in new.tool.solver.source
    assert all(await answers(home, [*small(), *large(30)]))


async def test_a_making_that_ends_in_the_middle_begins_where_it_ended(home: Path) -> None:
    old = await tool_of(home)
    with pytest.raises(ModelUnavailableError):
        await make([SPOILT], large(6), home)
    assert await states(home) == {old.version: "shadow"}
    report, model = await make(always(CAPPED), large(6), home)
    assert report.replayed == 1
    assert len(model.asked) == 1
    assert report.upgrade
    assert report.upgrade.mended == 6
    async with stored(home) as store:
        assert (await store.usage.total(name=NAME)).rows == 3


# --- not covered -----------------------------------------------------------------------


async def test_questions_of_a_new_shape_get_a_tool_of_their_own(home: Path) -> None:
    old = await tool_of(home)
    report, model = await make(always(DOUBLED), double(12), home)
    kept, new = report.tools
    assert kept == old
    assert (new.tool.shape, new.tool.provenance.parent) == (1, None)
    assert len(model.asked) == 1
    assert all(await answers(home, [*small(), *double(30)]))
    # Two bounds that hold together are wider than each alone, and each needs its own cases.
    assert report.error_upper_bound == upper_bound(0, report.evidence[1].compared, 1 - 0.05 / 2)
    assert report.more_cases > sum(bound.more_cases for bound in report.evidence)


async def test_the_next_version_of_one_shape_leaves_the_others_alone(home: Path) -> None:
    await tool_of(home)
    first, _ = await make(always(DOUBLED), double(12), home)
    report, _ = await make(always(CAPPED), large(6), home)
    assert report.tools[1] == first.tools[1]
    assert report.tools[0].tool.provenance.parent == first.tools[0].version
    assert all(await answers(home, [*small(), *large(9), *double(30)]))


async def test_new_questions_that_nothing_covers_are_said_to_be_so(home: Path) -> None:
    old = await tool_of(home)
    odd = [Case("Why is there a fee at all?", "To pay for the service.")]
    report, _ = await make([], odd, home)
    assert report.tools == (old,)
    assert report.upgrade
    assert [v.outcome for v in report.upgrade.remaining] == ["abstained"]
    assert not report.upgrade.done
    again, _ = await make([], small(), home)
    assert again.upgrade
    assert again.upgrade.done


# --- cannot ----------------------------------------------------------------------------


async def test_a_tool_that_cannot_be_mended_stays_but_is_live_no_more(home: Path) -> None:
    old = await tool_of(home)
    async with stored(home) as store:
        await store.toolbox.set_state(old.version, "live", "my word")
    report, _ = await make(always(SPOILT), large(6), home)
    assert [(i.version, i.state) for i in report.tools] == [(old.version, "shadow")]
    assert (await reasons(home, old.version))[-1].startswith("wrong on 6 cases, first 'What is")
    assert report.upgrade
    assert not report.upgrade.done
    assert {v.outcome for v in report.upgrade.remaining} == {"wrong"}
    # All six were new to the tool's author: they all count against it, the shown ones too.
    (bound,) = report.evidence
    compared = old.tool.verification.held_out + 6
    assert (bound.wrong, bound.compared) == (6, compared)
    assert bound.rate == upper_bound(6, compared)

    again, model = await make([], large(6), home)
    assert model.asked == []
    assert again.replayed == len(report.attempts) - 1  # the known solver is no call
    assert again.upgrade
    assert not again.upgrade.done


async def test_a_case_that_contradicts_a_stored_one_is_refused_before_anything_is_done(
    home: Path,
) -> None:
    old = await tool_of(home)
    with pytest.raises(CasesError, match=r"contradicts.*--fresh"):
        await make([], [fee(48, answer=99)], home)
    assert await states(home) == {old.version: "shadow"}


async def test_fresh_leaves_the_tools_and_the_stored_cases_behind(home: Path) -> None:
    old = await tool_of(home)
    cases = [Case(c.question, str(2 * int(c.answer))) for c in small(20)]
    twice = "def solve(cents):\n    return cents // 10 * 2"
    report, _ = await make(always(twice), cases, home, fresh=True)
    (new,) = report.tools
    assert new.tool.provenance.parent is None
    assert await states(home) == {old.version: "retired", new.version: "shadow"}
    assert (await reasons(home, old.version))[-1] == "the class was made anew"
    async with stored(home) as store:
        assert await store.cases.counts() == {NAME: 20}
    assert all(await answers(home, cases))


async def test_fresh_changes_nothing_where_no_tool_can_be_made(home: Path) -> None:
    old = await tool_of(home)
    report, _ = await make(always("def solve(cents):\n    return 7"), large(20), home, fresh=True)
    assert report.tools == ()
    assert await states(home) == {old.version: "shadow"}
    async with stored(home) as store:
        assert await store.cases.counts() == {NAME: 40}


async def test_a_part_of_the_search_that_does_not_exist_is_refused(home: Path) -> None:
    loaded = load(home=home, maker=MAKER, without="samples,magic")
    async with opened(loaded, {MAKER: ScriptedModel([])}) as runtime:
        with pytest.raises(UnknownNameError, match="'magic'"):
            await runtime.make(NAME, small())


# --- what is taken, whatever the verdicts ----------------------------------------------

CASES = [fee(n) for n in range(6)]


def judged(outcomes: Sequence[str], shape: int, made: str) -> Judged:
    tool = sample_tool(NAME, shape, made)
    verdicts = (
        Verdict(case, outcome, "x" if outcome in ("right", "wrong") else None)  # type: ignore[arg-type]
        for case, outcome in zip(CASES, outcomes, strict=True)
    )
    return Judged(tool, tuple(verdicts))


OUTCOMES = st.lists(
    st.sampled_from(["right", "right", "abstained", "abstained", "wrong", "failed"]),
    min_size=len(CASES),
    max_size=len(CASES),
)


@given(
    st.lists(OUTCOMES, min_size=1, max_size=3), st.lists(OUTCOMES, max_size=3), st.sets(st.just(0))
)
def test_what_is_right_stays_right_and_nothing_wrong_is_taken(
    before: list[list[str]], after: list[list[str]], touched: set[int]
) -> None:
    current = [judged(outcomes, n, f"old {n}") for n, outcomes in enumerate(before)]
    made = [judged(outcomes, n, f"new {n}") for n, outcomes in enumerate(after)]
    admission = admit(current, touched, made)
    settled = [*(current[p] for p in admission.kept), *(t.judged for t in admission.taken)]
    for old, new in zip(served(current), served(settled), strict=True):
        assert new.outcome == "right" or old.outcome != "right"
    for one in admission.taken:
        assert not one.judged.those("wrong", "failed")
        assert set(one.replaces) <= touched
    shapes = [one.tool.shape for one in settled]
    assert len(set(shapes)) == len(shapes)


def test_a_split_replaces_one_tool_by_two(home: Path) -> None:
    old = judged(["right", "right", "wrong", "wrong", "abstained", "abstained"], 0, "old")
    one = judged(["right", "right", *["abstained"] * 4], 0, "one")
    other = judged([*["abstained"] * 2, "right", "right", *["abstained"] * 2], 1, "other")
    admission = admit([old], {0}, [one, other])
    assert admission.kept == ()
    assert [t.judged.tool.shape for t in admission.taken] == [0, 1]
    assert [t.replaces for t in admission.taken] == [(0,), ()]
