"""What any database behind the store must do: one list of checks, whatever the dialect.

A fresh, empty `Store` flows into each check; nothing flows out, or an `AssertionError`
that says what was expected. Invariant: the checks know the repositories only, no dialect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

from latm.cases import question_digest
from latm.errors import InputError, LatmError, StoreError, UnknownNameError
from latm.identity import version_of
from latm.store.rows import (
    Addition,
    Comparison,
    Counts,
    Money,
    Move,
    Result,
    Standing,
    UsageGroup,
    UsageRow,
    UsageSum,
)
from latm.store.store import Store
from latm.types import (
    Case,
    Demonstration,
    Origin,
    Provenance,
    Reply,
    Slot,
    Solver,
    State,
    Template,
    Tool,
    Usage,
    Verification,
)

Check: TypeAlias = Callable[[Store], Awaitable[None]]


def sample_tool(name: str = "word-sorting", shape: int = 0, made: str = "first") -> Tool:
    """A small tool; ``made`` tells versions apart."""
    slot = Slot("words", "list", item="word", separator=" ")
    return Tool(
        name=name,
        shape=shape,
        template=Template(("Sort: ", ""), (slot,)),
        solver=Solver("def solve(words):\n    return sorted(words)", "solve", (), "monty", "1"),
        answer=Template(("", ""), (Slot("answer", "text"),)),
        schema="{}",
        demonstrations=(Demonstration("Sort: b a", "a b", '{"words":["b","a"]}'),),
        provenance=Provenance("made", "scripted:é", made, "2026-01-01T00:00:00+00:00"),
        verification=Verification(3, 3, 9, 9, cases_digest="0" * 64),
    )


async def tool_comes_back_as_it_was(store: Store) -> None:
    tool = sample_tool()
    added = await store.toolbox.add(tool, "shadow", "verified", {"bound": 0.2})
    (got,) = await store.toolbox.get("word-sorting")
    _expect(got == added, "get gives what add gave")
    _expect(got.tool == tool, "the tool is equal to the one added")
    _expect(got.version == version_of(tool) == version_of(got.tool), "the version is its hash")
    (event,) = await store.toolbox.events(got.version)
    _expect(
        (event.event, event.before, event.after, event.reason, event.evidence)
        == ("add", None, "shadow", "verified", {"bound": 0.2}),
        "adding is the first event, with its evidence",
    )
    _expect(not await store.verify(), "a store is sound after adding")


async def tool_is_added_once(store: Store) -> None:
    first = await store.toolbox.add(sample_tool(), "live")
    again = await store.toolbox.add(sample_tool(), "candidate")
    _expect(first == again, "adding again gives the tool as it is")
    _expect(len(await store.toolbox.events(first.version)) == 1, "adding again is no event")
    _expect(len(await store.toolbox.versions("word-sorting")) == 1, "there is one version")


async def newest_version_of_each_shape_is_given(store: Store) -> None:
    box = store.toolbox
    old = await box.add_all([(sample_tool(shape=s), "live") for s in (0, 1)])
    new = await box.add(sample_tool(made="second"), "shadow")
    _expect(await box.get("word-sorting") == (new, old[1]), "get gives the newest by shape")
    _expect(await box.current() == (new, old[1]), "current gives the newest by class and shape")
    _expect(await box.serving() == old, "a live tool serves until a newer one is live")
    _expect(await box.serving(shadow=True) == old, "a live tool hides a newer shadow")
    await box.set_state(new.version, "live", "bound met")
    _expect([s.version for s in await box.serving()] == [new.version, old[1].version], "newest")
    await box.set_state(new.version, "retired", "withdrawn")
    _expect(await box.get("word-sorting") == old, "a retired version gives way to the one before")
    _expect(len(await box.versions("word-sorting")) == 3, "retired versions stay on record")
    _expect(len(await box.by_state("live", "retired")) == 3, "versions are found by state")


async def version_is_found_by_its_start(store: Store) -> None:
    box = store.toolbox
    first = await box.add(sample_tool())
    second = await box.add(sample_tool(made="second"))
    for stored in (first, second):
        _expect(await box.get("word-sorting", stored.version[:12]) == (stored,), "found by start")
    await _refused(box.get("word-sorting", ""), InputError)
    await _refused(box.get("word-sorting", "%"), UnknownNameError)
    await _refused(box.get("other", first.version), UnknownNameError)


async def unknown_names_are_errors(store: Store) -> None:
    box = store.toolbox
    await _refused(box.get("nothing"), UnknownNameError)
    await _refused(box.versions("nothing"), UnknownNameError)
    await _refused(box.set_state("0" * 64, "live", ""), UnknownNameError)
    await _refused(box.add(sample_tool(name="Bad Name")), InputError)
    stored = await box.add(sample_tool())
    await box.set_state(stored.version, "retired", "")
    await _refused(box.get("word-sorting"), UnknownNameError)


async def states_move_by_the_lifecycle_only(store: Store) -> None:
    box = store.toolbox
    version = (await box.add(sample_tool())).version
    moves: tuple[State, ...] = ("shadow", "live", "shadow", "live", "retired")
    for state in moves:
        event = await box.set_state(version, state, f"to {state}", [state, 1])
        _expect(event is not None and event.after == state, "a move is an event")
    _expect(await box.set_state(version, "retired", "again") is None, "no move, no event")
    await _refused(box.set_state(version, "live", ""), InputError)
    events = await box.events(version)
    _expect([e.event for e in events][1:] == ["verify", "promote", "demote", "promote", "retire"])
    _expect([e.before for e in events][1:] == [e.after for e in events][:-1], "events chain")
    _expect(events[-1].evidence == ["retired", 1], "evidence comes back as plain data")
    _expect(await box.by_state("live", "shadow", "candidate") == (), "the state is the last one")


async def revision_grows_with_every_change(store: Store) -> None:
    box = store.toolbox
    seen = [await box.revision()]
    stored = await box.add(sample_tool())
    seen.append(await box.revision())
    await box.add(sample_tool())
    _expect(await box.revision() == seen[-1], "no change, same revision")
    await box.set_state(stored.version, "live", "")
    seen.append(await box.revision())
    _expect(seen == sorted(set(seen)) and len(seen) == 3, "the revision grows")


async def cases_are_kept_once_and_in_order(store: Store) -> None:
    book = store.cases
    cases = [Case(f"q{i}", "a\u2028é", Origin("f.jsonl", i)) for i in range(1200)]
    first = await book.add("c", [*cases, Case("q1", "a é")])
    _expect((first.added, first.duplicates) == (1200, 1), "new cases are counted")
    again = await book.add("c", [Case(" q7 ", "a é"), Case("new", "n"), Case("q8", "other")])
    _expect((again.added, again.duplicates) == (1, 1), "known cases are not added again")
    (contradiction,) = again.contradictions
    _expect(contradiction.first.origin == Origin("f.jsonl", 8), "the case on record is named")
    _expect(contradiction.second.answer == "other", "the refused case is handed back")
    _expect(await book.of("c") == (*cases, Case("new", "n")), "cases come in the order they came")
    _expect((await book.of("c", limit=2))[1].origin == Origin("f.jsonl", 1), "with their origin")
    await book.add("d", [Case("q1", "else")])
    _expect(await book.counts() == {"c": 1201, "d": 1}, "classes do not mix")
    _expect(await book.of("unknown") == (), "an unknown class has no cases")


async def a_making_is_settled_wholly_or_not_at_all(store: Store) -> None:
    old = await store.toolbox.add(sample_tool("c"), "live")
    new = sample_tool("c", made="second")
    a, b, c = (Case(q, "x") for q in "abc")
    compared = (Comparison(version_of(new), question_digest("b"), "right", "held_out"),)
    added = (Addition(new, "shadow", "mends", 1),)
    gone = Move(old.version, "retired", "superseded")
    unknown = (gone, Move("0" * 64, "live", ""))
    broken = Result("c", (a,), (b,), added, unknown, compared)
    await _refused(store.settle(broken), UnknownNameError)
    _expect(await store.toolbox.versions("c") == (old,), "no tool of a refused result")
    _expect(await store.cases.sides("c") == {}, "no case either")

    (stored,) = await store.settle(Result("c", (a,), (b,), added, (gone,), compared))
    _expect(await store.toolbox.get("c") == (stored,), "the added tool is given")
    _expect((await store.toolbox.events(stored.version))[0].evidence == 1, "with its evidence")
    _expect((await store.evidence.counts(stored.version)).right == 1, "and its comparisons")

    await store.settle(Result("c", (b,), (a, c)))
    sides = await store.cases.sides("c")
    wanted = ["shown", "shown", "held_out"]
    _expect([sides[question_digest(q)] for q in "abc"] == wanted, "shown once, shown for good")
    await store.settle(Result("c", (), (a,), anew=True))
    _expect(await store.cases.sides("c") == {question_digest("a"): "held_out"}, "made anew")


async def evidence_counts_a_case_once(store: Store) -> None:
    version = (await store.toolbox.add(sample_tool())).version
    right, wrong, mute, torn = (question_digest(text) for text in "abcd")
    await store.evidence.append(
        [
            Comparison(version, right, "right", "held_out"),
            Comparison(version, right, "right", "shadow"),
            Comparison(version, wrong, "wrong", "shadow", "got\0\ud800"),
            Comparison(version, wrong, "right", "audit"),
            Comparison(version, mute, "abstained", "held_out"),
            Comparison(version, torn, "abstained", "held_out"),
            Comparison(version, torn, "failed", "held_out"),
        ]
    )
    await store.evidence.append([])
    counts = await store.evidence.counts(version)
    _expect(counts == Counts(1, 1, 1, 1) and counts.compared == 2, "once wrong, always wrong")
    _expect(await store.evidence.counts(version, "audit") == Counts(right=1), "by source")
    _expect(await store.evidence.counts("0" * 64) == Counts(), "none for an unknown version")
    kept = [c.got for c in await store.evidence.wrong(version)]
    _expect(kept == ["got\\x00\\ud800"], "wrong ones are kept, whatever they hold")
    unknown = Comparison("0" * 64, right, "right", "audit")
    known = Comparison(version, question_digest("e"), "right", "audit")
    await _refused(store.evidence.append([known, unknown]), StoreError)
    _expect(await store.evidence.counts(version) == counts, "a refused batch leaves nothing")


async def a_version_makes_each_move_once(store: Store) -> None:
    """However many tasks see the same evidence, one of them moves the version."""
    version = (await store.toolbox.add(sample_tool(), "shadow")).version

    def decide(standing: Standing) -> Move | None:
        enough = len(standing.compared) >= 3 and standing.item.state == "shadow"
        return Move(version, "live", "enough") if enough else None

    shadow = [Comparison(version, question_digest(text), "right", "shadow") for text in "abcdd"]
    found = await asyncio.gather(*(store.weigh(one, decide) for one in shadow))
    _expect(sum(event is not None for event in found) == 1, "one moves it")
    standing = await store.standing(version)
    _expect(standing.item.state == "live", "and it is moved")
    _expect([e.event for e in standing.events] == ["add", "promote"], "with one event")
    _expect(len(standing.compared) == 4, "a shadow run that came to the same is nothing new")
    audit = Comparison(version, question_digest("e"), "wrong", "audit", "got")
    case = Case("e", "other")
    await store.weigh(audit, lambda _: Move(version, "shadow", "wrong"), case)
    _expect(await store.cases.of("word-sorting") == (case,), "the counterexample is kept")
    _expect((await store.evidence.since_live(version))[version].wrong == 1, "since it went live")


async def usage_adds_up_exactly(store: Store) -> None:
    cent, speck = Decimal("0.01"), Decimal("0.000000000001")
    rows = [
        UsageRow("making", name="c", model="m", usage=Usage(10, 4, 2), cost_usd=cent, job="j"),
        UsageRow("making", name="c", model="m", usage=Usage(1, 0, 1), cost_usd=speck, job="j"),
        UsageRow("making", name="c", model="n", usage=Usage(1), cost_usd=None, job="j"),
        UsageRow("using", rung="tool", name="c", cost_usd=Decimal(0), avoided_usd=cent),
        UsageRow("using", rung="tool", name="d", cost_usd=Decimal(0), avoided_usd=None),
    ]
    await store.usage.append(rows[:2])
    await store.usage.append(rows[2:])
    await store.usage.append([])
    by_purpose = await store.usage.sums(["purpose"])
    _expect(
        by_purpose[("making",)]
        == UsageSum(3, Usage(12, 4, 3), Money(cent + speck, unknown=1), Money()),
        "unknown costs are counted apart",
    )
    _expect(by_purpose[("using",)].avoided == Money(cent, unknown=1), "avoided alike")
    by_two = await store.usage.sums(["name", "model"], job="j")
    _expect(set(by_two) == {("c", "m"), ("c", "n")}, "grouped by several columns")
    total = await store.usage.total()
    _expect(total == sum(map(UsageSum.of, rows), UsageSum()), "the same sum as in memory")
    _expect((await store.usage.total(name="d")).rows == 1, "by class")
    _expect(await store.usage.total(job="none") == UsageSum(), "nothing adds up to nothing")
    for amount in ("-1", "NaN", "Infinity", "1e9"):
        await _refused(
            store.usage.append([UsageRow("using", cost_usd=Decimal(amount))]), InputError
        )


async def usage_is_told_bit_by_bit(store: Store) -> None:
    def used(tenant: str | None, at: str) -> UsageRow:
        return UsageRow("using", "tool", "c", cost_usd=Decimal(1), tenant=tenant, at=at)

    _expect((await store.usage.news(0, since="2026")).sums == {}, "nothing at first")
    old, new = "2025-12-31T23:59:59+00:00", "2026-01-01T00:00:00+00:00"
    await store.usage.append([used("t", old), used("t", new), used(None, new)])
    first = await store.usage.news(0, since="2026")
    of_tenant = UsageGroup("using", "tool", "c", "t")
    _expect(first.sums[of_tenant].rows == 2, "all rows")
    _expect(first.since[of_tenant].rows == 1, "and apart those of a time")
    _expect((await store.usage.news(first.last, since="2026")).sums == {}, "only what is new")
    await store.usage.append([used("t", new)])
    second = await store.usage.news(first.last, since="2026")
    _expect(list(second.sums) == [of_tenant], "only what is new")
    await store.usage.append([replace(used("t", new), request="r")])
    _expect(("r",) in await store.usage.sums(["request"]), "by request")


async def classes_with_tools_come_in_pages(store: Store) -> None:
    await store.toolbox.add_all([(sample_tool(name), "live") for name in ("b", "a", "c")])
    await store.toolbox.add(sample_tool("a", shape=1), "shadow")
    gone = await store.toolbox.add(sample_tool("d"), "live")
    await store.toolbox.set_state(gone.version, "retired", "of no use")
    _expect(await store.toolbox.names(limit=2) == ["a", "b"], "each once, in order")
    _expect(await store.toolbox.names(after="b", limit=2) == ["c"], "and the rest")


async def journal_gives_replies_back(store: Store) -> None:
    reply = Reply(
        "text \u2028\ud800\0", "m:n", Usage(1, 0, 2), Decimal("0.000001230"), "list", "length"
    )
    unknown = Reply("", "m:n", Usage(), None, None)
    usage = UsageRow("making", usage=reply.usage, cost_usd=reply.cost_usd)
    _expect(await store.journal.get("job", "a") is None, "nothing at first")
    await store.journal.put("job", "a", reply, usage)
    await store.journal.put("job", "a", unknown, usage)
    await store.journal.put("job", "b", unknown)
    _expect(await store.journal.get("job", "a") == reply, "the first reply stays")
    _expect(await store.journal.get("job", "b") == unknown, "an unknown cost stays unknown")
    _expect(await store.journal.get("other", "a") is None, "jobs do not mix")
    _expect((await store.usage.total(job="job")).rows == 1, "usage is counted with a new reply")
    await store.journal.forget("job")
    _expect(await store.journal.get("job", "a") is None, "a job can be forgotten")
    _expect((await store.usage.total(job="job")).rows == 1, "its usage stays")


async def many_tasks_write_at_once(store: Store) -> None:
    row = UsageRow("using", cost_usd=Decimal("0.001"))
    writes = [store.usage.append([row]) for _ in range(40)]
    reads = [store.usage.total() for _ in range(20)]
    await asyncio.gather(*writes, *reads)
    _expect((await store.usage.total()).cost == Money(Decimal("0.040")), "no row is lost")


CHECKS: tuple[Check, ...] = (
    tool_comes_back_as_it_was,
    tool_is_added_once,
    newest_version_of_each_shape_is_given,
    version_is_found_by_its_start,
    unknown_names_are_errors,
    states_move_by_the_lifecycle_only,
    revision_grows_with_every_change,
    cases_are_kept_once_and_in_order,
    a_making_is_settled_wholly_or_not_at_all,
    evidence_counts_a_case_once,
    a_version_makes_each_move_once,
    usage_adds_up_exactly,
    usage_is_told_bit_by_bit,
    classes_with_tools_come_in_pages,
    journal_gives_replies_back,
    many_tasks_write_at_once,
)


def _expect(holds: bool, what: str = "as expected") -> None:
    # Not an assert statement: these run under `python -O` too.
    if not holds:
        raise AssertionError(what)


async def _refused(call: Awaitable[object], error: type[LatmError]) -> None:
    try:
        await call
    except error as raised:
        _expect("\n" not in str(raised), f"one line: {raised}")
    else:
        raise AssertionError(f"expected {error.__name__}")
