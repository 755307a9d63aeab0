"""The bench of the paper's tasks counts every question once and goes on where it stopped."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from latm.bench.tasks import (
    RESULTS,
    TASKS,
    Cell,
    Plan,
    Row,
    Task,
    cases_of,
    cells_of,
    present,
    read_rows,
    run,
    table,
)
from latm.errors import InputError, ModelUnavailableError
from latm.execution import Executor
from latm.making.transcripts import read_transcript
from latm.models.scripted import ScriptedModel
from latm.sandbox.jail import JailSandbox
from latm.sandbox.monty import MontySandbox
from latm.types import ChatRequest, Limits, Usage

SORTING = next(t for t in TASKS if t.name == "word_sorting")
DYCK = next(t for t in TASKS if t.name == "dyck_languages")
LOGIC = next(t for t in TASKS if t.name == "logical_deduction_five_objects")


@pytest.fixture
async def executor() -> AsyncIterator[Executor]:
    monty, jail = MontySandbox(), JailSandbox()
    yield Executor({"monty": monty, "jail": jail}, Limits(wall_seconds=30, cpu_seconds=20))
    await monty.aclose()
    await jail.aclose()


def _plan(shared: Path, out: Path, cases: int = 3) -> Plan:
    return Plan(shared / "data" / "latm", out, cases, ("schema", "code"), (SORTING,))


def _sorter(request: ChatRequest) -> str:
    """A perfect user of the word-sorting tool."""
    words = request.messages[-1].content.partition("List: ")[2].split()
    if request.schema is not None:
        return json.dumps({"words": words})
    return f"```python\nret = sort_words_alphabetically({words!r})\nans = ' '.join(ret)\n```"


# --- what is asked ---------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_case_of_the_transcript_is_asked(task: Task, shared: Path) -> None:
    folder = shared / "data" / "latm"
    path = folder / f"{task.name}.gpt4-transcript.json"
    cases = cases_of(task, folder, read_transcript(path))
    texts = path.read_text(encoding="utf-8")
    assert len(cases) == 54
    assert not [c for c in cases if json.dumps(c.question, ensure_ascii=False)[1:-1] in texts]


def test_brackets_are_put_without_blanks_as_in_the_paper() -> None:
    question = "Complete the rest of the sequence. Input: [ [ ("
    assert present(DYCK, question) == "Complete the rest of the sequence. Input: [[("
    assert present(DYCK, ") ] ]") == ")]]"
    assert present(SORTING, "List: b a") == "List: b a"


# --- a run -----------------------------------------------------------------------------


async def test_every_question_is_asked_once_and_counted(
    shared: Path, tmp_path: Path, executor: Executor
) -> None:
    user = ScriptedModel(_sorter, name="scripted:sorter")
    rows: list[Row] = []
    cells = await run(_plan(shared, tmp_path), [user], executor, done=rows.append)
    assert [(c.mode, c.right, c.asked, c.planned) for c in cells] == [
        ("schema", 3, 3, 3),
        ("code", 3, 3, 3),
    ]
    assert len(user.asked) == len(rows) == 6
    assert cells_of(rows) == tuple(replace(c, planned=0) for c in cells)


async def test_a_run_goes_on_where_it_stopped(
    shared: Path, tmp_path: Path, executor: Executor
) -> None:
    def breaks(request: ChatRequest) -> str:
        if len(broken.asked) > 2:
            raise ModelUnavailableError("gone")
        return _sorter(request)

    broken = ScriptedModel(breaks, name="scripted:sorter")
    plan = replace(_plan(shared, tmp_path), concurrency=1)
    with pytest.raises(ModelUnavailableError):
        await run(plan, [broken], executor)
    path = tmp_path / RESULTS
    assert len(list(read_rows(path))) == 2
    # A kill in the middle of a line.
    path.write_bytes(path.read_bytes()[:-20])
    user = ScriptedModel(_sorter, name="scripted:sorter")
    cells = await run(plan, [user], executor)
    assert [c.right for c in cells] == [3, 3]
    assert len(user.asked) == 5
    again = ScriptedModel(_sorter, name="scripted:sorter")
    assert await run(plan, [again], executor) == cells
    assert again.asked == []


async def test_another_user_is_asked_everything_anew(
    shared: Path, tmp_path: Path, executor: Executor
) -> None:
    plan = _plan(shared, tmp_path, cases=1)
    await run(plan, [ScriptedModel(_sorter, name="scripted:a")], executor)
    other = ScriptedModel(_sorter, name="scripted:b")
    await run(plan, [other], executor)
    assert len(other.asked) == 2


async def test_wrong_abstained_and_failed_are_told_apart(
    shared: Path, tmp_path: Path, executor: Executor
) -> None:
    replies = iter(["ans = 'x'", "I do not know.", "ans = sort_words_alphabetically(3)"])
    plan = replace(_plan(shared, tmp_path), modes=("code",), concurrency=1)
    (cell,) = await run(plan, [ScriptedModel(lambda _: next(replies))], executor)
    assert (cell.right, cell.wrong, cell.abstained, cell.failed) == (0, 1, 1, 1)
    assert cell.accuracy == 0


async def test_a_tool_without_json_arguments_abstains_at_no_cost(
    shared: Path, tmp_path: Path, executor: Executor
) -> None:
    user = ScriptedModel([])
    plan = replace(_plan(shared, tmp_path), tasks=(LOGIC,), modes=("schema",))
    (cell,) = await run(plan, [user], executor)
    assert (cell.abstained, cell.usage) == (3, Usage())


async def test_less_than_one_case_is_refused(
    shared: Path, tmp_path: Path, executor: Executor
) -> None:
    with pytest.raises(InputError):
        await run(_plan(shared, tmp_path, cases=0), [ScriptedModel([])], executor)


# --- what is shown ---------------------------------------------------------------------


def test_the_table_shows_how_many_questions_stand_behind_a_number() -> None:
    cell = Cell("word_sorting", "m", "code", 3, 1, 0, 1, Usage(500, 400, 50), 10.0, planned=54)
    text = table([cell])
    assert "| m | free code | — | — | — | 60.0 (3/5) | — | — |" in text
    expected = "| m | free code | word sorting | 5 of 54 | 3 | 1 | 0 | 1 | 100 | 80 | 10 | 2.0 |"
    assert expected in text
    assert re.search(r"GPT-3\.5 \(paper\) \| free code \| 79\.7 \| 99\.6 \| 92\.2", text)


def test_without_any_question_the_table_still_shows_the_paper() -> None:
    assert "| — | — |" not in table([])
    assert "98.3" in table([])
    assert "—" in table([Cell("word_sorting", "m", "code", planned=54)])


def test_no_results_file_is_no_rows(tmp_path: Path) -> None:
    assert list(read_rows(tmp_path / RESULTS)) == []
