"""Cases that would not notice another tool: mutants, warnings, and what becomes of the tool."""

from __future__ import annotations

import ast
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from latm.execution import GLUE, Executor
from latm.making.mutation import MOST_MUTANTS, mutants
from latm.making.promoter import Promoter, is_exercised
from latm.making.verifier import Judgement, Verifier
from latm.monitor.bound import cases_needed, upper_bound
from latm.types import Case, Limits, Verification

from .building import built, monty_executor

MONTHS: Sequence[str] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
TABLE = ", ".join(f"{name!r}: {n}" for n, name in enumerate(MONTHS, 1))
NUMBER = f"def solve(day, month):\n    table = {{{TABLE}}}\n    return table[month]\n"


@pytest.fixture
async def executor() -> AsyncIterator[Executor]:
    async with monty_executor() as executor:
        yield executor


def months(names: Sequence[str], count: int) -> list[Case]:
    return [
        Case(f"On day {n} of {names[n % len(names)]}, which month is it?", str(number))
        for n in range(1, count + 1)
        for number in [MONTHS.index(names[n % len(names)]) + 1]
    ]


async def judged(executor: Executor, source: str, cases: Sequence[Case]) -> Judgement:
    tool = built(executor, source, cases)
    return await Verifier(executor).judge(tool, cases[::3], [*cases[1::3], *cases[2::3]])


def changes(source: str, arguments: int = 1) -> list[str]:
    return [m.change for m in mutants(source, "solve", arguments)]


# --- the verdict -----------------------------------------------------------------------


async def test_a_table_that_the_cases_use_up_leaves_no_warning(executor: Executor) -> None:
    verdict = await judged(executor, NUMBER, months(MONTHS, 36))
    assert verdict.accepted
    assert verdict.warnings == ()
    assert verdict.verification.mutants == verdict.verification.mutants_noticed == 12
    assert "mutation" in verdict.verification.checks


async def test_an_entry_that_no_case_uses_is_named_and_keeps_the_tool_in_shadow(
    executor: Executor,
) -> None:
    verdict = await judged(executor, NUMBER, months(MONTHS[:5], 40))
    assert verdict.accepted
    (warning,) = verdict.warnings
    assert warning.startswith(
        "7 of 12 changes to the solver were noticed by none of 40 cases: line 2: 'Jun'"
    )
    assert "add cases" in warning
    promoter = Promoter(0.5, 0.95, upper_bound, cases_needed)
    assert promoter.verified_bound(verdict.verification).rate < 0.5
    assert promoter.starting_state(verdict.verification) == "shadow"
    used = replace(verdict.verification, mutants_noticed=12)
    assert promoter.starting_state(used) == "live"


async def test_a_refused_tool_is_not_mutated(executor: Executor) -> None:
    verdict = await judged(executor, NUMBER.replace("'Feb': 2", "'Feb': 3"), months(MONTHS, 36))
    assert not verdict.accepted
    assert (verdict.verification.mutants, verdict.warnings) == (0, ())


async def test_a_mutant_that_fails_or_never_ends_is_noticed() -> None:
    source = (
        "def solve(number):\n    total = 0\n    while number != 0:\n"
        "        total += number % 10\n        number = number // 10\n    return total\n"
    )
    cases = [
        Case(f"Digit sum of {n}, please.", str(sum(map(int, str(n))))) for n in range(7, 900, 29)
    ]
    async with monty_executor(Limits(wall_seconds=2, cpu_seconds=1)) as quick:
        verdict = await judged(quick, source, cases)
    assert verdict.accepted
    assert verdict.verification.mutants == verdict.verification.mutants_noticed >= 7


@pytest.mark.parametrize(
    ("mutants", "noticed", "exercised"),
    [(0, 0, True), (4, 1, True), (10, 6, True), (10, 5, False), (24, 20, True), (24, 14, False)],
)
def test_a_few_unnoticed_mutants_never_count(mutants: int, noticed: int, exercised: bool) -> None:
    verification = Verification(9, 9, 300, 300, mutants=mutants, mutants_noticed=noticed)
    assert is_exercised(verification) is exercised


# --- the mutants -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("return x + 7", ["line 2: + → -", "line 2: 7 → 8"]),
        ("return x * 1.5", ["line 2: * → +", "line 2: 1.5 → 1.6500000000000001"]),
        ("return 'many' if x > 20 else 'few'",
         ["line 2: > → <=", "line 2: 20 → 25", "line 2: 'many' → 'many…'", "line 2: 'few' → 'few…'",
          "line 2: > → >="]),
        ("return x == 'a' and not x",
         ["line 2: and → or", "line 2: == → !=", "line 2: 'a' → 'a…'", "line 2: not x → x"]),
        ("return {'a': 1, 'b': 2}[x]", ["line 2: 'a': 1 → 2", "line 2: 'b': 2 → 1"]),
        ("return {'name': x}", ["line 2: 'name' → 'name…'"]),
        ("return sum(c in 'aeiou' for c in x)",
         ["line 2: in → not in", "line 2: 'aeiou' → 'aeou'"]),
        ("return 'no yes'.split()[x]", ["line 2: 'no' → 'no…'", "line 2: 'yes' → 'yes…'"]),
        ("return sorted(x, reverse=True)", ["line 2: True → False"]),
        ("x -= 2\n    return x", ["line 2: - → +", "line 2: 2 → 3"]),
    ],
)  # fmt: skip
def test_each_constant_and_operator_is_changed_once(body: str, found: list[str]) -> None:
    assert changes(f"def solve(x):\n    {body}\n") == found


@pytest.mark.parametrize(
    "source",
    [
        "def solve(x):\n    'Twice 2 is 4.'\n    return x\n",
        "def solve(x):\n    if x:\n        raise ValueError('no number 5')\n    return x\n",
        "def solve(x: 'int', y: int = 3) -> 'int':\n    return x\n",
        "import functools\n@functools.lru_cache(maxsize=64)\ndef solve(x, y):\n    return x\n",
        "def solve(x, y):\n    return [n for n in range(1000000) if x]\n",
        "def solve(x, y):\n    return max(x, 1e-9)\n",
        f"def {GLUE}step(x):\n    return x + 1\n\ndef solve(x, y):\n    return {GLUE}step(x)\n",
    ],
)
def test_what_computes_nothing_is_left_alone(source: str) -> None:
    assert changes(source, 2) == []


def test_a_default_that_calls_leave_out_is_changed() -> None:
    source = "def helper(x, by=3):\n    return x\n\ndef solve(x):\n    return helper(x)\n"
    assert changes(source) == ["line 1: 3 → 4"]


def test_many_places_are_sampled_evenly_and_always_alike() -> None:
    rows = ",\n".join(f"    'key{n}': {n}" for n in range(100))
    source = f"TABLE = {{\n{rows}\n}}\n\ndef solve(x):\n    return TABLE[x] + 1\n"
    found = changes(source)
    assert len(found) == MOST_MUTANTS
    lines = [int(change.split(":")[0].removeprefix("line ")) for change in found]
    assert max(b - a for a, b in pairwise(lines)) <= 6
    assert found == changes(source)


def test_every_mutant_of_ordinary_tools_is_another_program(shared: Path) -> None:
    for file in sorted((shared / "sandbox" / "benign").glob("*.py")):
        source = file.read_text("utf-8")
        made = mutants(source, "tool", 1)
        whole = ast.dump(ast.parse(source))
        texts = [ast.dump(ast.parse(m.source)) for m in made]
        assert whole not in texts
        assert len(set(texts)) == len(texts)
        assert json.dumps([m.change for m in made])
