"""Observed classes in a file, for jobs in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from latm.jobs.classes import Observed
from latm.making.demand import DAY, Traffic
from latm.store.observed import ClassState
from latm.types import Case

FINGERPRINT = "f" * 64


@dataclass(frozen=True)
class ClassesInFile:
    """One class with its cases; each change of its state is a line."""

    states: Path
    cases: Sequence[Case]
    name: str = "doubling"
    requests: int = 5000

    async def ready(self) -> Sequence[Observed]:
        state = self.said()[-1:] or ["open"]
        return [await self.observed(self.name)] if state[0] in ("open", "refused") else []

    async def observed(self, name: str) -> Observed:
        assert name == self.name
        count = len(self.cases)
        traffic = Traffic(name, count, self.requests, DAY, Decimal(100), Decimal("0.001"))
        return Observed(traffic, FINGERPRINT)

    async def cases_of(self, name: str) -> Sequence[Case]:
        return self.cases if name == self.name else ()

    async def set_state(self, name: str, state: ClassState, reason: str) -> None:
        with self.states.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, state, reason]) + "\n")

    def said(self) -> list[str]:
        """The states so far."""
        if not self.states.is_file():
            return []
        return [json.loads(line)[1] for line in self.states.read_text("utf-8").splitlines()]
