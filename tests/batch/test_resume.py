"""A run that was interrupted goes on; a file that is something else is left alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from latm.batch import solve
from latm.cases import Asked
from latm.errors import CasesError, OperationError
from latm.types import Answer, Receipt, Usage

QUESTIONS = [Asked(n, f"q{n} é", f"a{n}") for n in range(1, 41)]

CHILD = """
import asyncio, sys
from pathlib import Path
from latm import batch
from test_resume import QUESTIONS, echo

out, place, where = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

async def stop():
    print("here", flush=True)
    await asyncio.Event().wait()

async def answer(question):
    if where == "boundary" and question == QUESTIONS[place].question:
        await stop()
    return await echo(question)

whole = batch._write_all

def half(stream, data):
    row = b'"q%d ' % (place + 1)
    if row not in data:
        return whole(stream, data)
    whole(stream, data[: data.index(row) + 6])
    print("here", flush=True)
    sys.stdin.read()

if where == "middle":
    batch._write_all = half
asyncio.run(batch.solve(QUESTIONS, answer, out, parallel=1))
"""


async def echo(question: str) -> Answer:
    number = question[1:].removesuffix(" é")
    return Answer(question, f"a{number}", Receipt("tool", "echo", "v1"))


async def refuse(question: str) -> Answer:
    raise AssertionError(f"asked again: {question!r}")


def content(path: Path) -> bytes:
    return path.read_bytes()


async def whole_output(path: Path) -> bytes:
    await solve(QUESTIONS, echo, path)
    return content(path)


def interrupted(
    out: Path, place: int, where: Literal["boundary", "middle"]
) -> subprocess.Popen[str]:
    """A run of its own process that has come to a place and waits there to be killed."""
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r})\n{CHILD}"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(out), str(place), where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "here\n"
    return child


def kill(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


@pytest.mark.parametrize(("place", "where"), [(0, "middle"), (17, "boundary"), (17, "middle")])
async def test_a_killed_run_goes_on_behind_its_last_whole_row(
    tmp_path: Path, place: int, where: Literal["boundary", "middle"]
) -> None:
    whole = await whole_output(tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    kill(interrupted(out, place, where))
    torn = out.read_bytes()
    assert whole.startswith(torn)
    assert torn.count(b"\n") == place
    assert torn.endswith(b"\n") == (where == "boundary")

    summary = await solve(QUESTIONS, echo, out, parallel=3)
    assert out.read_bytes() == whole
    assert (summary.questions, summary.resumed, summary.right) == (40, place, 40)


async def test_a_file_that_another_run_is_writing_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    child = interrupted(out, 5, "boundary")
    before = out.read_bytes()
    with pytest.raises(OperationError, match="another run is writing"):
        await solve(QUESTIONS, echo, out)
    assert out.read_bytes() == before
    kill(child)


@pytest.mark.parametrize("cut", range(0, 200, 7))
async def test_wherever_the_output_ends_the_next_run_completes_it(tmp_path: Path, cut: int) -> None:
    whole = await whole_output(tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    out.write_bytes(whole[:cut])
    summary = await solve(QUESTIONS, echo, out)
    assert out.read_bytes() == whole
    assert summary.resumed == whole[:cut].count(b"\n")


async def test_a_complete_output_costs_no_question(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    whole = await whole_output(out)
    summary = await solve(QUESTIONS, refuse, out)
    assert out.read_bytes() == whole
    assert (summary.resumed, summary.answered, summary.right) == (40, 40, 40)
    assert summary.by_rung == {"tool": 40}
    assert summary.cost_usd == 0


async def test_what_an_earlier_run_paid_is_unknown_and_not_nothing(tmp_path: Path) -> None:
    async def paid(question: str) -> Answer:
        return Answer(question, "x", Receipt("user", "t", "v", Usage(1, 0, 1)))

    out = tmp_path / "out.jsonl"
    await solve(QUESTIONS[:3], paid, out)
    summary = await solve(QUESTIONS[:3], refuse, out)
    assert (summary.tokens, summary.cost_usd) == (6, None)


# --- files that are not the output of these questions ----------------------------------


async def refused(out: Path, message: str, questions: list[Asked] | None = None) -> None:
    before = content(out)
    with pytest.raises(CasesError, match=message) as caught:
        await solve(QUESTIONS if questions is None else questions, refuse, out)
    assert "\n" not in str(caught.value)
    assert content(out) == before


async def test_rows_of_other_questions_are_refused_with_both_lines(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    await solve(QUESTIONS[:4], echo, out)
    other = [*QUESTIONS[:2], Asked(30, "another", None), *QUESTIONS[3:]]
    await refused(
        out, r"line 3 answers 'q3 é', but line 30 of the input asks 'another'; name", other
    )


async def test_more_rows_than_questions_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    await solve(QUESTIONS[:4], echo, out)
    await refused(out, "line 3: the input ends before", QUESTIONS[:2])


@pytest.mark.parametrize(
    "other",
    [
        b"notes of mine",
        b"\n",
        b"\x00\xff",
        b"[" * 100_000,
        b'{"question": "q1 \xc3\xa9", "answer": "a1"}',
        b'{"question": "q1 \xc3\xa9", "answer": "a1"}\n',
        b'{"question": "q1 \xc3\xa9", "ans\n',
        b'{"question": "q2 ',
    ],
)
async def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, other: bytes
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_bytes(other)
    await refused(out, "out.jsonl line 1 is not a row of results; name another")


@pytest.mark.parametrize("field", ["answer", "tokens", "rung", "error"])
async def test_a_row_with_a_field_of_another_type_is_refused(tmp_path: Path, field: str) -> None:
    out = tmp_path / "out.jsonl"
    await solve(QUESTIONS[:1], echo, out)
    row = json.loads(out.read_bytes())
    out.write_text(json.dumps(row | {field: [1]}) + "\n", encoding="utf-8")
    await refused(out, "line 1 is not a row of results")
