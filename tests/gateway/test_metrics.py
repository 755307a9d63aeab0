"""What Prometheus is told, of all processes together."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from latm.gateway.app import Parts
from latm.gateway.metrics import MOST_LABELS, Metrics, Now
from latm.gateway.visits import Done
from latm.settings import Settings
from latm.store import Money, Store, UsageGroup, UsageRow, UsageSum
from latm.types import Usage

from .harness import RawUpstream, Running, gateway, http, store_sorting, until_ready, upstream

SORT = {"model": "m", "messages": [{"role": "user", "content": "Sort the words: b a"}]}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
NOW = Now(0, 0, ("monty",), upstream=True)


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(b"{}")) as served:
        yield served


def samples(page: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """The values of a page, by name and the values of their labels in order of the labels."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


async def scraped(running: Running) -> dict[tuple[str, tuple[str, ...]], float]:
    got = await running.get("/metrics")
    assert got.headers["content-type"].startswith("text/plain; version=0.0.4")
    return samples(got.body)


async def test_requests_are_counted_by_who_answered_and_how(home: Path, stub: RawUpstream) -> None:
    await store_sorting(home)
    async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as running:
        await until_ready(running, "1 tools serve")
        await running.post(SORT)
        await running.post(SORT)
        await running.post(CHAT)
        await running.post(b"not json")
        stub.script = http(b"{}", 500)
        await running.post(CHAT)
        found = await scraped(running)
    assert found["latm_requests_total", ("tool", "200")] == 2
    assert found["latm_requests_total", ("upstream", "200")] == 1
    assert found["latm_requests_total", ("upstream", "500")] == 1
    assert found["latm_requests_total", ("none", "400")] == 1
    assert found["latm_request_seconds_count", ("tool",)] == 2
    assert found["latm_sandbox_engine", ("monty",)] == 1
    assert found["latm_upstream_up", ()] == 1


async def test_tokens_and_money_are_those_on_record(home: Path, stub: RawUpstream) -> None:
    row = UsageRow("making", name="sorting", usage=Usage(100, 40, 7), tenant="team-a")
    async with await Store.open(Settings(home=home).database) as store:
        await store.usage.append([row, row])
    async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as running:
        found = await scraped(running)
        while ("latm_tool_rows_total", ("making", "", "sorting")) not in found:
            found = await scraped(running)
    assert found["latm_tool_rows_total", ("making", "", "sorting")] == 2
    assert found["latm_tool_tokens_total", ("input", "making", "", "sorting")] == 200
    assert found["latm_tool_unknown_cost_total", ("making", "", "sorting")] == 2
    assert found["latm_tenant_tokens_total", ("output", "making", "", "team-a")] == 14


def left_by_others(folder: Path) -> None:
    """What a process that has ended, and broken ones, have left."""
    ended = Metrics(folder)
    for _ in range(5):
        ended.count(Done("1", None, 401, complete=True, began=0, started=0, seconds=0.1))
    ended.share()
    (file,) = folder.iterdir()
    # Two processes cannot have one number.
    file.rename(folder / "1.json")
    (folder / "2.json").write_text("half a fi")
    (folder / "3.json").write_text('[["x", "x", {}, 1], ["latm_requests", "x"]]')
    (folder / "4.json").write_text('[["unknown", "unknown", {}, 1]]')


def left_by_itself(folder: Path) -> float:
    """How many requests the counts say that a gateway of this process has left."""
    samples = json.loads((folder / f"{os.getpid()}.json").read_text())
    return sum(value for _, name, _, value in samples if name == "latm_requests_total")


async def test_any_process_tells_of_all_of_them(
    home: Path, stub: RawUpstream, tmp_path: Path
) -> None:
    left_by_others(tmp_path)
    async with gateway(home, stub.url, Parts(counts=tmp_path, poll_seconds=0.01)) as running:
        await running.post(CHAT)
        await running.post(b"not json")
        found = await scraped(running)
    assert found["latm_requests_total", ("none", "401")] == 5
    assert found["latm_requests_total", ("none", "400")] == 1
    assert found["latm_requests_total", ("upstream", "200")] == 1
    assert found["latm_request_seconds_bucket", ("0.25", "none")] == 6
    assert left_by_itself(tmp_path) == 2, "its own counts stay when it has ended"


def test_the_number_of_series_is_bounded_and_none_ever_shrinks() -> None:
    def page(tools: int) -> Mapping[tuple[str, tuple[str, ...]], float]:
        one = UsageSum(1, Usage(1, 0, 1), Money(), Money())
        sums = {UsageGroup("using", "tool", f"t{i:05}", f"u{i:05}"): one for i in range(tools)}
        return samples(Metrics().page(sums, NOW))

    few, many = page(MOST_LABELS), page(10 * MOST_LABELS)
    assert len(many) <= len(few) * 1.05
    assert many["latm_tool_rows_total", ("using", "tool", "other")] == 9 * MOST_LABELS
    assert all(value <= many[key] for key, value in few.items())


def test_a_client_cannot_make_series() -> None:
    metrics = Metrics()
    before = len(samples(metrics.page({}, NOW)))
    for number in range(500):
        done = Done(f"{number}", None, 400, complete=True, began=0, started=0, seconds=0.1)
        metrics.count(done)
    assert len(samples(metrics.page({}, NOW))) - before < 30
