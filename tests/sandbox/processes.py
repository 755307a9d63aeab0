"""What processes and descriptors this process has, read from outside of any sandbox."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
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
    return found


def descendants(pid: int | None = None) -> list[int]:
    found: list[int] = []
    for child in children(pid):
        try:
            found += [child, *descendants(child)]
        except FileNotFoundError:
            continue  # the process ended meanwhile
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the test's own time limit is the deadline."""
    while not condition():
        await asyncio.sleep(0.01)
