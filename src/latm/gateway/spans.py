"""Spans: each request that is over flows in, OpenTelemetry spans flow out.

After the semantic conventions for generative AI (version 1.41, in development): one span
for the request, and below it one of the model or the tool that answered. Invariants: no
text of a question or an answer is in a span unless a setting says so; a span is made after
the client has its answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from latm.errors import SettingsError
from latm.gateway.visits import Done, Visit
from latm.using.gate import Asked

_CONTEXT = TraceContextTextMapPropagator()
_OPERATIONS: Mapping[str, str] = {
    "/chat/completions": "chat",
    "/responses": "chat",
    "/completions": "text_completion",
    "/embeddings": "embeddings",
}
_LONGEST_TEXT = 10_000
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Spans:
    """Makes the spans of requests.

    Attributes:
        upstream: base URL of the API.
        texts: whether questions and answers are in the spans.
    """

    tracer: Tracer
    upstream: str
    texts: bool = False

    def record(self, done: Done) -> None:
        """Make the spans of one request."""
        visit = done.visit
        parent = _CONTEXT.extract({"traceparent": done.traceparent}) if done.traceparent else None
        began, ended = int(done.began * _NANO), int((done.began + done.seconds) * _NANO)
        route = _route(visit)
        method = visit.call.method if visit else "HTTP"
        span = self.tracer.start_span(
            f"{method} {route}" if route else method,
            parent,
            SpanKind.SERVER,
            _known(_of_request(done, route)),
            start_time=began,
        )
        if done.status >= 500:
            _failed(span, str(done.status))
        if visit is not None and visit.outcome.rung is not None:
            self._record_answer(span, done, visit, ended)
        span.end(ended)

    def _record_answer(self, parent: Span, done: Done, visit: Visit, ended: int) -> None:
        outcome, receipt = visit.outcome, done.receipt
        operation = _OPERATIONS.get(visit.call.target.partition("?")[0])
        began = int(done.began * _NANO)
        if outcome.rung == "upstream":
            if outcome.asked_at is not None:
                began += int((outcome.asked_at - done.started) * _NANO)
            name = f"{operation} {done.model}".strip() if operation else "upstream"
            kind, found = SpanKind.CLIENT, self._of_upstream(done, visit, operation)
        else:
            began = max(began, ended - int(receipt.seconds * _NANO))
            name, kind = f"execute_tool {receipt.tool}", SpanKind.INTERNAL
            found = self._of_tool(done, visit)
        span = self.tracer.start_span(
            name, set_span_in_context(parent), kind, _known(found), start_time=began
        )
        if outcome.rung == "upstream" and done.status >= 400:
            _failed(span, str(done.status))
        span.end(ended)

    def _of_upstream(
        self, done: Done, visit: Visit, operation: str | None
    ) -> Mapping[str, AttributeValue | None]:
        charge, incoming = visit.outcome.charge, visit.incoming
        address = urlsplit(self.upstream)
        return {
            "gen_ai.operation.name": operation,
            # What speaks this protocol counts as this provider; the address tells which.
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": done.model or None,
            "gen_ai.request.stream": True if incoming and incoming.stream else None,
            "gen_ai.response.model": charge.model or None,
            "gen_ai.response.id": charge.id or None,
            "gen_ai.response.finish_reasons": charge.finish or None,
            "gen_ai.usage.input_tokens": charge.usage.input or None,
            "gen_ai.usage.cache_read.input_tokens": charge.usage.cached_input or None,
            "gen_ai.usage.output_tokens": charge.usage.output or None,
            "gen_ai.input.messages": self._messages(visit),
            "server.address": address.hostname,
            "server.port": address.port or (443 if address.scheme == "https" else 80),
        }

    def _of_tool(self, done: Done, visit: Visit) -> Mapping[str, AttributeValue | None]:
        answer = visit.outcome.answer
        text = answer.text if answer and self.texts else None
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": done.receipt.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": done.request_id,
            "gen_ai.request.model": done.model or None,
            "gen_ai.input.messages": self._messages(visit),
            "gen_ai.tool.call.result": text[:_LONGEST_TEXT] if text else None,
            "latm.tool.version": done.receipt.version,
        }

    def _messages(self, visit: Visit) -> str | None:
        if not self.texts or not isinstance(visit.asked, Asked):
            return None
        part = {"type": "text", "content": visit.asked.question[:_LONGEST_TEXT]}
        return json.dumps([{"role": "user", "parts": [part]}], ensure_ascii=False)


def open_tracer() -> tuple[Tracer, Callable[[], None]]:
    """A tracer that sends spans by OTLP to where the ``OTEL_*`` variables say, and its end.

    Raises:
        SettingsError: the extra with OpenTelemetry's SDK is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            "serve_traces needs OpenTelemetry's SDK: install latm[otel], or leave it off"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "latm"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("latm.gateway"), provider.shutdown


def _of_request(done: Done, route: str) -> Mapping[str, AttributeValue | None]:
    receipt, visit = done.receipt, done.visit
    return {
        "http.request.method": visit.call.method if visit else None,
        "http.route": route or None,
        "http.response.status_code": done.status or None,
        "latm.request.id": done.request_id,
        "latm.tenant": done.tenant or None,
        "latm.rung": receipt.rung,
        "latm.tool": receipt.tool,
        # A number that is exact in text and only near in binary.
        "latm.cost.usd": None if receipt.cost_usd is None else float(receipt.cost_usd),
        "latm.avoided.usd": None if receipt.avoided_usd is None else float(receipt.avoided_usd),
        "latm.complete": done.complete,
    }


def _route(visit: Visit | None) -> str:
    """The path where it is one of the API's own; others are as many as clients write."""
    path = visit.call.target.partition("?")[0] if visit else ""
    return f"/v1{path}" if path in _OPERATIONS or path == "/models" else ""


def _known(found: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in found.items() if value is not None}


def _failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))
