"""What finding a tool costs, as the number of tools grows.

Kinds of sets and sizes flow in, a `Scale` for each flows out. Invariants: all sizes of a kind
are timed in turns, in one run, so that a busy machine slows all of them; a question that goes
to another tool than its own, or to any although it has none, is counted.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from latm.bench.solve import quantile
from latm.bench.toolsets import KINDS, item, tool_of
from latm.embedding.words import WordNeighbours
from latm.models.scripted import ScriptedModel
from latm.using.dispatcher import Dispatcher, Hit, Miss
from latm.using.semantic import semantic_of

SIZES = (100, 1000, 10_000)
QUESTIONS = 100
"""Different questions to each set; and as many that are like them and have no tool."""

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Scale:
    """One set of tools.

    Attributes:
        hit_us: p50 of questions that have a tool, in microseconds; ``miss_us``: of those
            that have none.
        hit_p90_us: of the former.
        right: of ``questions`` that have a tool, those that got to it.
        false_hits: of as many that have none.
        build_seconds: making the index.
        index_mb: resident memory of tools and index; ``asked_mb``: when each tool has been
            asked once; None where the system does not say.
    """

    kind: str
    tools: int
    questions: int
    hit_us: float
    hit_p90_us: float
    miss_us: float
    right: int
    false_hits: int
    build_seconds: float
    index_mb: float | None = None
    asked_mb: float | None = None


Route = Callable[[str], Hit | Miss]


@dataclass(frozen=True, slots=True)
class _Laid:
    """A set, laid out: its questions with the names of their tools, and those without."""

    kind: str
    tools: int
    route: Route
    build_seconds: float
    own: Sequence[tuple[str, str]]
    foreign: Sequence[str]


def run(
    kinds: Sequence[str], sizes: Sequence[int] = SIZES, *, rounds: int = 20, memory: bool = True
) -> Iterator[Scale]:
    """Measure each kind at each size.

    Args:
        rounds: how often each question is asked.
        memory: measure resident memory too, each set in a process of its own.
    """
    for kind in kinds:
        laid = [_laid(kind, count) for count in sizes]
        for scale in _timed(laid, rounds):
            index, asked = _in_fresh_process(kind, scale.tools) if memory else (None, None)
            yield _with_memory(scale, index, asked)


def _laid(kind: str, count: int) -> _Laid:
    tools = [tool_of(number, item(kind, number, count)) for number in range(count)]
    started = time.perf_counter()
    route = _router(Dispatcher(tools))
    seconds = time.perf_counter() - started
    step = max(1, count // QUESTIONS)
    numbers = [number * step % count for number in range(QUESTIONS)]
    own = [(item(kind, number, count).question, tools[number].name) for number in numbers]
    foreign = [item(kind, count + number, count).question for number in range(QUESTIONS)]
    return _Laid(kind, count, route, seconds, own, foreign)


def _router(dispatcher: Dispatcher) -> Route:
    """Templates, then the nearest class where there are tools without one; no model."""
    # Never asked: it stands for the light model, without which nothing is looked for.
    near = semantic_of(dispatcher.served, WordNeighbours, ScriptedModel([]))
    if near is None:
        return dispatcher.route

    def route(question: str) -> Hit | Miss:
        found = dispatcher.route(question)
        return near.nearest(question) if isinstance(found, Miss) else found

    return route


def _timed(laid: Sequence[_Laid], rounds: int) -> Iterator[Scale]:
    hits: list[list[float]] = [[] for _ in laid]
    misses: list[list[float]] = [[] for _ in laid]
    found = [[one.route(question) for question, _ in one.own] for one in laid]
    strays = [[one.route(question) for question in one.foreign] for one in laid]
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            for n, one in enumerate(laid):
                hits[n] += _each(one.route, [question for question, _ in one.own])
                misses[n] += _each(one.route, one.foreign)
    finally:
        gc.unfreeze()
    for n, one in enumerate(laid):
        names = [route.name if isinstance(route, Hit) else None for route in found[n]]
        yield Scale(
            kind=one.kind,
            tools=one.tools,
            questions=len(one.own),
            hit_us=quantile(sorted(hits[n]), 0.50),
            hit_p90_us=quantile(sorted(hits[n]), 0.90),
            miss_us=quantile(sorted(misses[n]), 0.50),
            right=sum(name == own for name, (_, own) in zip(names, one.own, strict=True)),
            false_hits=sum(isinstance(route, Hit) for route in strays[n]),
            build_seconds=one.build_seconds,
        )


def _each(route: Route, questions: Sequence[str]) -> Iterator[float]:
    """Microseconds of each question."""
    for question in questions:
        started = time.perf_counter_ns()
        route(question)
        yield (time.perf_counter_ns() - started) / 1000


# --- memory ----------------------------------------------------------------------------


def _in_fresh_process(kind: str, count: int) -> tuple[float | None, float | None]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(resident, kind, count).result()


def resident(kind: str, count: int) -> tuple[float | None, float | None]:
    """MB that a set takes: tools and index, and when each tool has been asked once."""
    before = _resident_mb()
    laid = _laid(kind, count)
    index = _resident_mb()
    for number in range(count):
        laid.route(item(kind, number, count).question)
    asked = _resident_mb()
    if before is None or index is None or asked is None:
        return None, None
    return index - before, asked - before


def _resident_mb() -> float | None:
    gc.collect()
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
    except OSError:
        return None
    return pages * 4096 / 1e6


def _with_memory(scale: Scale, index: float | None, asked: float | None) -> Scale:
    return replace(scale, index_mb=index, asked_mb=asked)


def table(scales: Sequence[Scale]) -> str:
    """Markdown: one row a kind and size, with the ratio to the smallest size."""
    head = (
        "templates | tools | p50 µs, hit | ratio | p50 µs, miss | ratio | p90 µs, hit "
        "| right | false hits | index s | MB | MB, all asked"
    )
    lines = [f"| {head} |", "|---|" + "---:|" * head.count("|")]
    for one in scales:
        base = next(s for s in scales if s.kind == one.kind)
        cells = [
            KINDS[one.kind][0],
            f"{one.tools:,}",
            f"{one.hit_us:.1f}",
            f"{one.hit_us / base.hit_us:.2f}",
            f"{one.miss_us:.1f}",
            f"{one.miss_us / base.miss_us:.2f}",
            f"{one.hit_p90_us:.0f}",
            f"{one.right} of {one.questions}",
            str(one.false_hits),
            f"{one.build_seconds:.2f}",
            "—" if one.index_mb is None else f"{one.index_mb:.0f}",
            "—" if one.asked_mb is None else f"{one.asked_mb:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
