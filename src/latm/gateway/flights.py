"""Single flight: callers that ask the same thing at the same time share one call.

A key and a way to get its result flow in, the result flows out. Invariants: the call ends
when its last caller has gone, and nothing is kept once it has a result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    callers: int = 0


@dataclass(slots=True)
class Flights(Generic[T]):
    """The calls under way."""

    _under_way: dict[str, _Flight[T]] = field(default_factory=dict[str, _Flight[T]])

    async def join(self, key: str, start: Callable[[], Coroutine[None, None, T]]) -> T:
        """The result of the call of this key that is under way, else of a new one."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(start()))
            self._under_way[key] = flight
            flight.task.add_done_callback(lambda _: self._under_way.pop(key, None))
        flight.callers += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.callers -= 1
            if not flight.callers and not flight.task.done():
                # Nobody may join a call that is being given up.
                self._under_way.pop(key, None)
                flight.task.cancel()
