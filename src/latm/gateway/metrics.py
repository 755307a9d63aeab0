"""Metrics: requests flow in, a page for Prometheus flows out, of all processes together.

Each process counts for itself and leaves its counts in a file beside the others'; amounts of
tokens and money are the store's. Invariants: counting takes no I/O; the number of series is
bounded, whatever clients send; a process that ended still counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import TypeAdapter, ValidationError

from latm.gateway.visits import Done
from latm.store import UsageGroup, UsageSum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_LABELS = 200
"""Tools, and tenants, that have series of their own; the others share one."""
# A tool answers in about a millisecond, an upstream in seconds.
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_OTHERS = "other"

Counts: TypeAlias = list[tuple[str, str, dict[str, str], float]]
"""Samples: name of the family, name, labels, value."""
_COUNTS: TypeAdapter[Counts] = TypeAdapter(Counts)


@dataclass(frozen=True, slots=True)
class Now:
    """What is true of a process at the moment, for the page.

    Attributes:
        waiting: rows of usage that are not in the store yet; ``lost``: that never will be.
        engines: sandbox engines that passed their self-test.
        upstream: whether calls go to the upstream.
    """

    waiting: int
    lost: int
    engines: tuple[str, ...]
    upstream: bool


class Metrics:
    """The counts of one process."""

    def __init__(self, folder: Path | None = None) -> None:
        """Start at zero.

        Args:
            folder: where the processes of one gateway leave their counts; None: there is
                one process.
        """
        self._folder = folder
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "latm_requests",
            "Requests that are over, by who answered and how.",
            ["rung", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "latm_request_seconds",
            "Time from a request's head to the end of its answer, by who answered.",
            ["rung"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

        self._series: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, done: Done) -> None:
        """Count a request."""
        key = (done.receipt.rung or "none", done.status)
        series = self._series.get(key)
        if series is None:
            # Looked up once, because that takes longer than counting; there are few.
            status = str(done.status) if done.status else "gone"
            series = (self._requests.labels(key[0], status), self._seconds.labels(key[0]))
            self._series[key] = series
        series[0].inc()
        series[1].observe(done.seconds)

    def page(self, sums: Mapping[UsageGroup, UsageSum], now: Now) -> bytes:
        """All that Prometheus is told.

        Args:
            sums: of the usage on record.
        """
        registry = CollectorRegistry()
        registry.register(_Given(lambda: self._merged()))
        registry.register(_Given(lambda: [*_amounts(sums), *_state(now)]))
        return generate_latest(registry)

    def share(self) -> None:
        """Leave this process's counts where the others find them; takes file I/O."""
        if self._folder is not None:
            mine = self._folder / f"{os.getpid()}.json"
            draft = mine.with_suffix(".new")
            draft.write_text(json.dumps(_counts(self._families())), "utf-8")
            draft.replace(mine)

    def _families(self) -> list[Metric]:
        families = list(self._registry.collect())
        for family in families:
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
        return families

    def _merged(self) -> list[Metric]:
        """The counts of all processes; families and help texts are the same in each."""
        families = self._families()
        known = {family.name: family for family in families}
        for counts in self._others():
            for family, name, labels, value in counts:
                if family in known:
                    _add(known[family], name, labels, value)
        return families

    def _others(self) -> list[Counts]:
        found: list[Counts] = []
        for path in sorted(self._folder.glob("*.json")) if self._folder else []:
            if path.stem != str(os.getpid()):
                try:
                    found.append(_COUNTS.validate_json(path.read_bytes()))
                except (OSError, ValidationError):
                    # Its next turn writes it again.
                    continue
        return found


class _Given(Collector):
    """Families that a function gives."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._give = families

    def collect(self) -> Iterable[Metric]:
        return self._give()


def _counts(families: Iterable[Metric]) -> Counts:
    return [
        (family.name, sample.name, sample.labels, sample.value)
        for family in families
        for sample in family.samples
    ]


def _add(family: Metric, name: str, labels: dict[str, str], value: float) -> None:
    for place, sample in enumerate(family.samples):
        if sample.name == name and sample.labels == labels:
            family.samples[place] = sample._replace(value=sample.value + value)
            return
    family.add_sample(name, labels, value)


# --- tokens and money ------------------------------------------------------------------


def _amounts(sums: Mapping[UsageGroup, UsageSum]) -> list[Metric]:
    tool = _bounded(key.name for key in sums)
    tenant = _bounded(key.tenant for key in sums)
    by_tool = _grouped(sums, lambda key: (key.purpose, key.rung or "", tool(key.name)))
    by_tenant = _grouped(sums, lambda key: (key.purpose, key.rung or "", tenant(key.tenant)))
    return [
        *_families("latm_tool", ("purpose", "rung", "tool"), by_tool),
        *_families("latm_tenant", ("purpose", "rung", "tenant"), by_tenant),
    ]


def _bounded(names: Iterable[str | None]) -> Callable[[str | None], str]:
    """Names as labels; the first ones keep theirs, so that no series ever shrinks."""
    kept = list(dict.fromkeys(name for name in names if name))[:MOST_LABELS]
    known = frozenset(kept)
    return lambda name: name if name in known else _OTHERS if name else ""


def _grouped(
    sums: Mapping[UsageGroup, UsageSum], by: Callable[[UsageGroup], tuple[str, str, str]]
) -> dict[tuple[str, str, str], UsageSum]:
    groups: dict[tuple[str, str, str], UsageSum] = {}
    for key, summed in sums.items():
        groups[by(key)] = groups.get(by(key), UsageSum()) + summed
    return groups


def _families(
    prefix: str, labels: tuple[str, ...], groups: Mapping[tuple[str, str, str], UsageSum]
) -> list[Metric]:
    rows = CounterMetricFamily(f"{prefix}_rows", "Requests and model calls.", labels=labels)
    tokens = CounterMetricFamily(f"{prefix}_tokens", "Tokens, by kind.", labels=[*labels, "kind"])
    usd = CounterMetricFamily(f"{prefix}_usd", "US dollars spent, as far as known.", labels=labels)
    avoided = CounterMetricFamily(
        f"{prefix}_avoided_usd", "US dollars that the upstream did not charge.", labels=labels
    )
    unknown = CounterMetricFamily(
        f"{prefix}_unknown_cost", "Requests and calls of unknown cost.", labels=labels
    )
    for group, summed in groups.items():
        rows.add_metric(group, summed.rows)
        tokens.add_metric([*group, "input"], summed.usage.input)
        tokens.add_metric([*group, "cached"], summed.usage.cached_input)
        tokens.add_metric([*group, "output"], summed.usage.output)
        usd.add_metric(group, float(summed.cost.known))
        avoided.add_metric(group, float(summed.avoided.known))
        unknown.add_metric(group, summed.cost.unknown)
    return [rows, tokens, usd, avoided, unknown]


def _state(now: Now) -> list[Metric]:
    engines = GaugeMetricFamily(
        "latm_sandbox_engine", "Sandbox engines that passed their self-test.", labels=["engine"]
    )
    for name in now.engines:
        engines.add_metric([name], 1)
    return [
        engines,
        GaugeMetricFamily("latm_upstream_up", "Whether calls go to the upstream.", now.upstream),
        GaugeMetricFamily("latm_usage_waiting", "Rows that are not stored yet.", now.waiting),
        CounterMetricFamily("latm_usage_lost", "Rows that could not be kept.", now.lost),
    ]
