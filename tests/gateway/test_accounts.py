"""What a request cost, and what it did not: told to the client, and kept to the last digit."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.gateway.app import Parts
from latm.gateway.charging import UNKNOWN, Charging
from latm.gateway.pricing import PriceList
from latm.gateway.reading import Incoming
from latm.settings import Price, Settings
from latm.store import Store, UsageSum
from latm.types import Message, Usage
from latm.using.gate import Request

from .harness import (
    Got,
    RawUpstream,
    Running,
    Step,
    chunked,
    gateway,
    http,
    store_sorting,
    until_ready,
    upstream,
)

PRICES = {"openai:m": Price(input=Decimal("2"), cached_input=Decimal("1"), output=Decimal("8"))}
SORT = {"model": "m", "messages": [{"role": "user", "content": "Sort the words: b a"}]}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 40},
}
COMPLETION = {
    "id": "c-1", "object": "chat.completion", "model": "m-1",
    "choices": [{"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}],
    "usage": USAGE,
}  # fmt: skip
COST = Decimal("0.00024")
"""60 fresh tokens at $2 a million, 40 cached at $1, 10 of output at $8."""


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(json.dumps(COMPLETION).encode())) as served:
        yield served


@pytest.fixture
async def running(home: Path, stub: RawUpstream) -> AsyncGenerator[Running]:
    await store_sorting(home)
    parts = Parts(poll_seconds=0.01)
    async with gateway(home, stub.url, parts, prices=PRICES) as started:
        await until_ready(started, "1 tools serve")
        yield started


async def recorded(running: Running, rows: int) -> Any:  # noqa: ANN401 - JSON of any shape
    """The ledger once so many requests are in it."""
    while True:
        found = json.loads((await running.get("/latm/ledger.json")).body)
        if found["total"]["requests"] >= rows:
            return found


async def sums(home: Path) -> dict[tuple[str | None, ...], UsageSum]:
    async with await Store.open(Settings(home=home).database) as store:
        return await store.usage.sums(("rung", "name"))


# --- headers ---------------------------------------------------------------------------


def stated(got: Got) -> dict[str, str]:
    prefix = "x-latm-"
    return {n.removeprefix(prefix): v for n, v in got.headers.items() if n.startswith(prefix)}


async def test_a_tools_answer_says_what_it_saved(running: Running) -> None:
    told = stated(await running.post(SORT))
    request_id = told.pop("request-id")
    assert request_id.isalnum()
    # 19 bytes of question are 5 tokens, 3 bytes of answer are 1.
    assert told == {
        "rung": "tool",
        "tool": "sorting",
        "cost-usd": "0",
        "avoided-usd": f"{Decimal('0.000018'):f}",
    }


async def test_instructions_around_a_question_are_avoided_with_it(
    home: Path, stub: RawUpstream
) -> None:
    from latm.using.gate import fingerprint

    said, question = "x" * 4000, "Sort the words: b a"
    messages = (Message("system", said), Message("user", question))
    await store_sorting(home, fingerprint=fingerprint(Request(messages, "m")))
    asked = {**SORT, "messages": [{"role": "system", "content": said}, *SORT["messages"]]}
    async with gateway(home, stub.url, Parts(poll_seconds=0.01), prices=PRICES) as started:
        await until_ready(started, "1 tools serve")
        avoided = Decimal(stated(await started.post(asked))["avoided-usd"])
    assert avoided == (1005 * Decimal(2) + Decimal(8)) / 1_000_000


async def test_the_upstreams_answer_says_what_it_cost(running: Running) -> None:
    told = stated(await running.post(CHAT))
    assert told.pop("request-id")
    assert told.keys() == {"rung", "cost-usd", "avoided-usd"}
    assert (told["rung"], Decimal(told["cost-usd"]), told["avoided-usd"]) == ("upstream", COST, "0")


@pytest.mark.parametrize(
    "step",
    [
        http(b"<html>busy</html>", content_type="text/html"),
        http(b"not json"),
        http(json.dumps({**COMPLETION, "usage": None}).encode()),
        http(json.dumps({**COMPLETION, "usage": {**USAGE, "prompt_tokens": -1}}).encode()),
        http(json.dumps({**COMPLETION, "usage": {**USAGE, "prompt_tokens": 10**30}}).encode()),
        http(b"\x1f\x8bbroken", content_encoding="gzip"),
        http(b"\x00", content_encoding="br"),
    ],
)
async def test_a_cost_that_nobody_knows_is_left_out_and_never_nothing(
    running: Running, home: Path, stub: RawUpstream, step: Step
) -> None:
    stub.script = step
    assert "x-latm-cost-usd" not in (await running.post(CHAT)).headers
    await recorded(running, 1)
    assert (await sums(home))["upstream", None].cost.unknown == 1


async def test_a_model_without_a_price_has_an_unknown_cost(running: Running) -> None:
    got = await running.post({**CHAT, "model": "nobodys-model"})
    assert "x-latm-cost-usd" not in got.headers
    assert (
        (await running.post({**SORT, "model": "nobodys-model"}))
        .headers.keys()
        .isdisjoint({"x-latm-avoided-usd"})
    )
    ledger = await recorded(running, 2)
    assert ledger["total"]["spent"] == {"usd": None, "known_usd": "0", "unknown": 1}


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_what_the_upstream_refuses_costs_nothing(
    running: Running, home: Path, stub: RawUpstream, status: int
) -> None:
    stub.script = http(b"{}", status)
    assert stated(await running.post(CHAT))["cost-usd"] == "0"
    await recorded(running, 1)
    assert (await sums(home))["upstream", None].cost.usd == 0


async def test_a_broken_off_answer_has_an_unknown_cost(
    running: Running, home: Path, stub: RawUpstream
) -> None:
    stub.script = Step([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"], close=True)
    assert (await running.post(CHAT)).status == 502
    await recorded(running, 1)
    assert (await sums(home))["upstream", None].cost.unknown == 1


async def test_those_who_share_a_call_avoid_what_the_first_one_pays(
    running: Running, home: Path, stub: RawUpstream
) -> None:
    gate = asyncio.Event()
    answer = http(json.dumps(COMPLETION).encode()).parts[0]
    stub.script = Step([answer[:9], answer[9:]], gate=gate)
    tasks = [asyncio.create_task(running.post(CHAT)) for _ in range(3)]
    await stub.arrived.wait()
    for _ in range(5):
        await running.get("/healthz")
    gate.set()
    told = [stated(await task) for task in tasks]
    assert sorted(Decimal(each["cost-usd"]) for each in told) == [0, 0, COST]
    await recorded(running, 3)
    summed = (await sums(home))["upstream", None]
    assert (summed.cost.usd, summed.avoided.usd) == (COST, 2 * COST)


# --- streams ---------------------------------------------------------------------------


def event(value: Mapping[str, object] | str) -> bytes:
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def chunk(text: str, **more: object) -> Mapping[str, object]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "c", "model": "m-1", "choices": [choice], "usage": None, **more}


STREAMS = [
    [event(chunk("a")), event(chunk("b")), event(chunk("", usage=USAGE)), event("[DONE]")],
    [event({"type": "response.output_text.delta", "delta": "a"}),
     b"event: response.completed\n"
     + event({"type": "response.completed", "response": {
         "id": "r", "model": "m-1", "status": "completed", "output": [],
         "usage": {"input_tokens": 100, "output_tokens": 10,
                   "input_tokens_details": {"cached_tokens": 40}}}})],
]  # fmt: skip


@pytest.mark.parametrize("events", STREAMS)
async def test_the_usage_at_the_end_of_a_stream_is_counted(
    running: Running, home: Path, stub: RawUpstream, events: list[bytes]
) -> None:
    stub.script = chunked(events)
    got = await running.post({**CHAT, "stream": True})
    assert "x-latm-cost-usd" not in got.headers, "nobody knows yet"
    await recorded(running, 1)
    summed = (await sums(home))["upstream", None]
    assert (summed.usage, summed.cost.usd) == (Usage(100, 40, 10), COST)


async def test_a_stream_without_usage_counts_its_events(
    running: Running, home: Path, stub: RawUpstream
) -> None:
    stub.script = chunked([event(chunk("a")), event(chunk("b")), event("[DONE]")])
    await running.post({**CHAT, "stream": True})
    await recorded(running, 1)
    assert (await sums(home))["upstream", None].usage == Usage(1, 0, 3)


def charging() -> Charging:
    return Charging(PriceList(PRICES))


INCOMING = Incoming("chat", Request((Message("user", "hi"),), "m"))


def test_a_packed_answer_is_unpacked_for_its_cost() -> None:
    packed = gzip.compress(json.dumps(COMPLETION).encode())
    charge = charging().of_whole(INCOMING, packed, "gzip")
    assert (charge.cost_usd, charge.model, charge.finish) == (COST, "m-1", ("stop",))


def test_an_answer_to_a_request_that_was_not_read_names_its_own_model() -> None:
    said = json.dumps({**COMPLETION, "model": "m"}).encode()
    assert charging().of_whole(None, said, "").cost_usd == COST


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "deflate", "br", "x"]))
def test_whatever_an_upstream_sends_has_a_charge(body: bytes, encoding: str) -> None:
    assert charging().of_whole(None, body, encoding).cost_usd is None
    assert charging().of_stream(None, body, encoding).cost_usd is None


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.integers(-(10**12), 10**12) | st.text(max_size=3)
            for name in ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
        },
    )
)
def test_a_charge_is_unknown_or_an_amount_that_can_be_stored(usage: dict[str, object]) -> None:
    body = json.dumps({"model": "m", "usage": usage}).encode()
    cost = charging().of_whole(INCOMING, body, "").cost_usd
    assert cost is None or 0 <= cost <= 1_000_000


def test_a_stream_that_cannot_be_unpacked_has_an_unknown_charge() -> None:
    assert charging().of_stream(INCOMING, b"data: 1\n\n", "gzip") == UNKNOWN


# --- rows ------------------------------------------------------------------------------


async def test_each_request_to_a_model_is_one_row_with_its_id_and_no_other_request_is(
    running: Running, home: Path
) -> None:
    told = [await running.post(SORT), await running.post(CHAT), await running.get("/v1/models")]
    await running.post(b"not json")
    await recorded(running, 2)
    async with await Store.open(Settings(home=home).database) as store:
        found = await store.usage.sums(("request",))
    assert set(found) == {(got.headers["x-latm-request-id"],) for got in told[:2]}


async def test_what_was_counted_is_the_same_after_a_restart(home: Path, stub: RawUpstream) -> None:
    await store_sorting(home)
    parts = Parts(poll_seconds=0.01)
    async with gateway(home, stub.url, parts, prices=PRICES) as started:
        await until_ready(started, "1 tools serve")
        for _ in range(7):
            await started.post(SORT)
            await started.post(CHAT)
        before = await recorded(started, 14)
    async with gateway(home, stub.url, parts, prices=PRICES) as started:
        assert await recorded(started, 14) == before
        await started.post(CHAT)
        after = await recorded(started, 15)
    total, was = after["total"], before["total"]
    assert Decimal(total["spent"]["usd"]) == Decimal(was["spent"]["usd"]) + COST
    assert Decimal(was["spent"]["usd"]) == 7 * COST


async def test_an_orderly_stop_loses_no_row(home: Path, stub: RawUpstream) -> None:
    parts = Parts(poll_seconds=3600)
    async with gateway(home, stub.url, parts, prices=PRICES) as started:
        for _ in range(20):
            await started.post(CHAT)
    summed = (await sums(home))["upstream", None]
    assert (summed.rows, summed.cost.usd) == (20, 20 * COST)


async def test_a_store_that_cannot_be_opened_holds_no_answer_up(
    home: Path, stub: RawUpstream
) -> None:
    broken = home.parent / "latm.db"
    broken.write_bytes(b"no database" * 1000)
    async with gateway(home, stub.url, db=str(broken), prices=PRICES) as started:
        assert stated(await started.post(CHAT))["rung"] == "upstream"
        assert (await started.get("/latm/tools.json")).status == 503
