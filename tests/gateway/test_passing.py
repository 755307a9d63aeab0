"""What no tool serves goes on and comes back with its bytes unchanged."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from .harness import RawUpstream, Running, Step, chunked, gateway, http, upstream

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ODD = b'{ "id":1.0e2, "choices":[],\n "x":"\\u00e9\xc3\xa9" , "unknown": {"a":[1,2]}}\r\n'


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(ODD, x_upstream="yes")) as served:
        yield served


@pytest.fixture
async def running(home: Path, stub: RawUpstream) -> AsyncGenerator[Running]:
    async with gateway(home, stub.url) as started:
        yield started


BODIES = [
    b'{"model":"m","messages":[{"role":"user","content":"hi"}]}',
    b'{"messages": [ {"content":"h\\u0069","role":"user"} ],"model":"m","zzz":{"a":1e2}}  \n',
    b'{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}],"logprobs":true}',
    b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":'
    b'{"url":"data:image/png;base64,AA=="}}]}],"tools":[{"type":"function"}]}',
    b'{"model":"m","model":"other","messages":[]}',
    b'{"model":"m","messages":[{"role":"user","content":"half \\ud800 a pair \\u0000"}]}',
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
async def test_a_request_and_its_answer_keep_their_bytes(
    stub: RawUpstream, running: Running, body: bytes, path: str
) -> None:
    got = await running.post(body, path, content_type="application/json", x_own="1")
    assert stub.seen[0].body == body
    assert stub.seen[0].path == path
    assert stub.seen[0].headers["x-own"] == "1"
    assert (got.status, got.body) == (200, ODD)
    assert got.headers["x-upstream"] == "yes"
    assert got.headers["x-latm-rung"] == "upstream"


async def test_any_other_path_passes_with_its_query_and_method(
    stub: RawUpstream, running: Running
) -> None:
    blob = bytes(range(256)) * 5000
    stub.script = http(blob, content_type="audio/mpeg")
    got = await running.post(blob, "/v1/audio/speech%20x?a=%2F&b", content_type="text/plain")
    assert (stub.seen[0].path, stub.seen[0].body) == ("/v1/audio/speech%20x?a=%2F&b", blob)
    assert (got.body, got.headers["content-type"]) == (blob, "audio/mpeg")
    stub.script = http(b'{"object":"list","data":[]}')
    assert (await running.get("/v1/models")).body == b'{"object":"list","data":[]}'
    assert stub.seen[1].line == "GET /v1/models HTTP/1.1"


async def test_a_stream_keeps_its_bytes_wherever_it_is_cut(
    stub: RawUpstream, running: Running
) -> None:
    stream = b'data: {"a":"\xc3\xa9"}\r\n\r\n: ping\n\nevent: x\ndata: [DO\n\ndata: [DONE]\n\n'
    cuts = [stream[:1], stream[1:14], stream[14:15], stream[15:40], stream[40:]]
    stub.script = chunked(cuts)
    got = await running.post({**CHAT, "stream": True})
    assert got.body == stream
    assert got.whole


async def test_parts_of_a_stream_arrive_before_it_ends(stub: RawUpstream, running: Running) -> None:
    gate = asyncio.Event()
    stub.script = chunked([b"data: 1\n\n"], gate=gate)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    body = json.dumps({**CHAT, "stream": True}).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n")
    writer.write(b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    assert (await reader.readuntil(b"data: 1\n\n")).startswith(b"HTTP/1.1 200")
    gate.set()
    await reader.read()
    writer.close()


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500])
async def test_an_error_keeps_its_status_headers_and_bytes(
    stub: RawUpstream, running: Running, status: int
) -> None:
    stub.script = http(b"<html>\xff no", status, content_type="text/html", x_id="7")
    got = await running.post(CHAT)
    assert (got.status, got.body) == (status, b"<html>\xff no")
    assert (got.headers["x-id"], got.headers["content-type"]) == ("7", "text/html")


async def test_a_packed_answer_stays_packed(stub: RawUpstream, running: Running) -> None:
    packed = gzip.compress(ODD)
    stub.script = http(packed, content_encoding="gzip")
    got = await running.post(CHAT, accept_encoding="gzip")
    assert stub.seen[0].headers["accept-encoding"] == "gzip"
    assert (got.body, got.headers["content-encoding"]) == (packed, "gzip")


async def test_headers_of_one_connection_stay_there(stub: RawUpstream, running: Running) -> None:
    stub.script = http(ODD, connection="x-hop, keep-alive", x_hop="1", keep_alive="9")
    got = await running.post(
        CHAT, connection="close, x-mine", x_mine="1", te="trailers", x_latm="off", upgrade="h2c"
    )
    sent = stub.seen[0].headers
    assert {"x-mine", "te", "x-latm", "upgrade", "connection"}.isdisjoint(sent)
    assert sent["host"] == stub.url.removeprefix("http://").removesuffix("/v1")
    assert {"x-hop", "keep-alive"}.isdisjoint(got.headers)


async def test_nothing_is_added_to_what_the_client_sends(
    stub: RawUpstream, running: Running
) -> None:
    await running.post(CHAT)
    assert set(stub.seen[0].headers) == {"host", "content-length"}


async def test_an_upstream_that_hangs_up_in_its_answer_is_seen_to(
    stub: RawUpstream, running: Running
) -> None:
    start = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n"
    stub.script = Step([start], close=True)
    got = await running.post({**CHAT, "stream": True})
    assert got.body == b"data:"
    assert not got.whole


async def test_a_client_that_leaves_ends_its_call(stub: RawUpstream, running: Running) -> None:
    stub.script = Step([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"], hold=True)
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    body = json.dumps({**CHAT, "stream": True}).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n")
    writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)
    await stub.arrived.wait()
    writer.close()
    await stub.hung_up.wait()


async def test_a_client_that_leaves_before_the_answer_begins_ends_its_call_too(
    stub: RawUpstream, running: Running
) -> None:
    stub.script = Step([], hold=True)
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await stub.arrived.wait()
    writer.close()
    await stub.hung_up.wait()
