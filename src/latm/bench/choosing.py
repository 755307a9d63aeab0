"""The paper's two experiments on its dispatcher (LATM, section 4.4), and a harder one.

Cases of classes flow in, counts flow out. The first: the tools of all six tasks are there,
which one is it? The second: four of them are there, is it one of these or unknown, over all
15 splits? The third: the second with half of all families of questions. Templates are induced
from a handful of cases of each class and tried on the others. Invariant: no model is asked,
and a false hit, a false miss and a wrong tool are never added up into one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

from latm.bench.families import Family
from latm.bench.families.paper import paper
from latm.bench.toolsets import Item, tool_of
from latm.embedding import Embedding
from latm.embedding.words import WordNeighbours
from latm.errors import InputError
from latm.induction import induce
from latm.models.scripted import ScriptedModel
from latm.types import Case, Demonstration, Tool
from latm.using.dispatcher import Dispatcher, Hit, Miss
from latm.using.semantic import Semantic

HANDFULS = (6, 10, 20)
SEEDS = (1, 2, 3)
KNOWN = 4
_CASES = 60
_TESTS = 12

Experiment = Literal["pick", "known", "half"]
Stage = Literal["templates", "nearest", "class"]
STAGES: tuple[Stage, ...] = ("templates", "nearest", "class")


@dataclass(frozen=True, slots=True)
class Choice:
    """One experiment with one handful, over all seeds.

    Attributes:
        experiment: ``pick``: the right one of six; ``known``: one of four, or unknown;
            ``half``: one of every other family, or unknown.
        stage: ``templates`` alone; or then the ``nearest`` class, if it has a tool without a
            template, as a gateway does before it asks the judge; or then the nearest ``class``
            whether or not it has one, which is what the paper asks.
        handful: cases of each task that the tools were made from.
        known, unknown: questions asked that have a tool, and that have none.
        right: of the former, those that got to their tool; ``wrong_tool``: to another one;
            ``false_misses``: to none.
        false_hits: of the latter, those that got to any.
    """

    experiment: Experiment
    stage: Stage
    handful: int
    known: int = 0
    unknown: int = 0
    right: int = 0
    wrong_tool: int = 0
    false_misses: int = 0
    false_hits: int = 0

    @property
    def accuracy(self) -> float:
        """Share of the questions whose tool, or want of one, was found."""
        return (self.right + self.unknown - self.false_hits) / (self.known + self.unknown)


@dataclass(frozen=True, slots=True)
class _Task:
    name: str
    tools: Sequence[Tool]
    tests: Sequence[str]


def run(
    folder: Path, handfuls: Sequence[int] = HANDFULS, seeds: Sequence[int] = SEEDS
) -> Iterator[Choice]:
    """The paper's two experiments, with each handful.

    Args:
        folder: of TASK.jsonl.
        seeds: each draws another handful of each task.
    """
    families = paper(folder)
    for handful in handfuls:
        draws = [[_task(family, handful, seed, _CASES) for family in families] for seed in seeds]
        for stage in STAGES:
            yield _sum(Choice("pick", stage, handful), [(tasks, tasks) for tasks in draws])
            splits = [(tasks, known) for tasks in draws for known in combinations(tasks, KNOWN)]
            yield _sum(Choice("known", stage, handful), splits)


def run_half(
    families: Sequence[Family],
    embedding: Embedding = WordNeighbours,
    handful: int = HANDFULS[0],
    seed: int = 1,
) -> list[Choice]:
    """Every other family is known, and then the others; those with too few cases are left out."""
    tasks: list[_Task] = []
    for family in families:
        with suppress(InputError):
            tasks.append(_task(family, handful, seed, handful + _TESTS))
    halves = [(tasks, tasks[0::2]), (tasks, tasks[1::2])]
    return [_sum(Choice("half", stage, handful), halves, embedding) for stage in STAGES]


def _task(family: Family, handful: int, seed: int, count: int) -> _Task:
    cases = family.generate(seed, count)
    tests = [case.question for case in cases[handful:]]
    return _Task(family.name, tools_of(family.name, cases[:handful]), tests)


def tools_of(name: str, cases: Sequence[Case]) -> list[Tool]:
    """A class's tools: one for each template, and one without where some case has none."""
    shown = tuple(Demonstration(case.question, case.answer) for case in cases)
    return [
        replace(
            tool_of(shape, Item(cluster.template, "")),
            name=name,
            shape=shape,
            demonstrations=shown,
        )
        for shape, cluster in enumerate(induce([case.question for case in cases]))
    ]


_Splits = Sequence[tuple[Sequence[_Task], Sequence[_Task]]]


def _sum(empty: Choice, splits: _Splits, embedding: Embedding = WordNeighbours) -> Choice:
    """All tasks' questions, asked of the known tasks' tools."""
    counts: dict[str, int] = dict.fromkeys(
        ("known", "unknown", "right", "wrong_tool", "false_misses", "false_hits"), 0
    )
    for tasks, known in splits:
        names = {task.name for task in known}
        found = _routes(empty.stage, known, tasks, embedding)
        for task in tasks:
            for name in found[task.name]:
                counts["known" if task.name in names else "unknown"] += 1
                if task.name not in names:
                    counts["false_hits"] += name is not None
                elif name is None:
                    counts["false_misses"] += 1
                else:
                    counts["right" if name == task.name else "wrong_tool"] += 1
    return Choice(empty.experiment, empty.stage, empty.handful, **counts)


def _routes(
    stage: Stage, known: Sequence[_Task], tasks: Sequence[_Task], embedding: Embedding
) -> Mapping[str, list[str | None]]:
    """For each task's questions the class that they got to, or None."""
    dispatcher = Dispatcher(tool for task in known for tool in task.tools)
    # Never asked: it stands for the light model, without which nothing is looked for.
    near = Semantic(dispatcher.served, embedding, ScriptedModel([]))

    def route(question: str) -> str | None:
        found = dispatcher.route(question)
        if stage != "templates" and isinstance(found, Miss) and not found.ambiguous:
            found = near.nearest(question) if stage == "nearest" else near.closest(question)
        if isinstance(found, Miss):
            return None
        return found.name if isinstance(found, Hit) else found

    return {task.name: [route(question) for question in task.tests] for task in tasks}


_EXPERIMENTS: Mapping[Experiment, str] = {
    "pick": "the right one of six",
    "known": "one of four, or unknown",
    "half": "one of half the families, or unknown",
}
_STAGES: Mapping[Stage, str] = {
    "templates": "templates",
    "nearest": "templates, then the nearest tool without one",
    "class": "templates, then the nearest class",
}


def _order(choice: Choice) -> tuple[int, int, int]:
    experiment = list(_EXPERIMENTS).index(choice.experiment)
    return experiment, STAGES.index(choice.stage), choice.handful


def table(choices: Sequence[Choice]) -> str:
    """Markdown: one row an experiment, stage and handful; the paper's below."""
    head = (
        "experiment | found by | cases a task | questions | accuracy "
        "| false hits | wrong tool | false misses"
    )
    lines = [f"| {head} |", "|---|---|" + "---:|" * (head.count("|") - 1)]
    for one in sorted(choices, key=_order):
        cells = [
            _EXPERIMENTS[one.experiment],
            _STAGES[one.stage],
            str(one.handful),
            f"{one.known + one.unknown:,}",
            f"{100 * one.accuracy:.1f} %",
            f"{one.false_hits} of {one.unknown:,}" if one.unknown else "–",
            f"{one.wrong_tool} of {one.known:,}",
            f"{one.false_misses} of {one.known:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("| the right one of six | GPT-3.5 (paper) | – | – | 95 ± 2 % | – | – | – |")
    lines.append("| one of four, or unknown | GPT-3.5 (paper) | – | – | 96 ± 3 % | – | – | – |")
    return "\n".join(lines) + "\n"
