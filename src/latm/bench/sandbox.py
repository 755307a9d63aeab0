"""What a call costs in each engine, beside a plain process, in one run.

A number of calls flows in, one `Timing` per engine flows out. Invariant: all are timed by the
same clock on the same tool, in short turns, so that other load on the machine hits them alike;
an engine that is not usable here is reported as absent, never as fast.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from latm.errors import OperationError
from latm.sandbox import Sandbox
from latm.sandbox.baseline import ARGUMENT, SOURCE, time_plain_process
from latm.sandbox.engines import open_engines
from latm.types import Limits, Program, Returned

_WARM_UP = 20
_TURN = 10
_LIMITS = Limits()
_PROGRAM = Program(SOURCE, "tool")


@dataclass(frozen=True, slots=True)
class Timing:
    """One engine, in milliseconds a call.

    Attributes:
        engine: ``monty``, ``jail`` or ``process`` (a plain one, which protects from nothing).
        version: with its walls; None when the engine is not usable here.
        calls: how many were timed, in turns of ten with the other engines.
        median_ms: of those calls; ``p99_ms`` likewise. None when there were none.
        burst_median_ms: of as many calls one right after the other, nothing in between.
        reason: why there are no numbers.
    """

    engine: str
    version: str | None
    calls: int = 0
    median_ms: float | None = None
    p99_ms: float | None = None
    burst_median_ms: float | None = None
    reason: str = ""


async def run(calls: int = 1000) -> tuple[Timing, ...]:
    """Time ``calls`` calls of the word-sorting tool in each engine.

    Raises:
        OperationError: an engine gives a wrong answer, which makes its time worthless.
    """
    engines = await open_engines()
    try:
        timers = {name: _timer(box) for name, box in engines.sandboxes.items()}
        taken = await _in_turns([*timers.values(), _plain], calls)
        bursts = [await _burst(timer, calls) for timer in timers.values()]
    finally:
        await engines.aclose()
    versions: dict[str, str] = {name: box.version for name, box in engines.sandboxes.items()}
    plain = taken.pop()
    measured = {
        name: _timing(name, versions[name], seconds, burst)
        for name, seconds, burst in zip(timers, taken, bursts, strict=True)
    }
    absent = {
        report.engine: Timing(report.engine, report.version, reason=report.reason)
        for report in engines.reports
    }
    rows = (absent | measured).values()
    return (*rows, _timing("process", "plain CPython process, no walls", plain, []))


def _timer(sandbox: Sandbox) -> Callable[[], Awaitable[float]]:
    async def timed() -> float:
        started = perf_counter()
        outcome = await sandbox.run(_PROGRAM, [ARGUMENT], _LIMITS)
        seconds = perf_counter() - started
        if not isinstance(outcome, Returned) or outcome.value != "apple fig pear":
            raise OperationError(f"{sandbox.engine} gave {outcome!r}; run `latm sandbox check`")
        return seconds

    return timed


async def _plain() -> float:
    return await asyncio.to_thread(time_plain_process)


async def _in_turns(timers: list[Callable[[], Awaitable[float]]], calls: int) -> list[list[float]]:
    """Turns of a few calls one right after the other; one only for the far slower process."""
    for timer in timers:
        for _ in range(_WARM_UP):
            await timer()
    taken: list[list[float]] = [[] for _ in timers]
    for start in range(0, calls, _TURN):
        for timer, seconds in zip(timers, taken, strict=True):
            turn = 1 if timer is _plain else min(_TURN, calls - start)
            seconds += [await timer() for _ in range(turn)]
    return taken


async def _burst(timer: Callable[[], Awaitable[float]], calls: int) -> list[float]:
    return [await timer() for _ in range(calls)]


def _timing(name: str, version: str, seconds: list[float], burst: list[float]) -> Timing:
    ordered = sorted(seconds)
    return Timing(
        name,
        version,
        len(ordered),
        median(ordered) * 1e3,
        ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3,
        median(burst) * 1e3 if burst else None,
    )
