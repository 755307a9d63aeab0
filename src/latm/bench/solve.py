"""How fast a tool answers: questions a second, latency, and the ratio to the bare function.

A function that answers and seeded word lists flow in; a `Result` flows out. Invariants:
the throughput is that of `latm solve` itself (`batch.solve` into memory); a wrong or
missing answer is counted, never averaged away.
"""

from __future__ import annotations

import io
import math
import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from latm.batch import Answerer, solve
from latm.bench import words
from latm.cases import Asked
from latm.errors import OperationError
from latm.execution import Executor
from latm.induction import induce_template
from latm.making.shape import build_shape
from latm.making.wrapper import wrap
from latm.types import Case, Provenance, Solver, Tool

WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Result:
    """Measured on this machine, at this moment.

    Attributes:
        right: right answers of ``questions``, in the run that was timed.
        per_second: through `latm solve`, ``parallel`` in flight.
        p50_ms: latency of one question at a time; ``p99_ms`` likewise.
        bare_us: one call of the bare function on arguments already parsed.
        ratio: time of a served question to that of a bare call.
    """

    questions: int
    right: int
    parallel: int
    per_second: float
    p50_ms: float
    p99_ms: float
    bare_us: float
    ratio: float


def sorting_tool(executor: Executor) -> Tool:
    """The tool that the embedded model makes of this class, template induced, not judged.

    The source stands here so that the speed of serving is measured without a model.
    """
    cases = list(words.cases(0, 20))
    template = induce_template([case.question for case in cases])
    if template is None:
        raise OperationError("no template covers the word lists of the bench")
    shape = build_shape(0, template, cases)
    (parameter,) = shape.parameters
    source = f"def solve({parameter.name}):\n    return sorted({parameter.name})\n"
    version = executor.engine_version("monty")
    solver = Solver(source, "solve", shape.parameters, "monty", version)
    return wrap("word-sorting", shape, solver, Provenance("made", "bench", "given", ""))


async def word_sorting(
    answer: Answerer, *, count: int = 2000, seed: int = 1, parallel: int = 4
) -> Result:
    """Measure the class of word sorting against ``sorted``."""
    cases = tuple(words.cases(seed, count))
    return await run(answer, cases, sorted, [words.words_of(c.question) for c in cases], parallel)


async def run(
    answer: Answerer,
    cases: Sequence[Case],
    bare: Callable[[list[str]], object],
    arguments: Sequence[list[str]],
    parallel: int = 4,
) -> Result:
    """Measure one class.

    Args:
        bare: the function that the tool stands for.
        arguments: what it is called with, one for each case.
    """
    for case in cases[:WARM_UP]:
        await answer(case.question)
    asked = [Asked(n, c.question, c.answer) for n, c in enumerate(cases, 1)]
    summary = await solve(asked, answer, io.BytesIO(), parallel=parallel)
    latencies = sorted([await _timed(answer, c.question) for c in cases])
    bare_seconds = _timed_bare(bare, arguments)
    return Result(
        questions=len(cases),
        right=summary.right,
        parallel=parallel,
        per_second=len(cases) / summary.seconds,
        p50_ms=1000 * quantile(latencies, 0.50),
        p99_ms=1000 * quantile(latencies, 0.99),
        bare_us=1e6 * bare_seconds / len(cases),
        ratio=summary.seconds / bare_seconds,
    )


async def _timed(answer: Answerer, question: str) -> float:
    started = time.perf_counter()
    await answer(question)
    return time.perf_counter() - started


def _timed_bare(bare: Callable[[list[str]], object], arguments: Sequence[list[str]]) -> float:
    started = time.perf_counter()
    for words_in in arguments:
        bare(words_in)
    return time.perf_counter() - started


def quantile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


@contextmanager
def one_core() -> Generator[None]:
    """Keep this thread, and all processes and threads started inside, on one core.

    Open the sandbox inside. Where the system cannot do it (not Linux), nothing changes.
    """
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
