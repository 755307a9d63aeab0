"""One worker process after another over the same state, killed at given points.

Run as ``python -m tests.jobs.killing HOME POINT POINT …``: for each point a forked process
works until it kills itself there, and then one works to the end. A point is a number, how
many places that matter (around a reply, a line of the journal, a step of the job, …) the
process passes before it dies, or the name of the place; at ``stop`` it is told to stop while
a call is in the air. All is loaded once, before forking.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

from latm.jobs.work import Work
from latm.jobs.worker import Worker
from latm.making.job import MakingJob
from latm.models.scripted import ScriptedModel
from latm.settings import load
from latm.store import Store
from latm.store.journal import Journal
from latm.types import Case, ChatRequest, Reply

from .observed import ClassesInFile

MAKER = "stub:maker"
WRONG = 9
"""So many calls are answered wrongly before the right answer comes."""

Method = Callable[..., Awaitable[object]]


def cases() -> list[Case]:
    return [Case(f"What is twice {n}, tell me?", str(2 * n)) for n in range(3, 353, 7)]


class CountingModel(ScriptedModel):
    """Writes down each call that it is really asked, and each reply that it has given."""

    def __init__(self, home: Path, stop: asyncio.Event | None) -> None:
        self.stop = stop
        self.asked_file, self.told_file = home / "asked", home / "told"
        super().__init__(self._script, name=MAKER, cost_usd=Decimal("0.001"))

    def _script(self, request: ChatRequest) -> str:
        number = _append(self.asked_file, repr(request))
        right = "def solve(tell):\n    return 2 * tell"
        return right if number > WRONG else f"def solve(tell):\n    return tell + {number}"

    async def chat(self, request: ChatRequest) -> Reply:
        reply = await super().chat(request)
        if self.stop:
            self.stop.set()
            await asyncio.get_running_loop().create_future()
        _append(self.told_file, repr(request))
        return reply


def _append(path: Path, line: str) -> int:
    """Add a line for good; its number."""
    with path.open("a+", encoding="utf-8") as file:
        file.write(line.replace("\n", " ") + "\n")
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        return len(file.readlines())


class Deaths:
    """Counts the places that the process passes; kills it at the given one."""

    def __init__(self, point: str, log: Path) -> None:
        self.point, self.log, self.passed = point, log, 0

    def watch(self, owner: type, method: str) -> None:
        inner: Method = getattr(owner, method)

        async def watched(*args: object, **named: object) -> object:
            self._pass(f"before {method}")
            result = await inner(*args, **named)
            self._pass(f"after {method}")
            return result

        setattr(owner, method, watched)

    def _pass(self, place: str) -> None:
        if self.point in (str(self.passed), place):
            _append(self.log, f"killed {place}")
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1


def work(home: Path, point: str) -> None:
    """One process's life."""
    deaths = Deaths(point, home / "deaths")
    for owner, method in (
        (CountingModel, "chat"),
        (Journal, "begin"),
        (Journal, "put"),
        (Journal, "forget"),
        (MakingJob, "run"),
        (Store, "settle"),
        (Work, "begin"),
        (Work, "carry_out"),
        (Work, "settle"),
        (ClassesInFile, "set_state"),
    ):
        deaths.watch(owner, method)
    settings = load(
        home=home, maker=MAKER, making_poll_seconds=0.2, max_tokens=50_000, making_cases=20
    )
    observed = ClassesInFile(home / "states", cases())
    stop = asyncio.Event()
    model = CountingModel(home, stop if point == "stop" else None)
    worker = Worker(settings, lambda _: observed, {MAKER: model})
    asyncio.run(worker.run(stop, once=True))
    _append(home / "deaths", f"ended after {deaths.passed}")


def main() -> None:
    home = Path(sys.argv[1])
    for point in [*sys.argv[2:], "never"]:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(home, point)
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
