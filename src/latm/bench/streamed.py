"""What a stream came to: rows and tallies flow in, Markdown tables and sums flow out.

Invariant: only numbers that were measured, and sums of them; nothing is rounded up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from latm.bench.rivals import Tally
from latm.bench.stream import Row

LAST = 1000
"""Requests at the end of a stream that count as "after learning"."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole stream, or its end."""

    requests: int
    toolable: int
    by_tools: int
    wrong: int
    near_misses: int
    near_misses_wrong: int
    upstream_calls: int
    maker_calls: int
    usd: Decimal
    alone_usd: Decimal

    @property
    def hit_rate(self) -> float:
        return self.by_tools / self.toolable if self.toolable else 0.0

    @property
    def cost_share(self) -> float:
        """Of what the upstream alone would have charged."""
        return float(self.usd / self.alone_usd) if self.alone_usd else 0.0


def totals(rows: Sequence[Row]) -> Totals:
    """The sums of rows."""
    return Totals(
        sum(row.requests for row in rows),
        sum(row.toolable for row in rows),
        sum(row.by_tools for row in rows),
        sum(row.wrong for row in rows),
        sum(row.near_misses for row in rows),
        sum(row.near_misses_wrong for row in rows),
        sum(row.upstream_calls for row in rows),
        sum(row.maker_calls for row in rows),
        sum((row.usd for row in rows), Decimal(0)),
        sum((row.alone_usd for row in rows), Decimal(0)),
    )


def ending(rows: Sequence[Row], requests: int = LAST) -> Sequence[Row]:
    """The last rows, of so many requests at least, or all."""
    counted, taken = 0, 0
    while counted < requests and taken < len(rows):
        taken += 1
        counted += rows[-taken].requests
    return rows[len(rows) - taken :]


def table(rows: Sequence[Row]) -> str:
    """Markdown: one row a stretch."""
    head = (
        "requests | toolable | by tools | wrong | near misses | of them wrong | upstream calls "
        "| maker calls | $ | $ upstream only | tools live | p50 ms | p99 ms | p50 ms, by tools"
    )
    lines = [f"| {head} |", "|" + "---:|" * (head.count("|") + 1)]
    for row in rows:
        cells = [
            f"{row.first:,} to {row.first + row.requests - 1:,}",
            str(row.toolable),
            f"{row.by_tools} ({row.hit_rate:.0%})",
            str(row.wrong),
            str(row.near_misses),
            str(row.near_misses_wrong),
            str(row.upstream_calls),
            str(row.maker_calls),
            f"{row.usd:.4f}",
            f"{row.alone_usd:.4f}",
            str(row.live),
            f"{row.p50_ms:.1f}",
            f"{row.p99_ms:.0f}",
            "—" if row.hit_p50_ms is None else f"{row.hit_p50_ms:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def side_by_side(rows: Sequence[Row], others: Sequence[Tally]) -> str:
    """Markdown: latm and the caches on the same stream."""
    whole = totals(rows)
    latm = Tally(
        "latm",
        whole.toolable,
        whole.by_tools,
        whole.wrong,
        whole.near_misses,
        whole.near_misses_wrong,
        whole.upstream_calls,
        whole.usd,
    )
    head = "on the same stream | toolable answered | wrong | wrong near misses | upstream calls"
    lines = [f"| {head} | $ | of upstream only |", "|---|" + "---:|" * 6]
    for one in (latm, *others):
        cells = [
            one.name,
            f"{one.hits} of {one.toolable} ({one.hits / max(1, one.toolable):.0%})",
            str(one.wrong),
            f"{one.near_misses_wrong} of {one.near_misses}",
            str(one.upstream_calls),
            f"{one.usd:.4f}",
            f"{one.usd / whole.alone_usd:.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
