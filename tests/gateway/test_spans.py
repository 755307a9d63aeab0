"""What tracing and the log are told of a request, and what they are not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from latm.gateway.app import Parts
from latm.gateway.logs import REQUESTS, JsonLog

from .harness import (
    RawUpstream,
    Running,
    gateway,
    http,
    listening_port,
    store_sorting,
    until_ready,
    upstream,
)

SECRET = "pear fig"
SORT = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"Sort the words: {SECRET}"}]}
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": SECRET}]}
SAID = {
    "id": "chatcmpl-1", "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"content": SECRET}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2},
}  # fmt: skip


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(json.dumps(SAID).encode())) as served:
        yield served


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test")


@asynccontextmanager
async def traced(
    home: Path, stub: RawUpstream, tracer: Tracer, **settings: object
) -> AsyncGenerator[Running]:
    await store_sorting(home)
    parts = Parts(poll_seconds=0.01, tracer=tracer)
    async with gateway(home, stub.url, parts, **settings) as started:
        await until_ready(started, "1 tools serve")
        yield started


def pair(exporter: InMemorySpanExporter) -> tuple[ReadableSpan, ReadableSpan]:
    """The span of a request, and the one below it."""
    child, request = exporter.get_finished_spans()
    assert child.parent
    assert request.context
    assert child.parent.span_id == request.context.span_id
    return request, child


async def test_an_answer_of_the_upstream_is_a_span_after_the_conventions(
    home: Path, stub: RawUpstream, tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    async with traced(home, stub, tracer) as running:
        got = await running.post(CHAT)
    request, model = pair(exporter)
    assert (request.name, request.kind) == ("POST /v1/chat/completions", SpanKind.SERVER)
    assert request.attributes
    assert request.attributes["latm.rung"] == "upstream"
    assert request.attributes["latm.request.id"] == got.headers["x-latm-request-id"]
    assert request.attributes["latm.cost.usd"] == pytest.approx(0.0000325)
    assert (model.name, model.kind) == ("chat gpt-4o", SpanKind.CLIENT)
    assert dict(model.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 2,
        "server.address": "127.0.0.1",
        "server.port": listening_port(stub.url),
    }
    assert request.start_time
    assert model.start_time
    assert request.start_time <= model.start_time


async def test_an_answer_of_a_tool_is_a_span_of_a_tool(
    home: Path, stub: RawUpstream, tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    async with traced(home, stub, tracer) as running:
        await running.post(SORT)
    request, tool = pair(exporter)
    assert request.attributes
    assert tool.attributes
    assert (tool.name, tool.kind) == ("execute_tool sorting", SpanKind.INTERNAL)
    assert tool.attributes["gen_ai.tool.name"] == request.attributes["latm.tool"] == "sorting"
    assert request.attributes["latm.cost.usd"] == 0


async def test_a_span_goes_on_with_the_clients_trace(
    home: Path, stub: RawUpstream, tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with traced(home, stub, tracer) as running:
        await running.post(CHAT, traceparent=f"00-{trace}-{span}-01")
        await running.post(CHAT, traceparent="00-rubbish")
    first = exporter.get_finished_spans()[1]
    assert first.context
    assert first.parent
    assert (f"{first.context.trace_id:032x}", f"{first.parent.span_id:016x}") == (trace, span)
    assert exporter.get_finished_spans()[3].parent is None
    assert stub.seen[0].headers["traceparent"] == f"00-{trace}-{span}-01"


async def test_a_failure_of_the_upstream_is_an_error_in_its_span(
    home: Path, stub: RawUpstream, tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    stub.script = http(b"{}", 500)
    async with traced(home, stub, tracer) as running:
        await running.post(CHAT)
    for span in pair(exporter):
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "500"


@pytest.mark.parametrize("asked", [SORT, CHAT])
async def test_no_text_is_in_a_span_unless_a_setting_says_so(
    home: Path,
    stub: RawUpstream,
    tracer: Tracer,
    exporter: InMemorySpanExporter,
    asked: dict[str, object],
) -> None:
    async with traced(home, stub, tracer) as running:
        await running.post(asked)
    assert all("fig" not in span.to_json() for span in exporter.get_finished_spans())
    exporter.clear()
    async with traced(home, stub, tracer, serve_texts=True) as running:
        await running.post(asked)
    _, child = pair(exporter)
    messages = json.loads(str((child.attributes or {})["gen_ai.input.messages"]))
    assert SECRET in messages[0]["parts"][0]["content"]


# --- log -------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Generator[io.StringIO]:
    written = io.StringIO()
    yield written
    assert logging.getLogger("latm.requests").level == logging.NOTSET


@asynccontextmanager
async def logged(
    home: Path, stub: RawUpstream, lines: io.StringIO, **settings: object
) -> AsyncGenerator[Running]:
    await store_sorting(home)
    with JsonLog(logging.StreamHandler(lines)):
        async with gateway(home, stub.url, Parts(poll_seconds=0.01), **settings) as started:
            await until_ready(started, "1 tools serve")
            yield started


def requests(lines: io.StringIO) -> list[dict[str, object]]:
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in found if line["logger"] == REQUESTS.name]


async def test_each_request_is_one_line_of_json_without_its_text(
    home: Path, stub: RawUpstream, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latm.gateway.app.JsonLog", lambda: JsonLog(logging.StreamHandler(lines)))
    async with logged(home, stub, lines, serve_log_json=True) as running:
        told = [await running.post(SORT), await running.post(CHAT), await running.post(b"[")]
        ids = [got.headers["x-latm-request-id"] for got in told]
    found = requests(lines)
    assert [line["request_id"] for line in found] == ids
    assert [(line["rung"], line["tool"], line["status"]) for line in found] == [
        ("tool", "sorting", 200),
        ("upstream", None, 200),
        (None, None, 400),
    ]
    assert all(isinstance(line["ms"], float) for line in found)
    assert "fig" not in lines.getvalue()


async def test_texts_are_on_the_log_where_a_setting_says_so(
    home: Path, stub: RawUpstream, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latm.gateway.app.JsonLog", lambda: JsonLog(logging.StreamHandler(lines)))
    async with logged(home, stub, lines, serve_log_json=True, serve_texts=True) as running:
        await running.post(SORT)
    (line,) = requests(lines)
    assert (line["question"], line["answer"]) == (f"Sort the words: {SECRET}", "fig pear")


def test_a_line_is_one_line_whatever_is_in_it(lines: io.StringIO) -> None:
    with JsonLog(logging.StreamHandler(lines)):
        logging.getLogger("latm.test").warning("a\nb \x1b[31m \u202e %s", "c\r\nd")
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["event"] == "a\nb \x1b[31m \u202e c\r\nd"
    assert line.isascii()
    assert line.isprintable()
