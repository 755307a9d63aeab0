"""What an unreliable upstream does to a client, and what the gateway does about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from latm.gateway.app import Parts
from latm.gateway.breaker import Breaker
from latm.gateway.observing import Heard, Observed, heard
from latm.types import Usage
from latm.using.gate import Asked

from .harness import Clock, RawUpstream, Running, Seen, Step, gateway, http, upstream

CHAT: dict[str, object] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SAID = b'{"said":"it"}'
CLOSED = "http://127.0.0.1:9/v1"


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(SAID)) as served:
        yield served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def running(home: Path, stub: RawUpstream, clock: Clock) -> AsyncGenerator[Running]:
    async with gateway(home, stub.url, Parts(clock, clock.pause), upstream_seconds=0.3) as started:
        yield started


# --- again, or not ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
async def test_a_call_that_was_refused_for_a_moment_is_made_again(
    stub: RawUpstream, running: Running, clock: Clock, status: int
) -> None:
    refused = http(b"{}", status, retry_after="2")

    def refuse_once(_: Seen) -> Step:
        return refused if len(stub.seen) < 2 else http(SAID)

    stub.script = refuse_once
    assert (await running.post(CHAT)).body == SAID
    assert clock.pauses == [2.0]
    assert stub.seen[0] == stub.seen[1]


@pytest.mark.parametrize("after", ["60", "soon", "-1", "nan", ""])
async def test_a_longer_wait_is_left_to_the_client(
    stub: RawUpstream, running: Running, after: str
) -> None:
    stub.script = http(b"slow down", 429, retry_after=after)
    got = await running.post(CHAT)
    assert (got.status, got.body, got.headers["retry-after"]) == (429, b"slow down", after)
    assert len(stub.seen) == 1


async def test_retries_end_and_the_last_refusal_is_passed_on(
    stub: RawUpstream, running: Running
) -> None:
    stub.script = http(b"busy", 429, retry_after="1")
    assert (await running.post(CHAT)).body == b"busy"
    assert len(stub.seen) == 3


@pytest.mark.parametrize(
    "step",
    [
        Step([], close=True),
        Step([b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"], close=True),
        Step([b"SSH-2.0-OpenSSH_9\r\n\r\n"], close=True),
        Step([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n"], close=True),
        http(b"", 999),
    ],
)
async def test_what_may_have_been_answered_is_not_asked_again(
    stub: RawUpstream, running: Running, step: Step
) -> None:
    stub.script = step
    got = await running.post(CHAT)
    assert (got.status, got.error["type"]) == (502, "upstream_error")
    assert len(stub.seen) == 1


async def test_a_silent_upstream_is_given_up(stub: RawUpstream, running: Running) -> None:
    stub.script = Step([], hold=True)
    got = await running.post(CHAT)
    assert got.status == 504
    await stub.hung_up.wait()


# --- breaker ---------------------------------------------------------------------------


async def test_an_upstream_that_cannot_be_reached_is_left_alone_for_a_while(
    home: Path, clock: Clock
) -> None:
    async with gateway(home, CLOSED, Parts(clock, clock.pause)) as started:
        assert [(await started.post(CHAT)).status for _ in range(3)] == [502, 503, 503]
        got = await started.post(CHAT)
        assert got.error["code"] == "upstream_unavailable"
        assert 1 <= int(got.headers["retry-after"]) <= 10
        assert (await started.get("/readyz")).status == 503
        clock.seconds += 11
        assert (await started.post(CHAT)).status in (502, 503)


def test_a_breaker_opens_after_failures_in_a_row_and_closes_after_a_success() -> None:
    clock = Clock()
    breaker = Breaker(clock, failures=2, seconds=10)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.wait() == 0
    breaker.failed()
    assert breaker.wait() == 10
    clock.seconds += 10
    assert breaker.wait() == 0, "one call is let through"
    assert breaker.wait() == 10, "the others wait for its outcome"
    breaker.succeeded()
    assert breaker.wait() == 0


# --- single flight ---------------------------------------------------------------------


async def asked_at_once(running: Running, stub: RawUpstream, *bodies: object) -> list[bytes]:
    """The answers to requests of which none is answered before all have come in."""
    gate = asyncio.Event()
    answer = http(SAID).parts[0]
    stub.script = Step([answer[:9], answer[9:]], gate=gate)
    tasks = [
        asyncio.create_task(running.post(json.dumps(body).encode(), authorization="Bearer k"))
        for body in bodies
    ]
    await stub.arrived.wait()
    # Each of these requests has reached the gateway once another one is answered by it.
    for _ in range(5):
        await running.get("/healthz")
    gate.set()
    return [(await task).body for task in tasks]


async def test_equal_requests_at_the_same_time_share_one_call(
    running: Running, stub: RawUpstream
) -> None:
    assert await asked_at_once(running, stub, CHAT, CHAT, CHAT) == [SAID] * 3
    assert len(stub.seen) == 1
    await running.post(CHAT)
    assert len(stub.seen) == 2, "an answer is not kept"


@pytest.mark.parametrize("changed", [{"temperature": 0.7}, {"store": True}, {"stream": True}])
async def test_samples_streams_and_kept_answers_are_not_shared(
    running: Running, stub: RawUpstream, changed: dict[str, object]
) -> None:
    body = {**CHAT, **changed}
    await asked_at_once(running, stub, body, body)
    assert len(stub.seen) == 2


async def test_different_credentials_share_nothing(running: Running, stub: RawUpstream) -> None:
    def echo(seen: Seen) -> Step:
        return http(seen.headers["authorization"].encode())

    stub.script = echo
    first, second = await asyncio.gather(
        running.post(CHAT, authorization="Bearer a"), running.post(CHAT, authorization="Bearer b")
    )
    assert (first.body, second.body) == (b"Bearer a", b"Bearer b")


async def test_a_shared_call_goes_on_while_one_caller_is_left(
    running: Running, stub: RawUpstream
) -> None:
    gate = asyncio.Event()
    answer = http(SAID).parts[0]
    stub.script = Step([answer[:9], answer[9:]], gate=gate)
    body = json.dumps(CHAT).encode()
    _, leaving = await asyncio.open_connection("127.0.0.1", running.port)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
    leaving.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    await stub.arrived.wait()
    staying = asyncio.create_task(running.post(CHAT, connection="close"))
    for _ in range(5):
        await running.get("/healthz")
    leaving.close()
    for _ in range(5):
        await running.get("/healthz")
    gate.set()
    assert (await staying).body == SAID
    assert len(stub.seen) == 1


# --- credentials -----------------------------------------------------------------------


async def test_the_configured_key_replaces_the_clients_and_never_comes_back(
    home: Path, stub: RawUpstream
) -> None:
    def leaking(seen: Seen) -> Step:
        return http(b'{"error":"bad key ' + seen.headers["authorization"].encode() + b'"}', 401)

    stub.script = leaking
    async with gateway(home, stub.url, upstream_key="sk-secret") as started:
        got = await started.post(CHAT, authorization="Bearer mine", x_api_key="x", cookie="c=1")
    assert stub.seen[0].headers["authorization"] == "Bearer sk-secret"
    assert {"x-api-key", "cookie"}.isdisjoint(stub.seen[0].headers)
    assert (got.status, b"secret" in got.body) == (401, False)


async def test_without_a_configured_key_the_clients_own_goes_on(
    running: Running, stub: RawUpstream
) -> None:
    await running.post(CHAT, authorization="Bearer mine")
    assert stub.seen[0].headers["authorization"] == "Bearer mine"


# --- observer --------------------------------------------------------------------------


@dataclass
class Watcher:
    """Keeps what it is told."""

    seen: list[Observed] = field(default_factory=list[Observed])

    def observe(self, seen: Observed) -> None:
        self.seen.append(seen)


async def test_an_observer_is_told_of_each_answer_once_and_whether_it_was_whole(
    home: Path, stub: RawUpstream
) -> None:
    watcher = Watcher()
    completion = {
        "id": "1", "object": "chat.completion", "model": "m-1",
        "choices": [{"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    }  # fmt: skip
    async with gateway(home, stub.url, Parts(observer=watcher)) as started:
        await asked_at_once(started, stub, CHAT, CHAT)
        stub.script = http(json.dumps(completion).encode())
        await started.post(CHAT, x_latm="off")
        await started.get("/v1/models")
        start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        stub.script = Step(
            [start + b"transfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n"], close=True
        )
        await started.post({**CHAT, "stream": True})
    shared, opted_out, cut = watcher.seen
    assert isinstance(shared.asked, Asked)
    assert (shared.asked.question, shared.body, shared.complete) == ("hi", SAID, True)
    assert opted_out.opted_out
    assert heard(opted_out) == Heard("yes", "stop", Usage(2, 0, 1), "m-1")
    assert (cut.complete, cut.body, heard(cut)) == (False, b"data:", None)
