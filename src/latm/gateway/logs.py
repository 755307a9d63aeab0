"""Logs: what happens flows in, JSON lines flow out, one for each event.

Invariants: a line holds no text of a question or an answer unless a setting says so; a
reader that is slow or gone holds no request up.
"""

from __future__ import annotations

import json
import logging
import queue
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from types import TracebackType
from typing import Self

from latm.gateway.visits import Done
from latm.types import Json
from latm.using.gate import Asked

REQUESTS = logging.getLogger("latm.requests")
_MOST_WAITING = 10_000
_LONGEST_TEXT = 10_000


def line_of(done: Done, *, texts: bool) -> dict[str, Json]:
    """A request as the fields of a line; unknown amounts are null."""
    receipt, visit = done.receipt, done.visit
    fields: dict[str, Json] = {
        "request_id": done.request_id,
        "tenant": done.tenant,
        "status": done.status,
        "rung": receipt.rung,
        "tool": receipt.tool,
        "version": receipt.version,
        "model": done.model or None,
        "ms": round(done.seconds * 1000, 3),
        "input_tokens": receipt.usage.input,
        "output_tokens": receipt.usage.output,
        "cost_usd": None if receipt.cost_usd is None else f"{receipt.cost_usd:f}",
        "avoided_usd": None if receipt.avoided_usd is None else f"{receipt.avoided_usd:f}",
        "complete": done.complete,
    }
    if texts and visit is not None and isinstance(visit.asked, Asked):
        answer = visit.outcome.answer
        fields["question"] = visit.asked.question[:_LONGEST_TEXT]
        fields["answer"] = answer.text[:_LONGEST_TEXT] if answer and answer.text else None
    return fields


def log(done: Done, *, texts: bool) -> None:
    """Put a request on the log."""
    REQUESTS.info("request", extra={"latm": line_of(done, texts=texts)})


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "at": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        fields = getattr(record, "latm", None)
        if isinstance(fields, dict):
            line.update(fields)  # pyright: ignore[reportUnknownArgumentType] - `log` put it there
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # ASCII only: no control character and no direction mark reaches a terminal.
        return json.dumps(line, default=str)


class JsonLog(AbstractContextManager["JsonLog"]):
    """All logs of this process as JSON lines on standard error, from a thread of its own."""

    def __init__(self, handler: logging.Handler | None = None) -> None:
        """Prepare; nothing is written yet.

        Args:
            handler: where the lines go; standard error when absent.
        """
        self._out = handler or logging.StreamHandler()
        self._out.setFormatter(JsonLines())
        lines: queue.Queue[logging.LogRecord] = queue.Queue(_MOST_WAITING)
        self._in = _Dropping(lines)
        self._listener = QueueListener(lines, self._out)
        self._before: list[logging.Handler] = []

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._before = root.handlers[:]
        root.handlers[:] = [self._in]
        REQUESTS.setLevel(logging.INFO)
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        logging.getLogger().handlers[:] = self._before
        REQUESTS.setLevel(logging.NOTSET)
        self._listener.stop()


class _Dropping(QueueHandler):
    """Drops what does not fit; a log that nobody reads must not fill the memory."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        # Formatted in the thread that writes.
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return
