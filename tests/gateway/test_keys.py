"""Who may ask."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from latm.errors import SettingsError
from latm.gateway.app import Parts, check
from latm.gateway.keys import Keys, new_key
from latm.gateway.refusal import Refusal
from latm.settings import Settings

from .harness import RawUpstream, Running, gateway, http, store_sorting, until_ready, upstream

ASK = {"model": "m", "messages": [{"role": "user", "content": "Sort the words: b a"}]}
KEY_A, HASH_A = new_key()
KEY_B, HASH_B = new_key()


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(b"{}")) as served:
        yield served


@pytest.fixture
async def running(home: Path, stub: RawUpstream) -> AsyncGenerator[Running]:
    await store_sorting(home)
    keys = {"team-a": HASH_A, "team-b": HASH_B}
    parts = Parts(poll_seconds=0.01)
    async with gateway(home, stub.url, parts, serve_keys=keys, serve_off=("team-b",)) as started:
        await until_ready(started, "1 tools serve")
        yield started


BAD_KEYS = [
    "", "Bearer", "Bearer ", "Bearer null", f"Basic {KEY_A}", f"Bearer {KEY_A[:-1]}", KEY_A,
    f"Bearer {KEY_A}\x00x", f"Bearer {KEY_A} x", f"Bearer {HASH_A}", "Bearer ' OR '1'='1",
    "Bearer \u00e9", "Bearer " + "k" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_KEYS, ids=range(len(BAD_KEYS)))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/anything/else"])
async def test_only_a_whole_known_key_is_let_in(
    running: Running, stub: RawUpstream, value: str, path: str
) -> None:
    got = await running.post(ASK, path, authorization=value)
    assert got.status in (400, 401)
    assert KEY_A not in got.body.decode()
    assert stub.seen == []


async def test_two_keys_at_once_are_none(running: Running) -> None:
    head = f"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY_A}\r\n"
    got = await running.raw(f"{head}authorization: Bearer {KEY_B}\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 401")


async def test_a_gateway_key_is_not_sent_to_the_upstream(
    running: Running, stub: RawUpstream
) -> None:
    got = await running.get("/v1/models", authorization=f"bearer {KEY_A}", host="any.example")
    assert got.status == 200
    assert "authorization" not in stub.seen[0].headers


async def test_a_tenant_may_opt_out_of_tools(running: Running, stub: RawUpstream) -> None:
    assert (await running.post(ASK, authorization=f"Bearer {KEY_A}")).headers["x-latm-rung"] == (
        "tool"
    )
    assert (await running.post(ASK, authorization=f"Bearer {KEY_B}")).body == b"{}"


async def test_health_needs_no_key_and_tells_nothing_else(running: Running) -> None:
    assert (await running.get("/healthz")).status == 200
    for path in ("/", "/docs", "/latm", "/openapi.json", "//v1/models", "/V1/models"):
        assert (await running.get(path)).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost", "origin": "https://evil.example"},
        {"host": "localhost", "origin": "null"},
        {"host": ""},
    ],
)
async def test_without_a_key_no_web_page_and_no_foreign_name_is_served(
    home: Path, stub: RawUpstream, headers: dict[str, str]
) -> None:
    async with gateway(home, stub.url) as started:
        assert (await started.post(ASK, **headers)).status == 403
        for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
            assert (await started.post(ASK, host=host)).status == 200
    assert len(stub.seen) == 3


def test_without_a_key_it_does_not_listen_for_others() -> None:
    settings = Settings(upstream_url="http://localhost/v1", serve_host="0.0.0.0")
    with pytest.raises(SettingsError, match="LATM_SERVE_KEYS"):
        check(settings)
    check(settings.model_copy(update={"serve_keys": {"a": HASH_A}}))


def test_the_administration_has_a_key_of_its_own() -> None:
    def bearer(key: str) -> list[tuple[bytes, bytes]]:
        return [(b"authorization", f"Bearer {key}".encode()), (b"host", b"localhost")]

    keys = Keys({"team-a": HASH_A}, admin=HASH_B)
    assert keys.admitted_as_admin(bearer(KEY_B)) is None
    assert isinstance(keys.admitted_as_admin(bearer(KEY_A)), Refusal)
    assert isinstance(keys.tenant(bearer(KEY_B)), Refusal)
    assert isinstance(Keys({"team-a": HASH_A}).admitted_as_admin(bearer(KEY_A)), Refusal)
    assert Keys({}).admitted_as_admin(bearer("")) is None
