"""The maker's process beside the gateway: settings flow in, one process of low priority works.

Invariants: it never takes the gateway's time or its memory down with it; it is started
again after growing pauses when it dies, and it ends with the process that started it,
however that ends.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from latm.errors import LatmError
from latm.settings import Settings

_log = logging.getLogger(__name__)

_NICE = 19
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_STEADY_SECONDS = 60.0
"""A process that lived so long was not broken from its start: the pauses begin anew."""
_END_SECONDS = 10.0

Target = Callable[[Settings], None]


@contextmanager
def beside(settings: Settings) -> Generator[None]:
    """Have tools made in a process of its own, as long as the context is open."""
    if not settings.making:
        yield
        return
    keeper = Keeper(settings, process_of)
    keeper.start()
    try:
        yield
    finally:
        keeper.end()


def pause_after(pause: float, lived: float) -> float:
    """Seconds to wait before a process is started again.

    Args:
        pause: the wait before; 0 for the first time.
        lived: seconds that the process lived.
    """
    if not pause or lived >= _STEADY_SECONDS:
        return _FIRST_PAUSE
    return min(2 * pause, _LONGEST_PAUSE)


@dataclass(slots=True)
class Keeper:
    """Keeps one process of the target alive, from a thread of its own."""

    settings: Settings
    target: Target
    pause_after: Callable[[float, float], float] = pause_after
    clock: Callable[[], float] = time.monotonic
    _thread: threading.Thread | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _wake: tuple[Connection, Connection] = field(default_factory=multiprocessing.Pipe)

    def start(self) -> None:
        """Start the process, and watch over it."""
        self._thread = threading.Thread(target=self._keep, name="latm-maker", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the process, gently and then not."""
        self._stopping.set()
        self._wake[1].send_bytes(b".")
        if self._thread is not None:
            self._thread.join()

    def _keep(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            process = multiprocessing.get_context("spawn").Process(
                target=self.target, args=(self.settings,), name="latm-maker"
            )
            started = self.clock()
            process.start()
            wait([process.sentinel, self._wake[0]])
            if self._stopping.is_set():
                _end(process)
                return
            process.join()
            pause = self.pause_after(pause, self.clock() - started)
            _log.warning(
                "the maker's process ended (%s); it starts again in %.0f s", process.exitcode, pause
            )
            self._stopping.wait(pause)


def _end(process: SpawnProcess) -> None:
    process.terminate()
    process.join(_END_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def lowered() -> None:
    """Give this process, and what it starts, the lowest priority."""
    os.nice(_NICE)


def process_of(settings: Settings) -> None:
    """Be the maker's process: until it is told to stop, or its parent is gone."""
    os.setsid()
    lowered()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("latm.jobs").setLevel(logging.INFO)
    try:
        asyncio.run(_work(settings))
    except LatmError as error:
        _log.error("the maker's process: %s", error)
        raise SystemExit(1) from error


async def _work(settings: Settings) -> None:
    # The gateway, which imports this module, need not load the library of jobs.
    from latm.jobs.classes import recorded  # noqa: PLC0415
    from latm.jobs.worker import Worker  # noqa: PLC0415

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def watch_parent() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        loop.call_soon_threadsafe(stop.set)
        if not ended.wait(_END_SECONDS):
            os._exit(1)

    ended = threading.Event()
    threading.Thread(target=watch_parent, daemon=True).start()
    _log.info("tools are made in the background by %s", settings.maker)
    try:
        await Worker(settings, recorded).run(stop)
    finally:
        ended.set()
