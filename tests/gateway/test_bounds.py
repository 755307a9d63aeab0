"""Requests that are broken, too large, too slow or aimed elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from latm.gateway import transfer, wire

from .harness import Got, RawUpstream, Running, gateway, http, upstream

MOST = 100_000


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(b"{}")) as served:
        yield served


@pytest.fixture
async def running(home: Path, stub: RawUpstream) -> AsyncGenerator[Running]:
    async with gateway(home, stub.url, serve_body_bytes=MOST) as started:
        yield started


def field(name: str, value: str) -> bytes:
    return f'{{"model":"m","messages":[],"{name}":{value}}}'.encode()


MALFORMED = [
    b"", b"[]", b"null", b'"x"', b'{"model":', b'{"model":"m"} x', b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00",
    b'{"model":"\xc0\xaf"}', b'{"a":' + b"[" * 40_000, field("x", "NaN"), field("x", "9" * 5000),
    field("n", "0"), field("n", "-1"), field("n", "1.0"), field("n", "1000000"), field("n", "true"),
    field("temperature", '"1"'), field("temperature", "[]"), field("temperature", "1e999"),
    field("stream", '"yes"'), field("stream", "1"), field("max_tokens", "1e3"),
    field("max_tokens", "9" * 20), b'{"model":7}',
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
async def test_what_is_no_request_is_refused_in_the_apis_form(
    running: Running, stub: RawUpstream, body: bytes, path: str
) -> None:
    got = await running.post(body, path)
    assert (got.status, got.error["type"]) == (400, "invalid_request_error")
    assert "Traceback" not in got.body.decode()
    assert stub.seen == []


@pytest.mark.parametrize(
    "start",
    [
        b"content-length: 104857600\r\n\r\n",
        b"content-length: 99999999999999999999\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n20000\r\n" + b"x" * 0x20000 + b"\r\n0\r\n\r\n",
    ],
)
async def test_a_body_that_is_too_large_is_refused_while_it_comes(
    running: Running, stub: RawUpstream, start: bytes
) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
    answer = await running.raw(head + start)
    assert answer.split(b" ")[1] in (b"413", b"400")
    assert stub.seen == []


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"content-length: -1\r\n\r\n",
        b"content-length: 1 1\r\n\r\n",
        b"x: a\nb\r\n\r\n\x00",
        b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_a_request_with_two_readings_is_refused(
    running: Running, stub: RawUpstream, head: bytes
) -> None:
    answer = await running.raw(b"POST /v1/models HTTP/1.1\r\nhost: localhost\r\n" + head)
    assert Got.of(answer).error["type"] == "invalid_request_error"
    assert stub.seen == []


@pytest.mark.parametrize(
    "headers",
    [
        "".join(f"x-{n}: 1\r\n" for n in range(1000)),
        "x: " + "y" * 70_000 + "\r\n",
        "".join(f"x-{n}: {'y' * 9000}\r\n" for n in range(8)),
    ],
)
async def test_too_much_before_the_body_is_refused(running: Running, headers: str) -> None:
    answer = await running.raw(
        f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 431")


async def test_headers_and_bodies_that_do_not_come_are_not_waited_for(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEADER_SECONDS", 0.05)
    monkeypatch.setattr(transfer, "BODY_SECONDS", 0.05)
    start = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
    assert (await running.raw(b"")).startswith(b"HTTP/1.1 408")
    assert (await running.raw(start)).startswith(b"HTTP/1.1 408")
    late = await running.raw(start + b"content-length: 9\r\n\r\n{")
    assert late.startswith(b"HTTP/1.1 408")
    waiting = await running.raw(start + b"expect: 100-continue\r\ncontent-length: 9\r\n\r\n")
    assert b"HTTP/1.1 408" in waiting


async def test_one_address_cannot_take_all_connections(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MOST_CONNECTIONS", 0)
    assert (await running.raw(b"")).startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../admin", "/v1/%2e%2e/admin", "/v1/a/%2E%2e%2fadmin", "/v1/..%5cadmin", "/v1/./x",
        "/v1/x/..", "http://evil.example/v1/../x",
    ],
)  # fmt: skip
async def test_a_path_that_climbs_goes_nowhere(
    running: Running, stub: RawUpstream, path: str
) -> None:
    assert (await running.get(path)).status in (400, 404)
    assert stub.seen == []


@pytest.mark.parametrize("first", ["TRACE /v1/x", "CONNECT evil.example:443", "BREW /v1/x"])
async def test_methods_that_are_not_the_apis_are_refused(
    running: Running, stub: RawUpstream, first: str
) -> None:
    answer = await running.raw(f"{first} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"400", b"405")
    assert stub.seen == []


@pytest.mark.parametrize("wanted", ["websocket", "h2c"])
async def test_an_upgrade_is_not_passed_on(
    running: Running, stub: RawUpstream, wanted: str
) -> None:
    got = await running.get("/v1/realtime", connection="upgrade, close", upgrade=wanted)
    assert got.status == 200
    assert "upgrade" not in stub.seen[0].headers


async def test_fields_of_a_request_choose_no_upstream(running: Running, stub: RawUpstream) -> None:
    body = b'{"model":"m","messages":[],"api_base":"http://169.254.169.254","base_url":"http://x"}'
    got = await running.post(body, x_forwarded_host="evil.example", x_original_url="/admin")
    assert (got.status, stub.seen[0].path) == (200, "/v1/chat/completions")


async def test_a_redirect_is_shown_and_not_followed(running: Running, stub: RawUpstream) -> None:
    stub.script = http(b"", 302, location="http://169.254.169.254/")
    got = await running.get("/v1/models", authorization="Bearer k")
    assert (got.status, got.headers["location"]) == (302, "http://169.254.169.254/")


async def test_a_packed_request_passes_on_unread(running: Running, stub: RawUpstream) -> None:
    await running.post(b"\x1f\x8b not json", content_encoding="gzip")
    assert stub.seen[0].body == b"\x1f\x8b not json"
