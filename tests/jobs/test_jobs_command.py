"""``latm jobs``, and the maker that ``latm serve`` starts, as a person meets them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from latm.cli.app import run
from latm.jobs.durable import listed
from latm.models.scripted import ScriptedModel
from latm.runtime import opened
from latm.settings import load
from latm.store import Store
from latm.types import Case

MAIN = ["-W", "error", "-c", "from latm.cli import main; main()"]
MAKER = "scripted:model"


def test_without_jobs_the_list_is_empty_and_nothing_is_made(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"jobs": []}
    assert run(["jobs"]) == 0
    assert "no jobs yet" in capsys.readouterr().err
    assert not (home / "jobs.db").exists()


async def a_tool_with_a_counterexample(home: Path) -> None:
    """As the monitor leaves it, where the stored cases can be mended by a known function."""
    cases = [Case(f"What is twice {n}, tell me?", str(2 * n)) for n in range(3, 213, 7)]
    settings = load(home=home, maker=MAKER)
    script = ["def solve(tell):\n    return 2 * tell"]
    async with opened(settings, {MAKER: ScriptedModel(script)}) as runtime:
        await runtime.make("doubling", cases)
        await runtime.store.cases.add("doubling", [Case("What is twice 8, tell me?", "16")])


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_worker_in_the_foreground_mends_what_waits_and_ends(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await a_tool_with_a_counterexample(home)
    child = await asyncio.create_subprocess_exec(
        sys.executable, *MAIN, "jobs", "run", "--once", "--node", "w1",
        env={**os.environ, "LATM_HOME": str(home), "LATM_MAKING_POLL_SECONDS": "0.2"},
    )  # fmt: skip
    assert await child.wait() == 0
    async with await Store.open(home / "latm.db") as store:
        assert await store.cases.undealt() == {}
    (job,) = listed(str(home / "jobs.db"))
    assert (job.id, job.state, job.node) == ("upgrade-doubling-1", "made", "w1")
    assert await asyncio.to_thread(run, ["jobs", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["jobs"]
    assert (shown["id"], shown["calls"], shown["cost_usd"]) == ("upgrade-doubling-1", 0, 0)
    assert await asyncio.to_thread(run, ["jobs"]) == 0
    assert "made" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_maker_beside_the_gateway_ends_when_the_gateway_is_killed(home: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, *MAIN, "serve", "--upstream", "http://127.0.0.1:9/v1", "--port", "0",
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "LATM_HOME": str(home)},
    )  # fmt: skip
    assert child.stderr
    while b"in the background" not in (line := await child.stderr.readline()):
        assert line, "the gateway ended"
    child.send_signal(signal.SIGKILL)
    # The maker holds the other end of this pipe as long as it lives.
    told = await child.stderr.read()
    assert b"Traceback" not in told
