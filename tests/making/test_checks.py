"""The lint: what is refused before it runs, and what honest code may do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.making.checks import Parsed, lint, parse_solver
from latm.types import Json

Shown = Sequence[tuple[Sequence[Json], Json]]

CITIES: Shown = [
    (["Paris"], "seine"), (["Vienna"], "danube"), (["London"], "thames"), (["Cairo"], "nile"),
    (["Rome"], "tiber"), (["Cologne"], "rhine"), (["Prague"], "vltava"), (["Lisbon"], "tagus"),
]  # fmt: skip
YES: Shown = [([word], "yes" if n % 2 else "no") for n, ([word], _) in enumerate(CITIES)]
SUMS: Shown = [([n, 3 * n], 4 * n) for n in range(21, 31)]
RIVERS = {str(a): w for [a], w in CITIES}
TOTALS = {str(a): w for (a, _), w in SUMS}
MONTHS = (
    "January February March April May June July August September October November December"
).split()


def found(source: str, shown: Shown = ()) -> set[str]:
    return {finding.check for finding in lint(source, shown)}


def solve(body: str) -> str:
    return "def solve(x):\n" + "".join(f"    {line}\n" for line in body.splitlines())


# --- memorising ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (solve(f"return {RIVERS}[x]"), CITIES),
        (solve("\n".join(f"if x == {a!r}: return {w!r}" for [a], w in CITIES)), CITIES),
        (solve("\n".join(f"if x == {a!r}: return {w!r}" for [a], w in YES)), YES),
        (solve(f"return 'yes' if x in {[a for [a], w in YES if w == 'yes']} else 'no'"), YES),
        (solve("match x:\n" + "\n".join(f"  case {a!r}: return {w!r}" for [a], w in CITIES)),
         CITIES),
        (solve("text = '''" + "\\n".join(f"{a} lies on {w}" for [a], w in CITIES) + "'''\n"
               "return text.split(x)[1].split()[2]"), CITIES),
        (f"def solve(a, b):\n    return {TOTALS}[a]\n", SUMS),
        (solve(f"return {[['a' * n, 'b' * n, 'c'] for n in range(3, 9)]}[x]"),
         [([n], ["a" * n, "b" * n, "c"]) for n in range(3, 9)]),
        (solve("return {'Tell me of Ann and Bob.': 1, 'Who is Carla Moss?': 2, "
               "'Where is Dan now?': 3, 'Eve is who?': 4, 'Is Finn in?': 5}[x]"),
         [(["Tell me of Ann and Bob."], 1), (["Who is Carla Moss?"], 2),
          (["Where is Dan now?"], 3), (["Eve is who?"], 4), (["Is Finn in?"], 5)]),
    ],
)  # fmt: skip
def test_shown_cases_written_down_are_memorised(source: str, shown: Shown) -> None:
    assert found(source, shown) == {"memorised"}


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (solve(f"return {MONTHS}[x - 1]"), [([n], MONTHS[n - 1]) for n in (1, 3, 4, 6, 8, 9, 11)]),
        (solve(f"return '{' '.join(MONTHS)}'.split()[x - 1]"),
         [([n], MONTHS[n - 1]) for n in (1, 3, 4, 6, 8, 9, 11)]),
        (solve(f"return {dict(zip(MONTHS, range(1, 13), strict=True))}[x]"),
         [([m], n) for n, m in enumerate(MONTHS, 1) if n % 3]),
        (solve(f"return {MONTHS}[x - 1]"), [([n], MONTHS[n - 1]) for n in [*range(1, 13)] * 2]),
        ("def solve(value, unit):\n"
         "    return value * {'inch': 25.4, 'foot': 304.8, 'yard': 914.4, 'mile': 1609344}[unit]\n",
         [([17, "inch"], 431.8), ([23, "foot"], 7010.4), ([31, "yard"], 28346.4),
          ([14, "mile"], 22530816)]),
        (solve("pairs = [(1000, 'M'), (900, 'CM'), (500, 'D'), (400, 'CD'), (100, 'C'), "
               "(90, 'XC'), (50, 'L'), (40, 'XL'), (10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), "
               "(1, 'I')]\nr = ''\nfor n, s in pairs:\n    while x >= n:\n        r, x = r + s, "
               "x - n\nreturn r"),
         [([1990], "MCMXC"), ([2024], "MMXXIV"), ([90], "XC"), ([400], "CD"), ([1776], "MDCCLXXVI"),
          ([900], "CM")]),
        (solve("'''solve('Paris') == 'seine', solve('Vienna') == 'danube', 'thames', 'nile', "
               "'tiber', 'rhine', 'vltava', 'tagus' '''\nreturn x.lower()"), CITIES),
        (solve("return 'yes' if 'o' in x else 'no'"), YES),
        (solve("return 'approved' if x > 50 else 'refused'"),
         [([n], "approved" if n > 50 else "refused") for n in range(13, 93, 8)]),
    ],
)  # fmt: skip
def test_honest_tables_are_not_memorised(source: str, shown: Shown) -> None:
    assert found(source, shown) == set()


# --- exceptions, chance, resources -----------------------------------------------------


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("try:\n    return int(x)\nexcept:\n    return 0", "catch-all"),
        ("try:\n    return int(x)\nexcept (ValueError, Exception):\n    return 0", "catch-all"),
        ("try:\n    return int(x)\nexcept (Exception,) as e:\n    return 0", "catch-all"),
        ("with suppress(Exception):\n    return int(x)", "catch-all"),
        ("with contextlib.suppress(ValueError, BaseException):\n    return int(x)", "catch-all"),
        ("try:\n    return int(x)\nfinally:\n    return 0", "catch-all"),
        ("return datetime.now()", "nondeterministic"),
        ("while True:\n    x += 1", "resources"),
        ("while 1:\n    for n in x:\n        break", "resources"),
        ("while True:\n    def f():\n        return 1", "resources"),
        ("for n in range(10 ** 9):\n    x += n\nreturn x", "resources"),
        ("return [n for n in range(1000000000)]", "resources"),
        ("return sum(range(1, 10 ** 12))", "resources"),
        ("return len('a' * 10 ** 9)", "resources"),
        ("return [0] * (1000 * 1000 * 1000)", "resources"),
        ("return x ** 100000", "resources"),
    ],
)
def test_what_hides_errors_or_has_no_bound_is_refused(body: str, check: str) -> None:
    assert found(solve(body)) == {check}


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    return int(x)\nexcept ValueError:\n    return 0",
        "try:\n    return int(x)\nexcept Exception as e:\n    raise ValueError('no number') from e",
        "try:\n    return int(x)\nfinally:\n    x = None",
        "while True:\n    x += 1\n    if x > 9:\n        break\nreturn x",
        "while True:\n    for n in x:\n        return n",
        "while x > 9:\n    x = sum(map(int, str(x)))\nreturn x",
        "for n in range(10 ** 9):\n    if n % 7 == x:\n        return n",
        "return next(n for n in range(10 ** 9) if n % 7 == x)",
        "return x % 1000000007",
        "return 'ab' * 3 + '-' * x",
    ],
)
def test_ordinary_loops_and_errors_are_fine(body: str) -> None:
    assert found(solve(body)) == set()


def test_ordinary_tools_raise_no_alarm(shared: Path) -> None:
    for file in sorted((shared / "sandbox" / "benign").glob("*.py")):
        cases = json.loads(file.with_suffix(".json").read_text("utf-8"))
        checks = found(file.read_text("utf-8"), [([a], wanted) for a, wanted in cases])
        # Two of them only exist to import what a solver may not.
        assert checks <= {"import"}, file.name


def test_published_tools_raise_no_alarm(shared: Path) -> None:
    seen = 0
    for file in sorted((shared / "data" / "latm").glob("*-transcript.json")):
        for message in json.loads(file.read_text("utf-8")):
            for block in message["content"].split("```python")[1:]:
                parsed = parse_solver(block.split("```")[0], "solve")
                if isinstance(parsed, Parsed):
                    seen += 1
                    assert found(parsed.source) <= {"forbidden", "import"}, parsed.source
    assert seen >= 6


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.text(max_size=200), st.lists(st.tuples(st.lists(LITERALS, max_size=2), LITERALS)))
def test_any_text_gets_findings_or_none(source: str, shown: list[tuple[list[Json], Json]]) -> None:
    assert all(f.check and f.detail for f in lint(source, shown))
