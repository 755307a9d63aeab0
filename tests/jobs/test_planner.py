"""What is made next, from what is on record."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from latm.jobs.classes import Observed
from latm.jobs.job import Brief, Job, JobState, Outcome, Result, Task
from latm.jobs.planner import effort_of, next_task, refused
from latm.making.demand import DAY, Traffic
from latm.settings import Settings, load


def settings(home: Path) -> Settings:
    return load(home=home, making_cases=40, max_tokens=6000)


def observed(name: str, cases: int = 40, requests: int = 100) -> Observed:
    return Observed(Traffic(name, cases, requests, DAY, Decimal(200), None), "f" * 64)


def job(task: Task, number: int, state: JobState, cases: int = 40, tokens: int = 3000) -> Job:
    results: dict[JobState, Result] = {"made": "made", "refused": "refused", "failed": "failed"}
    outcome = Outcome(results[state], "", cases, 3, tokens, None) if state in results else None
    return Job(f"{task.kind}-{task.name}-{number}", task, state, "local", "", outcome)


A, B = Task("make", "a"), Task("make", "b")


def test_the_class_that_gains_most_is_made_first_and_none_twice_at_once(home: Path) -> None:
    ready = [observed("a"), observed("b", requests=200), observed("few", cases=39)]
    assert next_task([], ready, {}, settings(home)) == B
    assert next_task([job(B, 1, "running")], ready, {}, settings(home)) == A
    both = [job(B, 1, "waiting"), job(A, 1, "running")]
    assert next_task(both, ready, {}, settings(home)) is None


def test_what_could_not_be_made_waits_for_twice_as_many_new_cases_each_time(home: Path) -> None:
    once = [job(A, 1, "refused", cases=40)]
    twice = [job(A, 2, "refused", cases=80), *once]
    for jobs, needed in ((once, 80), (twice, 160)):
        assert next_task(jobs, [observed("a", needed - 1)], {}, settings(home)) is None
        assert next_task(jobs, [observed("a", needed)], {}, settings(home)) == A


def test_a_postponed_making_is_no_refusal_and_a_tool_ends_the_row() -> None:
    assert refused([job(A, 2, "postponed"), job(A, 1, "refused", 50)], A).cases == 50
    assert refused([job(A, 2, "made"), job(A, 1, "refused")], A).times == 0
    assert refused([job(A, 2, "failed"), job(B, 2, "made"), job(A, 1, "refused")], A).times == 2


def test_a_class_whose_tools_were_found_wrong_is_mended_before_others_are_made(
    home: Path,
) -> None:
    mend = Task("upgrade", "m")
    assert next_task([], [observed("a")], {"m": 1}, settings(home)) == mend
    vain = [job(mend, 2, "refused", 0), job(mend, 1, "refused", 0)]
    assert next_task(vain, [observed("a")], {"m": 1}, settings(home)) == A
    assert next_task(vain, [observed("a")], {"m": 2}, settings(home)) == mend


def test_makings_on_record_tell_what_the_next_will_cost(home: Path) -> None:
    assert effort_of([], settings(home)).tokens == 6000
    jobs = [job(A, 2, "made"), job(A, 1, "refused"), job(B, 1, "running")]
    assert effort_of(jobs, settings(home)).tokens == 6000
    cheap = [job(A, n, "made", tokens=300) for n in range(9)]
    assert effort_of(cheap, settings(home)).tokens == 870


def test_briefs_and_outcomes_come_back_from_json_as_they_were() -> None:
    brief = Brief("2026-01-01T00:00:00", 10, Decimal("0.1"), "f", ("a", "b"), 7)
    assert Brief.of(brief.plain()) == brief
    for usd in (None, Decimal("0.25")):
        outcome = Outcome("made", "why", 1, 2, 3, usd)
        assert Outcome.of(outcome.plain()) == outcome
