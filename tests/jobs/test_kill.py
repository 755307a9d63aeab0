"""A making job whose process is killed, again and again, by SIGKILL."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from latm.jobs.durable import listed
from latm.store import Store

from .observed import FINGERPRINT

ROOT = Path(__file__).resolve().parents[2]
SEARCHING = [str(n) for n in random.Random(4).choices(range(2, 16), k=6)]
STORING = ["before settle", "after settle", "after set_state", "before forget"]
"""The first ``settle`` is the store's, which writes the tool; the later ones are the job's."""


async def workers(home: Path, *points: str) -> None:
    """One worker after another, each ending at its point; then one to the end."""
    words = ["-W", "error", "-m", "tests.jobs.killing", str(home), *points]
    child = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
    assert await child.wait() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_job_killed_at_ten_points_ends_with_one_tool_and_no_call_asked_twice(
    tmp_path: Path,
) -> None:
    await workers(tmp_path, *SEARCHING, *STORING)
    deaths = (tmp_path / "deaths").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in deaths] == ["killed"] * 10 + ["ended"]
    asked = Counter((tmp_path / "asked").read_text("utf-8").splitlines())
    told = len((tmp_path / "told").read_text("utf-8").splitlines())
    assert set(asked.values()) == {1}, "no call is asked twice, not even one in the air"

    (job,) = listed(str(tmp_path / "jobs.db"))
    assert (job.state, job.id) == ("made", "make-doubling-1")
    async with await Store.open(tmp_path / "latm.db") as store:
        assert await store.verify() == ()
        (tool,) = await store.toolbox.versions("doubling")
        assert (tool.state, tool.tool.fingerprint) == ("shadow", FINGERPRINT)
        assert await store.cases.undealt() == {}
        total = await store.usage.total(job=job.id)
    known = total.rows - total.cost.unknown
    assert total.cost.known == known * Decimal("0.001")
    # A reply that came and was killed before it was on record is one of the lost calls.
    assert known <= told <= len(asked) <= total.rows
    assert job.outcome
    assert (job.outcome.calls, job.outcome.tokens) == (total.rows, total.usage.total)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_worker_told_to_stop_takes_its_call_back_and_loses_nothing(tmp_path: Path) -> None:
    await workers(tmp_path, "stop", "stop")
    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    told = (tmp_path / "told").read_text("utf-8").splitlines()
    assert asked[2:] == told
    assert asked[:2] == [told[0]] * 2
    (job,) = listed(str(tmp_path / "jobs.db"))
    assert job.state == "made"
    async with await Store.open(tmp_path / "latm.db") as store:
        total = await store.usage.total(job=job.id)
    assert (total.rows, total.cost.unknown) == (len(told), 0)
