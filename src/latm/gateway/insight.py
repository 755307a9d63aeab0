"""Insight: each request that is over flows in; usage, counts, log lines and spans flow out.

Invariant: it is told after the client has its answer, does no I/O, and awaits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from latm.gateway.books import Books
from latm.gateway.logs import log
from latm.gateway.metrics import Metrics
from latm.gateway.spans import Spans
from latm.gateway.visits import Done


@dataclass(frozen=True, slots=True)
class Insight:
    """All who want to know of requests.

    Attributes:
        spans: None where nobody collects spans.
        lines: whether each request is a line of the log.
        texts: whether questions and answers are in these lines.
    """

    books: Books
    metrics: Metrics
    spans: Spans | None = None
    lines: bool = False
    texts: bool = False

    def done(self, done: Done) -> None:
        """Take note of a request."""
        row = done.row()
        if row is not None:
            self.books.put(row)
        self.metrics.count(done)
        if self.lines:
            log(done, texts=self.texts)
        if self.spans is not None:
            self.spans.record(done)
