"""Many questions: a stream of any size in, one row a question out, in the same order.

Questions and a function that answers one flow in; rows (JSON Lines) and a `Summary` flow
out. Invariants: memory is bounded by the window, not by the stream; a question that
cannot be answered is a row, never the end of the run; whatever is in the output when a
run dies is a prefix of the full output, and the next run goes on behind its last whole row.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import stat
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, cast

from latm.answers import same
from latm.cases import Asked
from latm.cases.sifting import shorten
from latm.errors import CasesError, InputError, OperationError
from latm.types import Answer, Json

if sys.platform != "win32":
    import fcntl

ROW_KEYS = ("question", "answer", "rung", "tool", "tokens", "error")
WINDOW_PER_WORKER = 16
_MOST_ROW_BYTES = 64 * 1024 * 1024
_OTHER_FILE = "name another output file, or remove this one"

Answerer = Callable[[str], Awaitable[Answer]]
Progress = Callable[[int], None]
"""Is told how many rows are in the output so far."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a run, over all rows of the output, those of earlier runs included.

    Attributes:
        resumed: rows that an earlier run had written.
        right: answers that are the same as the file's own; 0 with `wrong` when it has none.
        abstained: questions without an answer.
        by_rung: answered questions by rung.
        cost_usd: None when a price is unknown, or an earlier run spent tokens.
        seconds: of this run.
    """

    questions: int
    resumed: int
    answered: int
    right: int
    wrong: int
    abstained: int
    by_rung: Mapping[str, int]
    tokens: int
    cost_usd: Decimal | None
    seconds: float


async def solve(
    questions: Iterable[Asked],
    answer: Answerer,
    out: Path | BinaryIO,
    *,
    parallel: int = 8,
    progress: Progress | None = None,
) -> Summary:
    """Answer every question and write its row.

    Args:
        out: a file, continued where an earlier run on the same questions ended; or an
            open stream, which is only written to.
        parallel: questions in flight at a time.

    Raises:
        CasesError: a line of the input cannot be read (all rows before it are written), or
            the file to continue is not the output of these questions (it is left as it is).
        InputError: the file cannot be opened, or the function refuses to answer at all.
        OperationError: the file cannot be written, or another run is writing it.
        OSError: the open stream cannot be written.
    """
    started = time.perf_counter()
    tally, asked = _Tally(), iter(questions)
    if isinstance(out, Path):
        with _opened(out) as stream:
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                asked = _resume(stream, asked, tally, str(out))
            await _Run(asked, answer, stream, tally, progress).drain(parallel)
    else:
        await _Run(asked, answer, out, tally, progress).drain(parallel)
    return tally.summary(time.perf_counter() - started)


# --- in parallel, in order -------------------------------------------------------------


class _Run:
    """Workers that share one input and one output.

    Each worker takes the next question, and never runs further ahead of the output than
    the window. No task per question: a served question costs less than a task.
    """

    def __init__(
        self,
        asked: Iterator[Asked],
        answer: Answerer,
        stream: BinaryIO,
        tally: _Tally,
        progress: Progress | None,
    ) -> None:
        self._asked = asked
        self._answer = answer
        self._stream = stream
        self._tally = tally
        self._progress = progress
        self._taken = self._written = 0
        self._done: dict[int, tuple[Asked, _Row]] = {}
        self._moved = asyncio.Event()
        self._ended: InputError | OSError | None = None

    async def drain(self, parallel: int) -> None:
        window = parallel * WINDOW_PER_WORKER
        async with asyncio.TaskGroup() as workers:
            for _ in range(parallel):
                workers.create_task(self._work(window))
        if self._ended is not None:
            raise self._ended

    async def _work(self, window: int) -> None:
        try:
            while (one := await self._next(window)) is not None:
                place = self._taken
                self._taken += 1
                self._done[place] = (one, await _row_of(one, self._answer))
                self._write()
        except InputError as error:
            # The others finish what they have in hand: rows in order are not lost.
            self._end(error)

    def _end(self, error: InputError | OSError) -> None:
        self._ended = self._ended or error
        self._moved.set()

    async def _next(self, window: int) -> Asked | None:
        """The next question, once the output is near enough; None at the end."""
        while self._ended is None and self._taken - self._written >= window:
            self._moved.clear()
            await self._moved.wait()
        return next(self._asked, None) if self._ended is None else None

    def _write(self) -> None:
        """Write the rows that are next in order."""
        if isinstance(self._ended, OSError):
            return
        lines: list[bytes] = []
        while (ready := self._done.pop(self._written, None)) is not None:
            one, row = ready
            lines.append(row.line(one.question))
            self._tally.add(one, row)
            self._written += 1
        if not lines:
            return
        try:
            _write_all(self._stream, b"".join(lines))
        except OSError as error:
            self._end(error)
            return
        self._moved.set()
        if self._progress is not None:
            self._progress(self._tally.questions)


def _write_all(stream: BinaryIO, data: bytes) -> None:
    """To the operating system, so that it outlives this process."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]
    stream.flush()


# --- rows ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    answer: str | None
    rung: str | None
    tool: str | None
    tokens: int
    error: str | None
    cost_usd: Decimal | None

    def line(self, question: str) -> bytes:
        values = (question, self.answer, self.rung, self.tool, self.tokens, self.error)
        return _json_bytes(dict(zip(ROW_KEYS, values, strict=True))) + b"\n"


async def _row_of(asked: Asked, answer: Answerer) -> _Row:
    try:
        given = await answer(asked.question)
    except OperationError as error:
        return _Row(None, None, None, 0, str(error), None)
    receipt = given.receipt
    error = None if given.text is not None else receipt.why
    return _Row(
        given.text, receipt.rung, receipt.tool, receipt.usage.total, error, receipt.cost_usd
    )


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _json_bytes(value: Json) -> bytes:
    """Readable where it can be; a half surrogate pair has no other form than its escape."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


class _Tally:
    """Counts that grow row by row."""

    def __init__(self) -> None:
        self.questions = self.resumed = self.right = self.wrong = self.abstained = 0
        self._by_rung: Counter[str] = Counter()
        self._tokens = 0
        self._cost: Decimal | None = Decimal(0)

    def add(self, asked: Asked, row: _Row) -> None:
        self.questions += 1
        self._tokens += row.tokens
        if self._cost is not None:
            self._cost = None if row.cost_usd is None else self._cost + row.cost_usd
        if row.answer is None:
            self.abstained += 1
            return
        self._by_rung[row.rung or "unknown"] += 1
        if asked.answer is not None:
            if same(asked.answer, row.answer):
                self.right += 1
            else:
                self.wrong += 1

    def summary(self, seconds: float) -> Summary:
        return Summary(
            questions=self.questions,
            resumed=self.resumed,
            answered=self.questions - self.abstained,
            right=self.right,
            wrong=self.wrong,
            abstained=self.abstained,
            by_rung=dict(self._by_rung),
            tokens=self._tokens,
            cost_usd=self._cost,
            seconds=seconds,
        )


# --- going on after an interruption ----------------------------------------------------


@contextmanager
def _opened(path: Path) -> Generator[BinaryIO]:
    """The output, unbuffered, for this run alone."""
    try:
        stream = cast("BinaryIO", path.open("ab+", buffering=0))  # typed without positional write
    except OSError as error:
        raise InputError(
            f"cannot open {str(path)!r} for output: {error.strerror}; name another file"
        ) from error
    with stream:
        _lock(stream, path)
        try:
            yield stream
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                os.fsync(stream.fileno())
        except OSError as error:
            raise OperationError(
                f"cannot write {str(path)!r}: {error.strerror}; its whole rows are kept, "
                "run the same command again to go on"
            ) from error


def _lock(stream: BinaryIO, path: Path) -> None:
    """A record lock: it ends with this process, and no child inherits it."""
    if sys.platform == "win32":
        return
    try:
        fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise OperationError(
                f"another run is writing {str(path)!r}; wait for its end or name another file"
            ) from None


def _resume(stream: BinaryIO, asked: Iterator[Asked], tally: _Tally, name: str) -> Iterator[Asked]:
    """Count the rows of an earlier run, cut off a torn one; the questions still to answer.

    Raises:
        CasesError: the file is not the output of these questions; nothing is changed.
    """
    with open(stream.fileno(), "rb", closefd=False) as rows:
        rows.seek(0)
        whole = 0
        while raw := rows.readline(_MOST_ROW_BYTES):
            line = tally.questions + 1
            one = next(asked, None)
            if one is None:
                raise CasesError(f"{name} line {line}: the input ends before; {_OTHER_FILE}")
            row = _checked(raw, one, f"{name} line {line}")
            if not raw.endswith(b"\n"):
                stream.truncate(whole)
                return itertools.chain([one], asked)
            if row is None:
                raise CasesError(f"{name} line {line} is not a row of results; {_OTHER_FILE}")
            tally.add(one, row)
            tally.resumed += 1
            whole += len(raw)
    return asked


def _checked(raw: bytes, one: Asked, where: str) -> _Row | None:
    """The row, or None for the beginning of one.

    Raises:
        CasesError: it is another question's row, or something else than a row.
    """
    try:
        values = cast("Json", json.loads(raw))
    except (ValueError, RecursionError):
        start = _json_bytes({"question": one.question})[:-1]
        if raw.startswith(start[: len(raw)]):
            return None
        raise CasesError(f"{where} is not a row of results; {_OTHER_FILE}") from None
    row = _row_from(values)
    if row is None:
        raise CasesError(f"{where} is not a row of results; {_OTHER_FILE}")
    if row[0] != one.question:
        raise CasesError(
            f"{where} answers {shorten(row[0])}, but line {one.line} of the input asks "
            f"{shorten(one.question)}; {_OTHER_FILE}"
        )
    return row[1]


def _row_from(values: Json) -> tuple[str, _Row] | None:
    """A row and its question."""
    match values:
        case {
            "question": str(question),
            "answer": str() | None as answer,
            "rung": str() | None as rung,
            "tool": str() | None as tool,
            "tokens": int(tokens),
            "error": str() | None as error,
            **rest,
        } if not rest:
            # What an earlier run paid is not in its rows; without tokens it was nothing.
            cost = None if tokens else Decimal(0)
            return question, _Row(answer, rung, tool, tokens, error, cost)
        case _:
            return None
