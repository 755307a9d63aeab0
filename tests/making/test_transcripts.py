"""Published transcripts become tools only after all their cases come out right here."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latm.errors import ImportFileError, NotToolableError
from latm.execution import Executor
from latm.making.reading import MOST_BYTES
from latm.making.transcripts import import_transcript, read_transcript
from latm.sandbox.jail import JailSandbox
from latm.sandbox.monty import MontySandbox
from latm.types import Limits, Tool
from latm.using.user import shown_source, takes_arguments

TASKS = (
    "chinese_remainder_theorem",
    "dyck_languages",
    "logical_deduction_five_objects",
    "schedule_meeting",
    "tracking_shuffled_objects_five_objects",
    "word_sorting",
)
_FUNCTION = "def turn(text):\n    return text[::-1]"


def _asked(*pairs: tuple[str, str]) -> str:
    return "\n\n".join(f"Question: Turn around: {q}\nAnswer: {a}" for q, a in pairs)


def _use(question: str, code: str) -> str:
    return f"Question: Turn around: {question}\n\nSolution:\n```python\n{code}\n```"


def _history(
    *,
    function: str = _FUNCTION,
    codes: tuple[str, ...] | None = None,
    tests: str = "assert turn('xy') == 'yx'",
    answers: tuple[str, ...] = ("fed", "ih", "onm"),
) -> list[dict[str, str]]:
    words = ("def", "hi", "mno")
    codes = codes or tuple(f"text = {w!r}\nret = turn(text)\nans = ret" for w in words)
    uses = "\n\n".join(_use(w, c) for w, c in zip(words, codes, strict=True))
    verify = _asked(*zip(words, answers, strict=True))
    return [
        {"role": "user", "content": f"{_asked(('abc', 'cba'), ('ok', 'ko'), ('w', 'w'))}\n\nGo."},
        {"role": "assistant", "content": f"```python\n{function}\n```"},
        {"role": "user", "content": f"{verify}\n\nWrite unit tests."},
        {"role": "assistant", "content": f"```python\n{tests}\n```"},
        {"role": "user", "content": "Success! Question: {question}\nSolution:"},
        {"role": "assistant", "content": f"```python\n{function}\n```\n\nUse cases:\n\n{uses}"},
    ]


def _write(folder: Path, history: Any) -> Path:  # noqa: ANN401 - also what is no history
    path = folder / "turn.json"
    path.write_text(json.dumps(history), encoding="utf-8")
    return path


@pytest.fixture
async def executor() -> AsyncIterator[Executor]:
    monty, jail = MontySandbox(), JailSandbox()
    # Generous: what is tested is the outcome, on machines with anything else to do.
    yield Executor({"monty": monty, "jail": jail}, Limits(wall_seconds=30, cpu_seconds=20))
    await monty.aclose()
    await jail.aclose()


async def _imported(path: Path, executor: Executor) -> Tool:
    return await import_transcript(
        read_transcript(path), executor, name="turn", created_at="2026-01-01T00:00:00Z"
    )


# --- the published six -----------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
async def test_every_published_tool_verifies_here(
    task: str, shared: Path, executor: Executor
) -> None:
    transcript = read_transcript(shared / "data" / "latm" / f"{task}.gpt4-transcript.json")
    tool = await import_transcript(
        transcript, executor, name=task.replace("_", "-"), created_at="2026-01-01T00:00:00Z"
    )
    assert (tool.verification.held_out, tool.verification.held_out_passed) == (3, 3)
    assert {"use-cases", "unit-tests"} <= set(tool.verification.checks)
    assert takes_arguments(tool) == (task != "logical_deduction_five_objects")
    assert shown_source(tool.solver.source) == transcript.function
    assert len(tool.demonstrations) == 3


@pytest.mark.parametrize("task", ["dyck_languages", "word_sorting"])
async def test_a_template_whose_slots_are_the_arguments_is_attached(
    task: str, shared: Path, executor: Executor
) -> None:
    tool = await _imported(shared / "data" / "latm" / f"{task}.gpt4-transcript.json", executor)
    assert tool.template is not None
    assert [s.name for s in tool.template.slots] == [p.name for p in tool.solver.parameters]
    assert (tool.verification.shown, tool.verification.shown_passed) == (3, 3)
    assert "template" in tool.verification.checks


async def test_a_tool_that_one_engine_cannot_run_is_made_for_the_next(
    shared: Path, executor: Executor
) -> None:
    # Monty's datetime does not read "12:00".
    tool = await _imported(
        shared / "data" / "latm" / "schedule_meeting.gpt4-transcript.json", executor
    )
    assert tool.solver.engine == "jail"


async def test_minutes_of_a_published_call_become_the_hours_of_the_question(
    shared: Path, executor: Executor
) -> None:
    path = shared / "data" / "latm" / "schedule_meeting.gpt4-transcript.json"
    tool = await _imported(path, executor)
    durations = [json.loads(d.arguments or "")["meeting_duration"] for d in tool.demonstrations]
    assert durations == [1, 1, 0.5]


# --- what is read ----------------------------------------------------------------------


def test_a_transcript_says_who_saw_which_question(tmp_path: Path) -> None:
    transcript = read_transcript(_write(tmp_path, _history()))
    assert (transcript.function, transcript.entry) == (_FUNCTION, "turn")
    assert transcript.parameters == ("text",)
    assert [c.answer for c in transcript.proposed] == ["cba", "ko", "w"]
    assert [u.case.answer for u in transcript.use_cases] == ["fed", "ih", "onm"]
    assert transcript.tests == "assert turn('xy') == 'yx'"


def test_a_question_keeps_the_wording_of_its_case_not_of_the_retelling(tmp_path: Path) -> None:
    history = _history()
    history[-1]["content"] = history[-1]["content"].replace("Turn around: ", "Turn around\n - ")
    transcript = read_transcript(_write(tmp_path, history))
    assert transcript.use_cases[0].case.question == "Turn around: def"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1, 2", "broken JSON on line 1"),
        ('[\n{"role": }]', "broken JSON on line 2"),
        ("[" * 100_000, "too deep"),
        ("{}", "expected a list of messages"),
        ("[3]", "message 1 is no object"),
        ('[{"role": "user", "content": null}]', "message 1 is no object"),
        ("[]", "no LATM transcript"),
        ('[{"role": "user", "content": "hi"}]', "no LATM transcript"),
    ],
)
def test_what_is_no_transcript_is_refused_in_one_line(
    text: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "turn.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ImportFileError) as caught:
        read_transcript(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError):
        read_transcript(tmp_path / "missing.json")
    with pytest.raises(ImportFileError):
        read_transcript(tmp_path)
    latin, large = tmp_path / "latin.json", tmp_path / "large.json"
    latin.write_bytes(b'["\xe9"]')
    large.write_bytes(b" " * (MOST_BYTES + 1))
    for path in (latin, large):
        with pytest.raises(ImportFileError):
            read_transcript(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Turn around: hi", "Something else"),
        ("text = 'hi'", "text = ("),
        ("\nans = ret", ""),
        ("ret = turn(text)", "ret = other(text)"),
        ("turn(", "latm_solve("),
        ("Question: Turn around: mno", "mno"),
    ],
)
def test_use_cases_that_do_not_belong_are_refused(old: str, new: str, tmp_path: Path) -> None:
    history = _history()
    history[-1]["content"] = history[-1]["content"].replace(old, new)
    with pytest.raises(ImportFileError):
        read_transcript(_write(tmp_path, history))


@given(history=st.recursive(
    st.text(max_size=30) | st.sampled_from([m["content"] for m in _history()]) | st.none(),
    lambda inner: st.lists(inner, max_size=6)
    | st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": inner}),
    max_leaves=12,
))  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused(history: Any, tmp_path: Path) -> None:  # noqa: ANN401
    with contextlib.suppress(ImportFileError):
        read_transcript(_write(tmp_path, history))


# --- what is made of it ----------------------------------------------------------------


async def test_a_sound_transcript_becomes_a_tool_that_answers_alone(
    tmp_path: Path, executor: Executor
) -> None:
    tool = await _imported(_write(tmp_path, _history()), executor)
    assert (tool.name, tool.provenance.origin) == ("turn", "imported")
    assert (await executor.answer(tool, "Turn around: xyz")).text == "zyx"


async def test_a_wrong_function_is_not_toolable(tmp_path: Path, executor: Executor) -> None:
    path = _write(tmp_path, _history(function="def turn(text):\n    return text", tests="pass"))
    with pytest.raises(NotToolableError) as caught:
        await _imported(path, executor)
    assert "use case 1 should give 'fed', gave 'def'" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_failing_unit_tests_are_not_toolable(tmp_path: Path, executor: Executor) -> None:
    path = _write(tmp_path, _history(tests="assert turn('xy') == 'xy'"))
    with pytest.raises(NotToolableError):
        await _imported(path, executor)


async def test_a_use_case_that_cheats_past_the_function_gives_no_schema(
    tmp_path: Path, executor: Executor
) -> None:
    codes = ("turn('a')\nans = 'fed'", "ret = turn('hi')\nans = ret", "ans = turn('mno')")
    tool = await _imported(_write(tmp_path, _history(codes=codes)), executor)
    assert not takes_arguments(tool)
    assert tool.template is None


async def test_numbers_of_options_become_their_letters(tmp_path: Path, executor: Executor) -> None:
    codes = tuple(f"ret = turn({w!r})\nans = {n}" for w, n in (("def", 1), ("hi", 3), ("mno", 2)))
    history = _history(codes=codes, answers=("(A)", "(C)", "(B)"))
    history[0]["content"] = f"{_asked(('abc', '(B)'), ('ok', '(A)'), ('w', '(C)'))}\n\nGo."
    tool = await _imported(_write(tmp_path, history), executor)
    done = await executor.code(tool.solver, tool.answer, "ans = 2")
    assert done.text == "(B)"
    assert (await executor.code(tool.solver, tool.answer, "ans = '(E)'")).text == "(E)"


async def test_parts_of_an_answer_are_joined_as_the_answers_are(
    tmp_path: Path, executor: Executor
) -> None:
    codes = tuple(f"ret = turn({w!r})\nans = (ret, ret)" for w in ("def", "hi", "mno"))
    answers = ("fed - fed", "ih - ih", "onm - onm")
    tool = await _imported(_write(tmp_path, _history(codes=codes, answers=answers)), executor)
    assert (await executor.code(tool.solver, tool.answer, "ans = ('a', 'b')")).text == "a - b"


async def test_without_any_engine_nothing_is_verified(tmp_path: Path) -> None:
    with pytest.raises(NotToolableError):
        await _imported(_write(tmp_path, _history()), Executor({}, Limits()))
