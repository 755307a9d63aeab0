"""What processes and descriptors this process has, read from outside of any sandbox.

Python's own helper (`multiprocessing.resource_tracker`), which any earlier test may have
started and which lives as long as this process, does not count.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from multiprocessing import resource_tracker
from pathlib import Path


def children(pid: int | None = None) -> list[int]:
    """Process ids of the children of a process, by default ours."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task")
    found: list[int] = []
    for task in tasks.iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            continue  # the thread ended meanwhile
    tracker = getattr(resource_tracker, "_resource_tracker")._pid  # noqa: B009
    return [child for child in found if child != tracker]


def descendants(pid: int | None = None) -> list[int]:
    found: list[int] = []
    for child in children(pid):
        try:
            found += [child, *descendants(child)]
        except FileNotFoundError:
            continue  # the process ended meanwhile
    return found


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the test's own time limit is the deadline."""
    while not condition():  # noqa: ASYNC110  processes have no event to wait for
        await asyncio.sleep(0.01)
