"""How a fetch tells what it is doing.

Nothing flows in; a stage with bytes done and bytes in all flows out to whoever shows it.
Invariant: showing is not our business here, and a report changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Stage = Literal["waiting", "checking", "hub", "wheels"]
"""``waiting``: for another process that fetches; ``hub``, ``wheels``: downloading from there."""

Report = Callable[[Stage, int, int], None]


def silent(stage: Stage, done: int, total: int) -> None:
    """Report to nobody."""
