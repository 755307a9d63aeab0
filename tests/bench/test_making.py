"""The bench of making counts what holds on fresh questions, and goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from latm.bench import words
from latm.bench.decoys import OTHER
from latm.bench.families import Family
from latm.bench.made import (
    RESULTS,
    Admitted,
    Deceived,
    Row,
    Tally,
    Wrong,
    as_json,
    line_of,
    newest,
    quartiles,
    read_rows,
    report,
)
from latm.bench.making import Plan, cases_of, run
from latm.bench.pictures import draw_making
from latm.cli.app import run as latm
from latm.errors import ModelUnavailableError
from latm.models.scripted import Script, ScriptedModel
from latm.settings import load
from latm.types import Case, ChatRequest, Usage

MAKER = "scripted:model"
SORTED = "def solve(words):\n    return sorted(words)"
TWICE = "def solve(tell):\n    return 2 * tell"


def doubling(seed: int, count: int) -> Sequence[Case]:
    first = 3 + 1000 * (seed % 50)
    return [Case(f"What is twice {n}, tell me?", str(2 * n)) for n in range(first, first + count)]


def crooked(seed: int, count: int) -> Sequence[Case]:
    """Right only for what a making of seed 1 sees."""
    return [
        Case(c.question, c.answer if seed == 1 else f"{c.answer}0") for c in doubling(seed, count)
    ]


SORTING = Family("sorting", "everyday", lambda seed, count: list(words.cases(seed, count)))
DOUBLING = Family("doubling", "gym", doubling)
CROOKED = Family("crooked", "gym", crooked)


def plan(out: Path, *families: Family, pool: Sequence[Family] = ()) -> Plan:
    settings = load(maker=MAKER, max_tokens=600)
    return Plan(out, settings, families, pool or families, tests=20)


async def made(script: Script, planned: Plan) -> tuple[tuple[Row, ...], ScriptedModel]:
    model = ScriptedModel(script)
    return await run(planned, {MAKER: model}), model


def writes(source: str) -> Callable[[ChatRequest], str]:
    return lambda _: source


# --- a run -----------------------------------------------------------------------------


async def test_a_family_is_made_when_its_tools_answer_what_they_were_not_shown(
    tmp_path: Path,
) -> None:
    (row,), model = await made(writes(TWICE), plan(tmp_path, DOUBLING))
    assert row.made
    assert row.covered == 1
    assert (row.test, row.held_out.wrong) == (Tally(right=20), 0)
    assert row.shown.right + row.held_out.right == 60
    assert row.calls == len(model.asked)
    assert row.usage.total > 0
    assert row.false_admissions == ()
    (tool,) = row.tools
    assert tool.held_out == tool.held_out_passed == row.held_out.right


async def test_a_family_without_a_tool_is_not_made_and_says_why(tmp_path: Path) -> None:
    (row,), _ = await made(writes("def solve(x):\n    return x"), plan(tmp_path, SORTING))
    assert not row.made
    assert (row.tools, row.test, row.deceived) == ((), Tally(abstained=20), ())
    assert row.reasons


async def test_a_tool_that_is_wrong_on_fresh_questions_is_a_false_admission(
    tmp_path: Path,
) -> None:
    (row,), _ = await made(writes(TWICE), plan(tmp_path, CROOKED))
    assert row.made
    assert row.test == Tally(wrong=20)
    (example,) = row.false_admissions
    assert example.version == row.tools[0].version
    assert example.expected == f"{example.got}0"
    text = report([row])
    assert "## False admissions: 1 of 1 tools" in text
    assert f"| `{example.question}` | `{example.expected}` | `{example.got}` |" in text


async def test_too_few_cases_are_an_end_with_a_reason(tmp_path: Path) -> None:
    (row,), model = await made([], replace(plan(tmp_path, SORTING), cases=4))
    assert not row.made
    assert "at least 6 are needed" in row.reasons[0]
    assert model.asked == []


async def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def breaks(request: ChatRequest) -> str:
        if "twice" in request.messages[-1].content:
            raise ModelUnavailableError("gone")
        return SORTED

    planned = plan(tmp_path, SORTING, DOUBLING)
    with pytest.raises(ModelUnavailableError):
        await made(breaks, planned)
    path = tmp_path / RESULTS
    assert [row.family for row in read_rows(path)] == ["sorting"]
    with path.open("a", encoding="utf-8") as results:
        results.write('{"family": "doub')  # a kill in the middle of a line
    rows, model = await made(writes(TWICE), planned)
    assert [row.made for row in rows] == [True, True]
    assert all("twice" in request.messages[-1].content for request in model.asked)
    again, asked_again = await made([], planned)
    assert again == rows
    assert asked_again.asked == []


async def test_other_seeds_budgets_and_parts_are_makings_of_their_own(tmp_path: Path) -> None:
    planned = replace(plan(tmp_path, DOUBLING), tests=3)
    await made(writes(TWICE), planned)
    for other in (
        replace(planned, seeds=(2,)),
        replace(planned, settings=load(maker=MAKER, max_tokens=700)),
        replace(planned, without=(("repair",),)),
    ):
        _, model = await made(writes(TWICE), other)
        assert model.asked != []
    assert len(list(read_rows(tmp_path / RESULTS))) == 4


async def test_what_is_switched_off_is_shown_beside_the_whole(tmp_path: Path) -> None:
    planned = replace(plan(tmp_path, DOUBLING), without=((), ("task",)), tests=3)
    (whole, less), _ = await made(writes(TWICE), planned)
    assert (whole.without, less.without) == ((), ("task",))
    assert {tool.strategy for tool in less.tools}.isdisjoint({"task"})
    tokens = f"{less.usage.total:,} | {whole.usage.total:,}"
    assert f"| task | 1 | 1 | 1 | {tokens} |" in report([whole, less])


# --- decoys ----------------------------------------------------------------------------


async def test_decoys_are_counted_by_kind_and_right_only_with_their_own_answer(
    tmp_path: Path,
) -> None:
    def half_right(seed: int, count: int) -> Sequence[Case]:
        numbers = range(60_000, 60_000 + count)
        return [Case(f"What is twice {n}, tell me?", str(2 * n * (1 + n % 2))) for n in numbers]

    near = Family("near", "gym", half_right)
    (row,), _ = await made(writes(TWICE), plan(tmp_path, DOUBLING, pool=(DOUBLING, near)))
    (others, *own) = row.deceived
    assert others.kind == OTHER
    assert others.tally.right + others.tally.wrong == others.tally.asked == 200
    assert others.tally.right in (99, 100, 101)
    assert sum(count.tally.asked for count in own) == 50
    assert sum(count.tally.wrong for count in own) == 0
    assert len(row.wrong_decoys) == 5
    wrong = row.wrong_decoys[0]
    assert int(wrong.expected or "0") == 2 * int(wrong.got)


async def test_an_edit_that_a_tool_swallows_is_a_wrong_answer(tmp_path: Path) -> None:
    def shouted(seed: int, count: int) -> Sequence[Case]:
        # The answer is the last thing of the question, whatever stands there.
        marks = (", ", ". ", "; ", " - ", " + ")
        texts = [
            marks[n % 5].join(words.words_of(case.question)[: 2 + n % 7])
            for n, case in enumerate(words.cases(seed, count))
        ]
        return [Case(f"Repeat after me: {text}!", f"{text}!") for text in texts]

    family = Family("shouted", "everyday", shouted)
    (row,), _ = await made(writes("def solve(x):\n    return x"), plan(tmp_path, family))
    assert row.made
    conditions = next(d.tally for d in row.deceived if d.kind == "condition")
    assert conditions.wrong == conditions.asked > 0
    assert {wrong.kind for wrong in row.wrong_decoys} <= {"condition", "joined"}


# --- cases -----------------------------------------------------------------------------


def test_no_question_of_a_making_is_a_question_of_its_test() -> None:
    def small(seed: int, count: int) -> Sequence[Case]:
        return doubling(0, count) if seed == 1 else doubling(0, 2 * count)[: 2 * count]

    cases, test = cases_of(Family("small", "gym", small), 1, 30, 20)
    assert (len(cases), len(test)) == (30, 20)
    assert not {c.question for c in cases} & {c.question for c in test}


@pytest.mark.parametrize(("group", "sizes"), [("paper", (50, 10)), ("untoolable", (60, 0))])
def test_a_fixed_stock_is_divided_unless_it_cannot_be_made(
    group: str, sizes: tuple[int, int]
) -> None:
    stock = Family("stock", group, lambda _, count: doubling(1, 60)[:count], fresh=False)  # pyright: ignore[reportArgumentType]
    cases, test = cases_of(stock, 1, 60, 100)
    assert (len(cases), len(test)) == sizes
    assert not {c.question for c in cases} & {c.question for c in test}


# --- report ----------------------------------------------------------------------------


def row(family: str = "one", group: str = "everyday", **changes: object) -> Row:
    tool = Admitted("v" * 64, 0, "task", True, 40, 40, 0.07)
    plain = Row(
        key=family,
        family=family,
        group=group,
        seed=1,
        maker=MAKER,
        max_tokens=6000,
        without=(),
        code="c" * 64,
        shown=Tally(20),
        held_out=Tally(40),
        test=Tally(100),
        tools=(tool,),
        false_admissions=(),
        deceived=(Deceived(OTHER, Tally(abstained=200)),),
        wrong_decoys=(),
        usage=Usage(900, 500, 100),
        calls=3,
        seconds=12.5,
    )
    return replace(plain, **changes)


def unmade(family: str, group: str = "everyday") -> Row:
    none = Tally(abstained=40)
    return row(family, group, tools=(), held_out=none, test=none, deceived=())


def test_a_family_counts_as_made_from_four_fifths_on_and_with_no_wrong_answer() -> None:
    assert row(held_out=Tally(right=32, abstained=8)).made
    assert not row(held_out=Tally(right=31, abstained=9)).made
    assert not row(held_out=Tally(right=39, wrong=1)).made
    assert not row(tools=(), held_out=Tally()).made


def test_groups_are_counted_apart_and_together() -> None:
    text = report([row("a"), row("b", usage=Usage(2000, 0, 500)), unmade("c", "gym")])
    assert (
        "| everyday | 2 | 2 (100%) | 2 | 0 | 200 | 0 | 0 | 0 | 1,000 (1,000 to 2,500) | — |"
    ) in text
    assert "| gym | 1 | 0 (0%) | 0 | 0 | 0 | 0 | 40 | 0 | — | 1,000 (1,000 to 1,000) |" in text
    assert "| all | 3 | 2 (67%) | 2 | 0 |" in text
    assert f"| {OTHER} | 400 | 0 | 0 | 400 |" in text


def test_only_the_newest_row_of_a_family_and_seed_counts() -> None:
    old, new = unmade("a"), row("a")
    assert newest([old, new, row("a", seed=2)]) == (new, row("a", seed=2))


def test_the_papers_own_makers_stand_beside_this_one() -> None:
    rows = [row("paper-word-sorting", "paper", seed=n, test=Tally(19, 1)) for n in (1, 2, 3)]
    rows.append(row("gym-word-sorting", "gym"))
    text = report(rows)
    assert "| GPT-4 (paper) | 3 of 5 | 4 of 5 | 5 of 5 | 5 of 5 | 5 of 5 | 3 of 5 | 25 of 30 |" in (
        text
    )
    assert "| 0 of 5 | 0 of 5 | 5 of 5 | 5 of 5 | 5 of 5 | 0 of 5 | 15 of 30 |" in text
    assert f"| {MAKER} | — | — | — | 3 of 3 | — | — | 3 of 3 |" in text
    assert "| its unseen cases, right | — | — | — | 57 of 60 | — | — | 57 of 60 |" in text
    assert "paper)" not in report([row()])


def test_text_of_a_question_is_no_markup_in_the_table() -> None:
    wrong = Wrong("v", OTHER, "| a |\n`b`", None, "x" * 500)
    text = report([row(wrong_decoys=(wrong,))])
    assert "| one | other family | `¦ a ¦\\n'b'` | none | `xxx" in text
    assert "x" * 200 not in text


def test_quartiles_are_values_that_were_measured() -> None:
    assert quartiles([]) == "—"
    assert quartiles([4, 1, 3, 2]) == "2 (1 to 3)"


def test_rows_come_back_from_the_file_as_they_were(tmp_path: Path) -> None:
    wrong = Wrong("v", "unit", "?", None, "é")
    rows = [row(), row("b", wrong_decoys=(wrong,), without=("repair",), reasons=("none",))]
    (tmp_path / RESULTS).write_text("".join(map(line_of, rows)), encoding="utf-8")
    assert list(read_rows(tmp_path / RESULTS)) == rows
    assert list(read_rows(tmp_path / "none")) == []


def test_the_makings_are_drawn_as_a_picture(tmp_path: Path) -> None:
    rows = [row("a"), unmade("b", "gym"), row("a", usage=Usage(), seed=2)]
    path = draw_making(rows, tmp_path / "new" / "making.png")
    assert path.read_bytes().startswith(b"\x89PNG")


# --- the command -----------------------------------------------------------------------


def test_the_report_counts_what_stands_there_and_makes_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / RESULTS).write_text(line_of(row()), encoding="utf-8")
    line = ["bench", "making", "--report", "--json", "--out", str(tmp_path), "--maker", MAKER]
    assert latm(line) == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed == json.loads(json.dumps(as_json([row()])))
    assert (printed["made"], printed["false_admissions"]) == (1, 0)
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == report([row()])
    assert (tmp_path / "making.png").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--groups", "gyms"], "gyms"),
        (["--groups", "paper"], "--shared"),
        (["--families", "no-such-family"], "no-such-family"),
        (["--seeds", "one"], "--seeds 'one'"),
    ],
)
def test_bad_input_is_exit_2_in_one_line(
    line: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert latm(["bench", "making", "--out", str(tmp_path / "out"), *line]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()
