"""A stream of questions becomes a stream of rows: in order, in bounded memory, all of them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from latm.batch import ROW_KEYS, WINDOW_PER_WORKER, Summary, solve
from latm.cases import Asked
from latm.errors import (
    CasesError,
    InputError,
    ModelUnavailableError,
    OperationError,
    UnknownNameError,
)
from latm.types import Answer, Receipt, Usage

FULL = Path("/dev/full")


def asked(count: int, *, answers: bool = False) -> list[Asked]:
    return [Asked(n, f"q{n}", f"a{n}" if answers else None) for n in range(1, count + 1)]


async def echo(question: str) -> Answer:
    """``q7`` → ``a7``, by the tool rung."""
    return Answer(question, f"a{question[1:]}", Receipt("tool", "echo", "v1"))


def rows(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


async def run(questions: list[Asked], answer: Any = echo, **more: Any) -> tuple[Summary, bytes]:  # noqa: ANN401
    out = io.BytesIO()
    summary = await solve(questions, answer, out, **more)
    return summary, out.getvalue()


# --- rows ------------------------------------------------------------------------------


async def test_every_question_is_one_row_in_the_order_of_the_input() -> None:
    summary, data = await run(asked(100), parallel=7)
    assert [row["question"] for row in rows(data)] == [f"q{n}" for n in range(1, 101)]
    assert all(tuple(row) == ROW_KEYS for row in rows(data))
    assert rows(data)[4] == {
        "question": "q5",
        "answer": "a5",
        "rung": "tool",
        "tool": "echo",
        "tokens": 0,
        "error": None,
    }
    assert (summary.questions, summary.answered, summary.by_rung) == (100, 100, {"tool": 100})


async def test_no_question_at_all_is_no_row() -> None:
    summary, data = await run([])
    assert (summary.questions, data) == (0, b"")


async def test_the_order_holds_when_late_questions_are_answered_first() -> None:
    turn = asyncio.Event()

    async def first_waits(question: str) -> Answer:
        if question == "q1":
            await turn.wait()
        elif question == "q9":
            turn.set()
        return await echo(question)

    _, data = await run(asked(9), first_waits, parallel=2)
    assert [row["question"] for row in rows(data)] == [f"q{n}" for n in range(1, 10)]


async def test_reading_never_runs_further_ahead_than_the_window() -> None:
    taken, stuck, release = 0, asyncio.Event(), asyncio.Event()
    window = 3 * WINDOW_PER_WORKER

    def endless() -> Iterator[Asked]:
        nonlocal taken
        for one in asked(10 * window):
            taken += 1
            yield one

    async def first_waits(question: str) -> Answer:
        if question == "q1":
            await release.wait()
        if question == f"q{window}":
            stuck.set()
        return await echo(question)

    out = io.BytesIO()
    running = asyncio.create_task(solve(endless(), first_waits, out, parallel=3))
    await stuck.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    assert taken == window
    assert out.getvalue() == b""
    release.set()
    assert (await running).questions == 10 * window


async def test_as_many_questions_are_in_flight_as_asked_for() -> None:
    flying = most = 0

    async def counted(question: str) -> Answer:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        flying -= 1
        return await echo(question)

    await run(asked(50), counted, parallel=5)
    assert most == 5


async def test_text_is_written_readably_and_half_a_surrogate_pair_as_an_escape() -> None:
    _, data = await run([Asked(1, "q grün 語 \u2028 \n", None), Asked(2, "q\ud800", None)])
    assert "grün 語".encode() in data
    assert data.count(b"\n") == 2
    assert [row["question"] for row in rows(data)] == ["q grün 語 \u2028 \n", "q\ud800"]


async def test_progress_is_told_the_rows_written_so_far() -> None:
    told: list[int] = []
    await run(asked(20), parallel=3, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 20


# --- failures --------------------------------------------------------------------------


async def test_a_question_that_fails_is_a_row_with_its_error_and_not_the_end() -> None:
    async def second_fails(question: str) -> Answer:
        if question == "q2":
            raise ModelUnavailableError("the model is down; start it")
        return await echo(question)

    summary, data = await run(asked(3), second_fails)
    assert [row["error"] for row in rows(data)] == [None, "the model is down; start it", None]
    assert (summary.answered, summary.abstained, summary.cost_usd) == (2, 1, None)


async def test_an_answer_of_none_is_a_row_with_its_reason() -> None:
    async def nobody(question: str) -> Answer:
        return Answer(question, None, Receipt(None, usage=Usage(3, 0, 4), why="tool: no match"))

    summary, data = await run(asked(1), nobody)
    assert rows(data)[0] == {
        "question": "q1",
        "answer": None,
        "rung": None,
        "tool": None,
        "tokens": 7,
        "error": "tool: no match",
    }
    assert (summary.abstained, summary.tokens, summary.by_rung) == (1, 7, {})


async def test_a_broken_line_ends_the_run_after_all_rows_before_it() -> None:
    def broken_at_5() -> Iterator[Asked]:
        yield from asked(4)
        raise CasesError("line 5 is not JSON; mend it")

    out = io.BytesIO()
    with pytest.raises(CasesError, match="line 5"):
        await solve(broken_at_5(), echo, out, parallel=3)
    assert [row["question"] for row in rows(out.getvalue())] == ["q1", "q2", "q3", "q4"]


async def test_a_wrong_name_ends_the_run_at_once() -> None:
    async def unknown(question: str) -> Answer:
        raise UnknownNameError("no tool named 'x'")

    with pytest.raises(UnknownNameError):
        await run(asked(1000), unknown)


async def test_an_output_that_cannot_be_written_ends_the_run() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:  # noqa: ANN401
            if self.tell() > 300:
                raise OSError(28, "No space left on device")
            return super().write(data)

    with pytest.raises(OSError, match="No space"):
        await solve(asked(1000), echo, Full(), parallel=3)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
async def test_a_full_disk_is_our_failure_in_one_line() -> None:
    with pytest.raises(OperationError, match="cannot write '/dev/full': No space left"):
        await solve(asked(3), echo, FULL)


async def test_an_output_that_cannot_be_opened_is_bad_usage(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "out.jsonl"):
        with pytest.raises(InputError, match="cannot open"):
            await solve(asked(1), echo, path)


async def test_a_device_is_written_to_and_never_resumed() -> None:
    assert (await solve(asked(3), echo, Path("/dev/null"))).questions == 3


# --- the summary -----------------------------------------------------------------------


async def test_answers_of_the_file_are_compared() -> None:
    async def second_wrong(question: str) -> Answer:
        text = {"q1": " a1", "q2": "b", "q3": None}[question]
        return Answer(question, text, Receipt("tool" if text else None))

    summary, _ = await run(asked(3, answers=True), second_wrong)
    assert (summary.right, summary.wrong, summary.abstained) == (1, 1, 1)


async def test_without_answers_in_the_file_nothing_is_right_or_wrong() -> None:
    summary, _ = await run(asked(3))
    assert (summary.answered, summary.right, summary.wrong) == (3, 0, 0)


async def test_tokens_and_cost_add_up_by_rung() -> None:
    async def paid(question: str) -> Answer:
        return Answer(
            question, "x", Receipt("user", "t", "v", Usage(2, 1, 3), cost_usd=Decimal("0.1"))
        )

    summary, _ = await run(asked(3), paid)
    assert (summary.tokens, summary.cost_usd) == (15, Decimal("0.3"))
    assert summary.by_rung == {"user": 3}
