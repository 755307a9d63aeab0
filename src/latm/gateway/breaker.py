"""The breaker: whether a call that keeps failing is worth another try now.

Outcomes of calls flow in, the seconds to wait flow out. Invariant: after enough failures
in a row nothing is called for a while, then one call at a time until one succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]
"""Seconds that only grow, such as `time.monotonic`."""


@dataclass(slots=True)
class Breaker:
    """Counts failures in a row.

    Attributes:
        failures: so many in a row open it.
        seconds: how long it stays open before one call is let through.
    """

    clock: Clock
    failures: int = 5
    seconds: float = 10.0
    _in_a_row: int = 0
    _opens_again: float = 0.0

    @property
    def is_open(self) -> bool:
        return self._in_a_row >= self.failures

    def wait(self) -> float:
        """Seconds until a call may be made; 0: make it and report the outcome.

        The call that is let through holds the others back for as long as the breaker was
        open, so one that never reports only costs that time.
        """
        if not self.is_open:
            return 0.0
        left = self._opens_again - self.clock()
        if left > 0:
            return left
        self._opens_again = self.clock() + self.seconds
        return 0.0

    def succeeded(self) -> None:
        self._in_a_row = 0

    def failed(self) -> None:
        self._in_a_row += 1
        if self.is_open:
            self._opens_again = self.clock() + self.seconds
