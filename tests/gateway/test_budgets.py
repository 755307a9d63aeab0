"""What a key may use of the upstream in a day."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from latm.errors import SettingsError
from latm.gateway.app import Parts, check
from latm.gateway.keys import new_key
from latm.settings import DayBudget, Price, Settings, load

from .harness import RawUpstream, Running, gateway, http, store_sorting, until_ready, upstream

KEY, HASH = new_key()
OTHER, OTHER_HASH = new_key()
ADMIN_KEY, ADMIN_HASH = new_key()
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
AUTH = {"authorization": f"Bearer {KEY}"}
SORT = {"model": "m", "messages": [{"role": "user", "content": "Sort the words: b a"}]}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 1}
COMPLETION: dict[str, object] = {
    "model": "m",
    "choices": [],
    "usage": {"prompt_tokens": 90, "completion_tokens": 10},
}
PRICES = {"openai:m": Price.model_validate({"input": "1000", "output": "1000"})}
"""A request costs 10 cents."""
DAY = 86_400


@dataclass
class Now:
    """Unix time that only a test moves: noon of a day."""

    seconds: float = 20_000 * DAY + DAY / 2

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(json.dumps(COMPLETION).encode())) as served:
        yield served


@pytest.fixture
def now() -> Now:
    return Now()


def limited(
    home: Path, stub: RawUpstream, now: Now, limit: DayBudget
) -> AbstractAsyncContextManager[Running]:
    keys = {"team-a": HASH, "team-b": OTHER_HASH}
    return gateway(
        home,
        stub.url,
        Parts(poll_seconds=0.01, now=now),
        serve_keys=keys,
        serve_admin_key=ADMIN_HASH,
        serve_budgets={"team-a": limit},
        prices=PRICES,
    )


LIMITS = [DayBudget(requests=3), DayBudget(tokens=300), DayBudget.model_validate({"usd": "0.30"})]


@pytest.mark.parametrize("limit", LIMITS, ids=["requests", "tokens", "usd"])
async def test_a_spent_budget_is_refused_until_the_day_ends(
    home: Path, stub: RawUpstream, now: Now, limit: DayBudget
) -> None:
    async with limited(home, stub, now, limit) as running:
        assert [(await running.post(CHAT, **AUTH)).status for _ in range(3)] == [200] * 3
        refused = await running.post(CHAT, **AUTH)
        assert (refused.status, refused.error["code"]) == (429, "insufficient_quota")
        assert refused.headers["retry-after"] == str(DAY // 2)
        assert "x-latm-rung" not in refused.headers
        assert len(stub.seen) == 3
        now.seconds += DAY / 2 - 1
        assert (await running.post(CHAT, **AUTH)).headers["retry-after"] == "1"
        now.seconds += 1
        assert (await running.post(CHAT, **AUTH)).status == 200


async def test_a_spent_budget_holds_neither_tools_nor_others_nor_what_is_free(
    home: Path, stub: RawUpstream, now: Now
) -> None:
    await store_sorting(home)
    async with limited(home, stub, now, DayBudget(requests=0)) as running:
        await until_ready(running, "1 tools serve")
        assert (await running.post(SORT, **AUTH)).headers["x-latm-rung"] == "tool"
        assert (await running.get("/v1/models", **AUTH)).status == 200
        assert (await running.post(CHAT, authorization=f"Bearer {OTHER}")).status == 200
        assert (await running.post(CHAT, **AUTH)).status == 429
        assert (await running.post(b"{}", "/v1/embeddings", **AUTH)).status == 429


async def test_what_tools_answer_is_not_counted(home: Path, stub: RawUpstream, now: Now) -> None:
    await store_sorting(home)
    async with limited(home, stub, now, DayBudget(requests=1)) as running:
        await until_ready(running, "1 tools serve")
        for _ in range(5):
            await running.post(SORT, **AUTH)
        assert (await running.post(CHAT, **AUTH)).status == 200


async def test_requests_under_way_count(home: Path, stub: RawUpstream, now: Now) -> None:
    gate = asyncio.Event()
    answer = http(json.dumps(COMPLETION).encode()).parts[0]
    step = http(b"")
    step.parts, step.gate = [answer[:9], answer[9:]], gate
    stub.script = step
    async with limited(home, stub, now, DayBudget(requests=1)) as running:
        first = asyncio.create_task(running.post(CHAT, **AUTH))
        await stub.arrived.wait()
        assert (await running.post(CHAT, **AUTH)).status == 429
        gate.set()
        assert (await first).status == 200
    assert len(stub.seen) == 1


async def until_known(running: Running, requests: int) -> None:
    """Wait until a gateway has read of so many requests in the store."""
    while True:
        ledger = json.loads((await running.get("/latm/ledger.json", **ADMIN)).body)
        if ledger["total"]["requests"] == requests:
            return


async def test_processes_know_of_each_others_requests(
    home: Path, stub: RawUpstream, now: Now
) -> None:
    limit = DayBudget(requests=2)
    async with limited(home, stub, now, limit) as first, limited(home, stub, now, limit) as second:
        for _ in range(2):
            assert (await first.post(CHAT, **AUTH)).status == 200
        await until_known(second, 2)
        assert (await second.post(CHAT, **AUTH)).status == 429


async def test_a_budget_outlives_a_restart(home: Path, stub: RawUpstream, now: Now) -> None:
    limit = DayBudget(requests=1)
    async with limited(home, stub, now, limit) as running:
        await running.post(CHAT, **AUTH)
    async with limited(home, stub, now, limit) as running:
        await until_known(running, 1)
        assert (await running.post(CHAT, **AUTH)).status == 429


async def test_a_budget_in_dollars_needs_a_price(home: Path, stub: RawUpstream, now: Now) -> None:
    async with limited(home, stub, now, LIMITS[2]) as running:
        refused = await running.post({**CHAT, "model": "nobodys"}, **AUTH)
        assert (refused.status, refused.error["code"]) == (403, "unknown_price")
    assert stub.seen == []


def test_a_budget_belongs_to_a_key() -> None:
    settings = Settings(
        upstream_url="http://localhost/v1", serve_budgets={"team-a": DayBudget(requests=1)}
    )
    with pytest.raises(SettingsError, match="team-a"):
        check(settings)


def test_budgets_are_read_from_a_variable() -> None:
    found = load(environ={"LATM_SERVE_BUDGETS": '{"team-a": {"usd": "0.5", "requests": 9}}'})
    assert found.serve_budgets["team-a"] == DayBudget.model_validate({"usd": "0.5", "requests": 9})
    with pytest.raises(SettingsError, match="LATM_SERVE_BUDGETS"):
        load(environ={"LATM_SERVE_BUDGETS": '{"team-a": {"dollars": 1}}'})
