"""Several processes of one gateway, and their ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from latm.settings import Settings
from latm.store import Store, UsageSum

from .harness import RawUpstream, Running, http, listening_port, upstream

pytestmark = pytest.mark.slow

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 1}
SAID: dict[str, object] = {
    "model": "m",
    "choices": [],
    "usage": {"prompt_tokens": 90, "completion_tokens": 10},
}
PRICES = json.dumps({"openai:m": {"input": "1", "output": "1"}})
COST = Decimal("0.0001")


@asynccontextmanager
async def serving(
    home: Path, stub: RawUpstream, workers: int = 1
) -> AsyncGenerator[tuple[Running, Process]]:
    """The command, in processes of its own."""
    environ = {"LATM_HOME": str(home), "LATM_MAKING": "false", "LATM_PRICES": PRICES}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from latm.cli import main; main()", "serve", "--upstream", stub.url,
        "--port", "0", "--workers", str(workers),
        stderr=PIPE, env={**os.environ, **environ}, start_new_session=True,
    )  # fmt: skip
    assert process.stderr
    try:
        told = (await process.stderr.readline()).decode()
        url = re.search(r"http://127\.0\.0\.1:\d+/v1", told)
        assert url, told
        yield Running(listening_port(url[0])), process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(json.dumps(SAID).encode())) as served:
        yield served


async def on_record(home: Path) -> UsageSum:
    async with await Store.open(Settings(home=home).database) as store:
        assert await store.verify() == ()
        return await store.usage.total()


def value(page: bytes, name: str) -> float:
    """The sum over all series of a name."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if sample.name == name
    )


async def test_any_process_tells_of_all_and_none_loses_a_row_at_its_end(
    home: Path, stub: RawUpstream
) -> None:
    async with serving(home, stub, workers=2) as (running, process):
        answers = await asyncio.gather(*(running.post(CHAT) for _ in range(40)))
        assert {got.status for got in answers} == {200}
        for name in ("latm_request_seconds_count", "latm_tenant_rows_total"):
            while value((await running.get("/metrics")).body, name) != 40:
                pass
        await asyncio.gather(*(running.post(CHAT) for _ in range(10)))
        process.send_signal(signal.SIGTERM)
        await process.wait()
    total = await on_record(home)
    assert (total.rows, total.cost.usd) == (50, 50 * COST)


async def test_a_process_that_is_killed_loses_at_most_its_last_batch(
    home: Path, stub: RawUpstream
) -> None:
    async with serving(home, stub) as (running, process):
        for _ in range(10):
            await running.post(CHAT)
        while json.loads((await running.get("/latm/ledger.json")).body)["total"]["requests"] < 10:
            pass
        for _ in range(3):
            await running.post(CHAT)
        process.kill()
        await process.wait()
    total = await on_record(home)
    assert 10 <= total.rows <= 13
    assert total.cost.usd == total.rows * COST
    async with serving(home, stub) as (running, _):
        while True:
            ledger = json.loads((await running.get("/latm/ledger.json")).body)
            if ledger["total"]["requests"] == total.rows:
                break
        assert Decimal(ledger["total"]["spent"]["usd"]) == total.rows * COST
