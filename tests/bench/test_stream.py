"""The whole loop, by processes as a user starts them: asked, recorded, made, tried, served."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from latm.bench.rivals import tallied
from latm.bench.stream import Plan, run
from latm.bench.traffic import CLASSES, Kindred, Request, stream

FOUR = (
    Kindred("word-sorting"),
    Kindred("clock-24-hours"),
    Kindred("grade-from-points", system="Reply with the grade only."),
    Kindred("parking-fee"),
)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_what_recurs_is_learnt_made_proven_and_then_served_without_the_upstream(
    home: Path,
) -> None:
    requests = list(stream(1, 300, FOUR))
    plan = Plan(home, stretch=100, block=50, upstream_seconds=0.0, max_error=0.1, audit_calls=20)
    result = await run(requests, plan)
    assert [row.requests for row in result.rows] == [100, 100, 100]
    first, _, last = result.rows
    assert first.by_tools == 0
    assert last.live >= 3
    assert last.hit_rate > 0.25
    assert last.upstream_calls < last.requests
    assert not result.wrong
    assert sum(row.maker_calls for row in result.rows) >= 4


def test_the_same_seed_is_the_same_stream_and_another_is_another() -> None:
    assert list(stream(1, 200)) == list(stream(1, 200))
    assert list(stream(1, 200)) != list(stream(2, 200))


def test_a_stream_has_all_kinds_and_drifts() -> None:
    requests = list(stream(1, 1000))
    assert set(Counter(one.kind for one in requests)) == {"class", "decoy", "once", "turns"}
    asked = [(n / 1000, one.family) for n, one in enumerate(requests) if one.kind == "class"]
    assert len({name for _, name in asked}) == len(CLASSES)
    for one in CLASSES:
        times = [at for at, name in asked if name == one.family]
        assert one.begins <= min(times)
        assert max(times) <= one.ends


def test_a_turn_before_the_question_changes_what_is_right() -> None:
    for one in stream(1, 400):
        if one.kind == "turns":
            assert len(one.messages) >= 3
            assert one.right == one.said


def asked(question: str, said: str, kind: str = "class") -> Request:
    return Request("decoy" if kind == "decoy" else "class", "f", (("user", question),), said, said)


def test_an_exact_cache_repeats_only_the_very_same_request() -> None:
    tally = tallied(
        "exact cache", [asked("1 + 1?", "2"), asked("1 + 1?", "2"), asked("1 + 2?", "3")]
    )
    assert (tally.hits, tally.wrong, tally.upstream_calls) == (1, 0, 2)


def test_a_semantic_cache_is_wrong_where_one_number_differs() -> None:
    pytest.importorskip("onnxruntime")
    questions = [f"What does a parcel of {n} kg to zone EU cost?" for n in (2, 3)]
    tally = tallied(
        "semantic cache (MiniLM, cosine 0.8)",
        [asked(questions[0], "9.90"), asked(questions[1], "14.90")],
    )
    assert (tally.hits, tally.wrong) == (1, 1)
