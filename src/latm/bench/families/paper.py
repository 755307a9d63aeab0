"""The paper's six tasks, from the folder of shared cases.

A folder of ``TASK.jsonl`` flows in, families with a fixed stock flow out. Invariant: a seed
only decides the order of the cases; making and test are cut from one permutation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from latm.bench.cells import TASKS
from latm.bench.families.family import Family, stock
from latm.cases import read_cases


def paper(folder: Path) -> tuple[Family, ...]:
    """One family for each task; a missing file is found when its cases are asked for."""
    return tuple(_task(task.name, folder) for task in TASKS)


def _task(name: str, folder: Path) -> Family:
    def read() -> Sequence[tuple[str, str]]:
        cases = read_cases(folder / f"{name}.jsonl").cases
        return [(case.question, case.answer) for case in cases]

    return stock(f"paper-{name.replace('_', '-')}", "paper", read)
