"""Threads that each keep one unused interpreter session ready.

Jobs flow in from the event loop, their results flow back to it. Invariant: a session serves one
job and is discarded; the next one is prepared after the result was handed over, so that neither
preparing nor discarding adds to the time of a call. It does not cover limits of a job: those
belong to the session's configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

import pydantic_monty

from latm.errors import SandboxUnavailableError
from latm.sandbox.text import one_line

T = TypeVar("T")
Session = pydantic_monty.MontySession


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What a session is configured with; a prepared session serves equal limits only."""

    feed_seconds: float
    memory_bytes: int
    recursion: int = 400
    suspensions: int = 10


@dataclass(frozen=True, slots=True, eq=False)
class _Job(Generic[T]):
    limits: SessionLimits
    work: Callable[[Session], T]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[T]

    # The loop may be closed, and whoever waited may have gone: then nobody misses the result.

    def succeed(self, result: T) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(_succeed, self.done, result)

    def fail(self, error: BaseException) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(_fail, self.done, error)


def _succeed(done: asyncio.Future[T], result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[T], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)


class SessionThreads:
    """A pool of interpreter workers with a thread of ours for each."""

    def __init__(self, pool: pydantic_monty.Monty, count: int) -> None:
        self._pool = pool
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"latm-monty-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, limits: SessionLimits, work: Callable[[Session], T]) -> T:
        """Call ``work`` with a fresh session, in a thread.

        Raises:
            SandboxUnavailableError: there is no session to be had.
        """
        loop = asyncio.get_running_loop()
        job = _Job(limits, work, loop, loop.create_future())
        self._jobs.put(job)  # pyright: ignore[reportArgumentType]  the thread passes T through
        return await job.done

    def close(self) -> None:
        """Wait for the jobs under way, and end the workers. Blocks."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._pool.__exit__(None, None, None)

    # --- in a thread -------------------------------------------------------------------

    def _serve(self) -> None:
        ready: _Prepared | None = None
        while (job := self._jobs.get()) is not None:
            if ready is not None and ready.limits != job.limits:
                ready.discard()
                ready = None
            self._do(job, ready)
            ready = self._prepare(job.limits)
        if ready is not None:
            ready.discard()

    def _do(self, job: _Job[object], ready: _Prepared | None) -> None:
        try:
            used = ready or _Prepared(self._pool, job.limits)
            try:
                job.succeed(job.work(used.session))
            finally:
                used.discard()
        except (pydantic_monty.MontyError, OSError, RuntimeError) as error:
            text = one_line(str(error))
            broken = SandboxUnavailableError(
                f"no interpreter session is to be had ({text}); see `latm sandbox check`"
            )
            job.fail(broken)
        except BaseException as error:  # noqa: BLE001  raised again where the job is awaited
            job.fail(error)

    def _prepare(self, limits: SessionLimits) -> _Prepared | None:
        try:
            return _Prepared(self._pool, limits)
        except (pydantic_monty.MontyError, OSError, RuntimeError):
            return None  # the next job tries again, and tells


class _Prepared:
    """One session that nobody used yet."""

    def __init__(self, pool: pydantic_monty.Monty, limits: SessionLimits) -> None:
        self.limits = limits
        self.session = pool.checkout(
            limits={
                "max_feed_duration_secs": limits.feed_seconds,
                "max_memory": limits.memory_bytes,
                "max_recursion_depth": limits.recursion,
                "max_suspensions": limits.suspensions,
                "max_total_sleep_secs": 0.0,
            },
            assert_message_annotations=False,
            os_policy={"sleep": "zero"},
        )
        self.session.__enter__()

    def discard(self) -> None:
        with contextlib.suppress(pydantic_monty.MontyError, OSError, RuntimeError):
            self.session.__exit__(None, None, None)
