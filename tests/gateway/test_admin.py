"""What an operator sees and does, and who is none."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route, Router

from latm.gateway.app import Parts, build
from latm.gateway.keys import new_key
from latm.settings import Price, Settings
from latm.store import Store, UsageRow
from latm.store.conformance import sample_tool
from latm.store.observed import Born, Context, Grouping, Miss
from latm.types import Purpose, Slot, Template, Usage

from .harness import Got, RawUpstream, Running, gateway, http, store_sorting, until_ready, upstream

KEY, HASH = new_key()
ADMIN_KEY, ADMIN_HASH = new_key()
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
TENANT = {"authorization": f"Bearer {KEY}"}
JSON = {"content_type": "application/json"}
SORT = {"model": "m", "messages": [{"role": "user", "content": "Sort the words: b a"}]}
PRICES = {"openai:m": Price.model_validate({"input": "2000", "output": "8000"})}
MOVES = ["/latm/tools/sorting/promote", "/latm/tools/sorting/retire"]


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(b"{}")) as served:
        yield served


@pytest.fixture
async def running(home: Path, stub: RawUpstream) -> AsyncGenerator[Running]:
    """A gateway with keys and a live tool."""
    await store_sorting(home)
    async with gateway(
        home,
        stub.url,
        Parts(poll_seconds=0.01),
        serve_keys={"team-a": HASH},
        serve_admin_key=ADMIN_HASH,
        prices=PRICES,
        record=False,  # the tests put on record what they look at
    ) as started:
        await until_ready(started, "1 tools serve")
        yield started


def body(got: Got) -> Any:  # noqa: ANN401 - JSON of any shape, looked at by a test
    return json.loads(got.body)


# --- who -------------------------------------------------------------------------------


def routes(home: Path) -> list[tuple[str, str]]:
    """Every route of the application, with a method that it takes."""
    settings = Settings(home=home, upstream_url="http://localhost/v1")
    router = build(settings)
    assert isinstance(router, Router)
    return [
        (path, method)
        for route in router.routes
        if isinstance(route, Route)
        for path in [route.path.replace("{name}", "sorting").replace("{rest:path}", "models")]
        for method in sorted((route.methods or {"GET"}) - {"HEAD"})
    ]


OPEN = {"/healthz", "/readyz"}
BAD = ["", "Bearer", "Bearer null", f"Bearer {ADMIN_KEY[:-1]}", "Bearer " + "k" * 5000]


async def test_every_route_but_health_asks_for_a_key(running: Running, home: Path) -> None:
    found = routes(home)
    assert {"/metrics", "/latm/tools/sorting/promote", "/v1/models"} <= {path for path, _ in found}
    for path, method in found:
        if path in OPEN:
            continue
        for value in BAD:
            head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            rest = f"authorization: {value}\r\ncontent-length: 2\r\n\r\n{{}}"
            got = Got.of(await running.raw((head + rest).encode()))
            assert got.status == 401, (path, value)


async def test_a_tenants_key_administers_nothing(running: Running, home: Path) -> None:
    for path, method in routes(home):
        if path.startswith(("/latm", "/metrics")):
            if method == "GET":
                got = await running.get(path, **TENANT)
            else:
                got = await running.post(b"{}", path, **TENANT)
            assert got.status == 401


async def test_a_key_in_the_address_is_none(running: Running) -> None:
    assert (
        await running.get(f"/latm/ledger.json?key={ADMIN_KEY}&api_key={ADMIN_KEY}")
    ).status == 401


async def test_without_any_key_no_web_page_administers(home: Path, stub: RawUpstream) -> None:
    await store_sorting(home)
    async with gateway(home, stub.url) as started:
        await until_ready(started, "1 tools serve")
        assert (await started.get("/latm/tools.json")).status == 200
        for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
            assert (await started.get("/latm/tools.json", **headers)).status == 403
            got = await started.post({"reason": "x"}, MOVES[1], **JSON, **headers)
            assert got.status == 403


@pytest.mark.parametrize("path", MOVES)
async def test_a_state_is_not_changed_by_what_a_form_can_send(running: Running, path: str) -> None:
    assert (await running.get(path, **ADMIN)).status == 405
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        got = await running.post({"reason": "x"}, path, content_type=kind, **ADMIN)
        assert got.status == 415
    assert "access-control-allow-origin" not in got.headers
    assert state(await running.get("/latm/tools.json", **ADMIN)) == "live"


def state(got: Got) -> object:
    (tool,) = json.loads(got.body)["tools"]
    return tool["state"]


# --- tools -----------------------------------------------------------------------------


async def test_a_tool_is_retired_and_no_longer_serves(running: Running) -> None:
    assert (await running.post(SORT, **TENANT)).headers["x-latm-rung"] == "tool"
    got = await running.post({"reason": "the rule changed"}, MOVES[1], **JSON, **ADMIN)
    assert (got.status, state(got)) == (200, "retired")
    await until_ready(running, "0 tools serve")
    assert (await running.post(SORT, **TENANT)).headers["x-latm-rung"] == "upstream"
    assert body(await running.get("/latm/tools.json", **ADMIN))["tools"] == []


async def test_a_tool_in_shadow_is_promoted_by_hand_with_a_reason(
    home: Path, running: Running
) -> None:
    async with await Store.open(Settings(home=home).database) as store:
        await store.toolbox.add(sample_tool("waiting"), "shadow", "not enough cases")
    got = await running.post({"reason": "checked"}, "/latm/tools/waiting/promote", **JSON, **ADMIN)
    assert state(got) == "live"
    detail = body(await running.get("/latm/tools/waiting.json", **ADMIN))
    (tool,) = detail["tools"]
    assert tool["events"][-1]["reason"] == "checked"
    assert tool["source"].startswith("def solve")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 400), (b"[]", 400), (b"{}", 400), (b'{"reason":""}', 400), (b'{"reason":7}', 400),
        (b'{"reason":"x","state":"live"}', 400), (b'{"reason":"x","version":"%"}', 400),
        (b'{"reason":"' + b"x" * 600 + b'"}', 400), (b" " * 20_000, 413),
        (b'{"reason":"x","version":"ffffffff"}', 404),
    ],
)  # fmt: skip
async def test_a_malformed_move_changes_nothing(running: Running, sent: bytes, status: int) -> None:
    assert (await running.post(sent, MOVES[1], **JSON, **ADMIN)).status == status
    assert state(await running.get("/latm/tools.json", **ADMIN)) == "live"


NAMES = [
    "..%2f..%2fetc%2fpasswd", "%00", "'%3B%20DROP%20TABLE%20tool%3B--", "%25", "_", "con",
    "x" * 10_000, "%F0%9F%98%80", "__proto__", "s%D0%BErting", "SORTING", "sorting.py%0A",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_that_is_no_tools_is_not_found(running: Running, name: str) -> None:
    for ask in (
        running.get(f"/latm/tools/{name}.json", **ADMIN),
        running.post({"reason": "x"}, f"/latm/tools/{name}/retire", **JSON, **ADMIN),
    ):
        assert (await ask).status in (400, 404)
    assert state(await running.get("/latm/tools.json", **ADMIN)) == "live"


async def test_lists_come_in_pages(home: Path, running: Running) -> None:
    async with await Store.open(Settings(home=home).database) as store:
        await store.toolbox.add_all([(sample_tool(f"n{i:02}"), "live") for i in range(7)])
    names: list[str] = []
    after: object = ""
    while after is not None:
        page = body(await running.get(f"/latm/tools.json?limit=3&after={after}", **ADMIN))
        found = [tool["name"] for tool in page["tools"]]
        assert len(found) <= 3
        names += found
        after = page["next"]
    assert names == [*(f"n{i:02}" for i in range(7)), "sorting"]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "9" * 5000, "%F0%9F%98%80", "1;DROP"])
async def test_a_page_is_bounded(running: Running, limit: str) -> None:
    for path in ("tools", "ledger", "classes"):
        got = await running.get(f"/latm/{path}.json?limit={limit}", **ADMIN)
        assert got.status == 400


# --- classes ---------------------------------------------------------------------------


async def test_classes_are_listed_with_what_they_cost_the_busiest_first(
    home: Path, running: Running
) -> None:
    context = Context("f" * 64, "team-a", "gpt-4o")
    slot = Slot("n", "integer")
    async with await Store.open(Settings(home=home).database) as store:
        observations = store.observations
        asked = [("add 1", "rare"), ("take 1", "busy"), ("take 2", "busy"), ("tell me", "")]
        await observations.record(
            [
                Miss(context.fingerprint, question, "7", Usage(10, 0, 2), Decimal("0.01"))
                for question, _ in asked
            ],
            [context],
        )
        assert await observations.take("a test", 60)
        waiting = await observations.waiting(0, 10)
        named = {one.number: name for one, (_, name) in zip(waiting, asked, strict=True) if name}
        born = tuple(
            Born(name, context.fingerprint, Template((f"{word} ", ""), (slot,)))
            for name, word in (("rare", "add"), ("busy", "take"))
        )
        await observations.settle("a test", Grouping(born, joined=named), 100)
    page = body(await running.get("/latm/classes.json?limit=1", **ADMIN))
    (busy,) = page["classes"]
    assert (busy["name"], busy["requests"], busy["tenant"]) == ("busy", 2, "team-a")
    assert busy["spent"] == {"usd": "0.02", "known_usd": "0.02", "unknown": 0}
    assert busy["tokens"] == {"input": 20, "cached": 0, "output": 4}
    assert busy["template"].startswith("take ")
    assert page["waiting"] == 1
    after = page["next"]
    rest = body(await running.get(f"/latm/classes.json?after={after}", **ADMIN))
    assert [found["name"] for found in rest["classes"]] == ["rare"]
    assert rest["next"] is None
    for wrong in ("x", "-1", "9" * 40):
        assert (await running.get(f"/latm/classes.json?after={wrong}", **ADMIN)).status == 400


# --- ledger ----------------------------------------------------------------------------


def spent(purpose: Purpose, usd: str) -> UsageRow:
    return UsageRow(purpose, name="sorting", usage=Usage(1, 0, 1), cost_usd=Decimal(usd))


async def test_the_ledger_tells_all_kinds_of_cost_apart(home: Path, running: Running) -> None:
    async with await Store.open(Settings(home=home).database) as store:
        await store.usage.append(
            [spent("making", "0.10"), spent("shadow", "0.02"), spent("audit", "0.01")]
        )
    for _ in range(3):
        await running.post(SORT, **TENANT)
    while True:
        ledger = body(await running.get("/latm/ledger.json", **ADMIN))
        if ledger["total"]["served"] == 3:
            break
    of_class = ledger["classes"]["sorting"]
    usd = {kind: of_class[kind]["usd"] for kind in ("making", "shadow", "audit", "spent")}
    assert usd == {"making": "0.1", "shadow": "0.02", "audit": "0.01", "spent": "0.13"}
    # 5 tokens of question and 1 of answer, three times.
    assert of_class["avoided"]["usd"] == "0.054"
    assert of_class["saved_usd"] == "-0.076"
    # 0.12 are paid once; each request saves 0.018 less a third of the audits.
    assert of_class["break_even"] == 9
    assert ledger["tenants"]["team-a"]["served"] == 3
    assert ledger["rungs"]["tool"]["avoided"]["usd"] == "0.054"


async def test_answers_of_the_administration_are_not_kept_by_anybody(running: Running) -> None:
    for path in ("/latm/ledger.json", "/latm/tools.json", "/metrics"):
        headers = (await running.get(path, **ADMIN)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
