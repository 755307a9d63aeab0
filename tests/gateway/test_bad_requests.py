"""Broken and hostile requests beyond those of test_bounds, by the groups of docs/security.md."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from latm.gateway import wire
from latm.gateway.app import Parts
from latm.gateway.keys import Keys, Tenant
from latm.gateway.observing import Observed, heard
from latm.gateway.reading import Incoming, Kind
from latm.gateway.refusal import Refusal
from latm.gateway.sse import split
from latm.gateway.writing import Answered, events, whole
from latm.settings import Settings
from latm.store import Store
from latm.types import Message, Usage
from latm.using.gate import Request, fingerprint

from .harness import (
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

QUESTION = "Sort the words: b a"
SORT = {"model": "m", "messages": [{"role": "user", "content": QUESTION}]}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PASSED = b'{"passed":"on"}'


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(PASSED)) as served:
        yield served


@pytest.fixture
async def running(home: Path, stub: RawUpstream) -> AsyncGenerator[Running]:
    async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as started:
        yield started


# --- 2: lengths ------------------------------------------------------------------------


async def test_what_is_behind_a_body_is_not_part_of_it(running: Running, stub: RawUpstream) -> None:
    head = b"POST /v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n"
    answer = await running.raw(head + b"{}GET /v1/../admin HTTP/1.1\r\n\r\n")
    assert [seen.body for seen in stub.seen] == [b"{}"]
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"HTTP/1.1 40") == 1, "it is a request of its own, and has to be admitted"


# --- 3: many and deep ------------------------------------------------------------------

MANY = [
    b'{"model":"m","messages":[],' + b",".join(b'"k%d":1' % n for n in range(60_000)) + b"}",
    b'{"model":"m","messages":[' + b",".join([b'{"role":"user","content":"x"}'] * 30_000) + b"]}",
    b'{"model":"m","messages":[],"' + b"k" * 900_000 + b'":1}',
    b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 5_000_000 + b'"}]}',
]


@pytest.mark.parametrize("body", MANY, ids=["keys", "messages", "long key", "long text"])
async def test_what_is_merely_much_passes_on_as_it_came(
    running: Running, stub: RawUpstream, body: bytes
) -> None:
    assert (await running.post(body)).body == PASSED
    assert stub.seen[0].body == body


async def test_a_model_that_is_named_twice_is_served_by_no_tool(
    home: Path, stub: RawUpstream
) -> None:
    await store_sorting(home)
    async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as started:
        await until_ready(started, "1 tools serve")
        body = json.dumps(SORT).encode()
        assert (await started.post(body)).headers["x-latm-rung"] == "tool"
        twice = body[:-1] + b',"model":"m"}'
        assert (await started.post(twice)).headers["x-latm-rung"] == "upstream"
        assert stub.seen[0].body == twice


# --- 5, 16: odd text -------------------------------------------------------------------

ODD = [
    "\u202emodel\u202c", "m\x00", "\x1b[31mred", "\ud800", "{{7*7}}", "${jndi:ldap://x}", "%s%n",
    "<script>alert(1)</script>", "=cmd()", "'; DROP TABLE usage;--", "m" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
async def test_an_odd_name_of_a_model_passes_on_and_is_kept_as_bounded_text(
    home: Path, running: Running, stub: RawUpstream, name: str
) -> None:
    body = json.dumps({**CHAT, "model": name}).encode()
    assert (await running.post(body)).status == 200
    assert stub.seen[0].body == body
    async with await Store.open(Settings(home=home).database) as store:
        while not (found := await store.usage.sums(("model",))):
            pass
    ((kept,),) = found
    assert kept
    assert len(kept) <= 128
    assert kept.encode()


# --- 6: slow readers -------------------------------------------------------------------


async def test_a_client_that_does_not_read_is_given_up_with_its_call(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "WRITE_SECONDS", 0.05)
    given_up = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            given_up.set()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, gateway(home, f"http://127.0.0.1:{port}/v1") as started:
        # The reader takes two bytes and leaves the rest where it is.
        _, writer = await asyncio.open_connection("127.0.0.1", started.port, limit=1)
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await given_up.wait()
        writer.close()


# --- 7, 22: headers --------------------------------------------------------------------


@pytest.mark.parametrize("given", ["x" * 500, "a b", "<script>", "1\t2", "'--"])
async def test_ids_are_ours_and_what_a_client_calls_its_request_stays_out(
    running: Running, stub: RawUpstream, given: str
) -> None:
    stub.script = http(PASSED, x_latm_request_id="forged", x_latm_tool="forged")
    got = await running.post(CHAT, x_request_id=given, x_latm_request_id=given)
    assert got.headers["x-latm-request-id"].isalnum()
    assert len(got.headers["x-latm-request-id"]) <= 64
    assert "x-latm-tool" not in got.headers
    assert given not in got.headers.values()


async def test_a_key_of_idempotence_does_not_tie_two_requests_together(
    running: Running, stub: RawUpstream
) -> None:
    for content in ("one", "two"):
        await running.post({**CHAT, "n": len(content)}, idempotency_key="same", if_none_match="*")
        await running.post({**CHAT, "user": content}, idempotency_key="same", if_none_match="*")
    assert len({seen.body for seen in stub.seen}) == 3
    assert len(stub.seen) == 4


# --- 8: where to -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1;/models", {}),
        ("/v1/models/", {}),
        ("/v1/models", {"host": "localhost:4000/#@x"}),
        ("/v1/models", {"x_forwarded_host": "evil.example", "x_forwarded_prefix": "/latm"}),
        ("/v1/models", {"x_original_url": "/latm/ledger.json", "x_rewrite_url": "/latm"}),
        ("/v1/models", {"x_http_method_override": "DELETE"}),
        ("/v1/latm/ledger.json", {}),
    ],
)
async def test_no_header_and_no_spelling_leads_to_the_administration(
    running: Running, stub: RawUpstream, path: str, headers: dict[str, str]
) -> None:
    got = await running.get(path, **headers)
    assert b"spent" not in got.body
    assert got.status in (200, 400, 403, 404)
    for seen in stub.seen:
        assert seen.line.startswith(f"GET {path} ")
        assert seen.headers["host"] == stub.url.removeprefix("http://").removesuffix("/v1")


async def test_an_address_with_a_foreign_host_in_it_goes_to_the_upstream_or_nowhere(
    running: Running, stub: RawUpstream
) -> None:
    await running.raw(b"GET http://evil.example/v1/models HTTP/1.1\r\nhost: localhost\r\n"
                      b"connection: close\r\n\r\n")  # fmt: skip
    assert all(seen.path == "/v1/models" for seen in stub.seen)


# --- 11, 19: whose ---------------------------------------------------------------------


def test_keys_that_begin_alike_are_different_tenants() -> None:
    first, second = "latm-" + "a" * 40 + "1", "latm-" + "a" * 40 + "2"
    keys = Keys(
        {"one": sha256(first.encode()).hexdigest(), "two": sha256(second.encode()).hexdigest()}
    )

    def asks(key: str) -> Tenant | Refusal:
        return keys.tenant([(b"authorization", f"Bearer {key}".encode())])

    assert asks(first) == Tenant("one")
    assert asks(second) == Tenant("two")
    assert isinstance(asks(first[:-1]), Refusal)


async def test_a_tool_of_one_tenants_class_does_not_serve_another(
    home: Path, stub: RawUpstream
) -> None:
    # With a word in front of the question, so that it does not stand alone.
    said = "Answer in lower case."
    messages = (Message("system", said), Message("user", QUESTION))
    await store_sorting(home, fingerprint=fingerprint(Request(messages, "m", "one")))
    asked = {**SORT, "messages": [{"role": "system", "content": said}, *SORT["messages"]]}
    keys = {name: sha256(name.encode()).hexdigest() for name in ("one", "two")}
    async with gateway(home, stub.url, Parts(poll_seconds=0.01), serve_keys=keys) as started:
        await until_ready(started, "1 tools serve")
        rungs = [
            (await started.post(asked, authorization=f"Bearer {name}")).headers["x-latm-rung"]
            for name in keys
        ]
    assert rungs == ["tool", "upstream"]


# --- 13: addresses in messages ---------------------------------------------------------


async def test_an_address_in_a_message_is_not_fetched(running: Running, stub: RawUpstream) -> None:
    parts = [{"type": "image_url", "image_url": {"url": f"{stub.url}/secret.png"}},
             {"type": "file", "file": {"file_url": f"{stub.url}/secret.pdf"}}]  # fmt: skip
    await running.post({**CHAT, "messages": [{"role": "user", "content": parts}]})
    assert [seen.path for seen in stub.seen] == ["/v1/chat/completions"]


# --- 24: framing -----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x\n\ndata: [DONE]\n\n", "a\r\nevent: error\r\n\r\n", "data: 1"])
def test_an_answer_cannot_add_events_to_its_stream(text: str) -> None:
    kinds: tuple[Kind, ...] = ("chat", "responses")
    for kind in kinds:
        incoming = Incoming(kind, Request((), "m"), stream=True, usage=True)
        answered = Answered(incoming, text, Usage(), "id1", 7)
        found = split(b"".join(events(answered)))
        assert sum(event.data == "[DONE]" for event in found) == (kind == "chat")
        for event in found:
            assert event.data == "[DONE]" or isinstance(json.loads(event.data), dict)
        assert json.loads(whole(answered))


# --- 26: web pages ---------------------------------------------------------------------


async def test_no_foreign_page_is_told_that_it_may_ask(home: Path, stub: RawUpstream) -> None:
    keys = {"one": sha256(b"one").hexdigest()}
    async with gateway(home, stub.url, serve_keys=keys) as started:
        for path in ("/v1/chat/completions", "/latm/ledger.json", "/latm/tools/x/retire"):
            answer = await started.raw(
                f"OPTIONS {path} HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\n"
                "access-control-request-method: POST\r\nconnection: close\r\n\r\n".encode()
            )
            assert answer.split(b" ")[1] in (b"401", b"405")
            assert b"access-control-allow" not in answer.lower()
    assert stub.seen == []


# --- 23: faults of the upstream --------------------------------------------------------


@dataclass
class Learner:
    """Keeps what could be learnt from."""

    seen: list[Observed] = field(default_factory=list[Observed])

    def observe(self, seen: Observed) -> None:
        self.seen.append(seen)


def completion(**more: object) -> bytes:
    choice = {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}
    return json.dumps({"model": "m", "choices": [choice], **more}).encode()


OPENED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FAULTS: dict[str, tuple[Step, int]] = {
    "429": (http(completion(), 429), 429),
    "500": (http(completion(), 500), 500),
    "hang": (Step([], hold=True), 504),
    "hang in the middle": (
        Step([b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + completion()], hold=True),
        504,
    ),
    "too short": (
        Step([b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + completion()], close=True),
        502,
    ),
    "no HTTP": (Step([b"\x00\x01\x02\x03\r\n\r\n"], close=True), 502),
    "garbage": (http(b"\xff\x00{]"), 200),
    "HTML": (http(b"<html>Sign in</html>", content_type="text/html"), 200),
    "cut JSON": (http(completion()[:-1]), 200),
    "tool call with bad JSON": (
        http(
            json.dumps(
                {
                    "model": "m",
                    "choices": [
                        {
                            "index": 0,
                            "message": {"content": None, "tool_calls": [{"arguments": "{"}]},
                            "finish_reason": "tool_calls",
                        }
                    ],
                }
            ).encode()
        ),
        200,
    ),
}


@pytest.mark.parametrize(("step", "status"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("sampled", [True, False], ids=["alone", "shareable"])
async def test_a_fault_is_shown_as_it_is_and_nothing_is_learnt_from_it(
    home: Path, stub: RawUpstream, step: Step, status: int, sampled: bool
) -> None:
    stub.script = step
    learner = Learner()
    settings = {"upstream_seconds": 0.2, "exact_seconds": 60}
    async with gateway(home, stub.url, Parts(observer=learner), **settings) as started:
        got = await started.post({**CHAT, "temperature": 1.0} if sampled else CHAT)
        assert got.status == status
        assert got.whole
        if status in (502, 504):
            assert got.error["type"] == "upstream_error"
        else:
            assert got.body == step.parts[0].partition(b"\r\n\r\n")[2]
        stub.script = http(PASSED)
        assert (await started.post(CHAT)).body == PASSED, "nor is it said again"
    assert all(heard(seen) is None for seen in learner.seen)


BROKEN_STREAMS: dict[str, Step] = {
    "cut": Step([OPENED + b"9\r\ndata: {}\n\r\n"], close=True),
    "cut in a chunk": Step([OPENED + b"ff\r\ndata: {}"], close=True),
    "hang": Step([OPENED + b"9\r\ndata: {}\n\r\n"], hold=True),
}


@pytest.mark.parametrize("step", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
async def test_a_stream_that_breaks_ends_in_the_middle_for_the_client_too(
    home: Path, stub: RawUpstream, step: Step
) -> None:
    stub.script = step
    learner = Learner()
    parts = Parts(observer=learner)
    async with gateway(home, stub.url, parts, upstream_seconds=0.2) as started:
        got = await started.post({**CHAT, "stream": True})
        assert got.status == 200
        assert not got.whole
    (seen,) = learner.seen
    assert not seen.complete
    assert heard(seen) is None


async def test_a_line_of_ten_megabytes_passes_on(running: Running, stub: RawUpstream) -> None:
    line = b"data: " + b"x" * 10_000_000 + b"\n\n"
    stub.script = chunked([line[n : n + 65_536] for n in range(0, len(line), 65_536)])
    assert (await running.post({**CHAT, "stream": True})).body == line


# --- the table -------------------------------------------------------------------------


def test_the_table_of_bad_requests_names_tests_that_exist() -> None:
    here = Path(__file__).parent
    root = here.parents[1]
    page = (root / "docs/security.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 28))
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
        assert named, row
        for file, name in named:
            source = ((root if "/" in file else here) / file).read_text(encoding="utf-8")
            assert f"def {name}(" in source, f"{file} has no {name}"
