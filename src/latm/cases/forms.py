"""Bytes of a file become records: raw objects with their place, not yet understood.

A binary stream flows in, `Record`s flow out, lazily but for a JSON document. Invariant:
memory stays below `DOCUMENT_LIMIT` for a document and `LINE_LIMIT` for all else.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from latm.errors import CasesError
from latm.types import Json

LINE_LIMIT = 8 * 1024 * 1024
"""Bytes of one line of JSONL or CSV."""

DOCUMENT_LIMIT = 64 * 1024 * 1024
"""Bytes of a JSON document, which must be held as a whole."""

PAIRS = (("question", "answer"), ("input", "target"), ("prompt", "completion"))
KEYS = "'question'/'answer', 'input'/'target', 'prompt'/'completion' or 'messages'"
EXAMPLE = '{"question": "2 + 2", "answer": "4"}'

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """One raw case. ``unit`` is the word for its number in an error."""

    source: str
    unit: Literal["line", "example"]
    number: int
    value: Json

    def error(self, message: str) -> CasesError:
        return CasesError(f"{self.source}, {self.unit} {self.number}: {message}")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with its end. ``text`` is None when the line is beyond `LINE_LIMIT`."""

    number: int
    offset: int
    raw: bytes
    text: str | None


def records(source: str, stream: BinaryIO) -> Iterator[Record]:
    lines = _lines(source, stream)
    head = next((line for line in lines if line.text is None or line.text.strip()), None)
    if head is None:
        return iter(())
    suffix = Path(source).suffix.lower()
    form = _form(source, suffix, head)
    if form == "document":
        return _document(source, head, stream)
    checked = _bounded(source, itertools.chain([head], lines))
    if form == "lines":
        return _json_lines(source, checked)
    return _table(source, head.number, checked, "\t" if suffix == ".tsv" else ",")


def _lines(source: str, stream: BinaryIO) -> Iterator[_Line]:
    offset = 0
    for number in itertools.count(1):
        raw = stream.readline(LINE_LIMIT + 1)
        if not raw:
            return
        if len(raw) > LINE_LIMIT:
            yield _Line(number, offset, raw, None)
            return
        if number == 1 and raw.startswith(_BOM):
            raw = raw.removeprefix(_BOM)
            offset = len(_BOM)
        yield _Line(number, offset, raw, _decoded(source, raw, number, offset))
        offset += len(raw)


def _bounded(source: str, lines: Iterable[_Line]) -> Iterator[tuple[int, str]]:
    for line in lines:
        if line.text is None:
            raise CasesError(
                f"{source}, line {line.number}: longer than {LINE_LIMIT} bytes; "
                "is it one case a line, with line ends?"
            )
        yield line.number, line.text


def _decoded(source: str, raw: bytes, number: int, offset: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = number + raw.count(b"\n", 0, error.start)
        raise CasesError(
            f"{source}, line {line}: byte {offset + error.start} "
            f"(0x{raw[error.start]:02x}) is not UTF-8; convert the file to UTF-8"
        ) from error


def _form(source: str, suffix: str, head: _Line) -> Literal["document", "lines", "table"]:
    start = head.raw.lstrip()[:1]
    if suffix in {".csv", ".tsv"}:
        return "table"
    if start == b"[":
        return "document"
    if suffix in {".jsonl", ".ndjson"}:
        return "lines"
    if start == b"{":
        return "lines" if _is_one_case(head.text) else "document"
    if suffix == ".json":
        return "document"
    if head.text is not None and _question_column(_header(head.text, ",")) is not None:
        return "table"
    raise CasesError(
        f"{source}: neither JSON Lines, JSON nor CSV with a header; "
        f"expected one case a line, such as {EXAMPLE}"
    )


def _is_one_case(text: str | None) -> bool:
    """Is the first line a whole object, or meant to be one?"""
    if text is None:
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text.rstrip().endswith("}")
    return not (isinstance(value, dict) and "examples" in value)


def _json_lines(source: str, lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    for number, text in lines:
        if text.strip():
            yield Record(source, "line", number, _parsed(source, number, text.rstrip("\r\n")))


def _document(source: str, head: _Line, stream: BinaryIO) -> Iterator[Record]:
    raw = head.raw.removeprefix(_BOM) + stream.read(DOCUMENT_LIMIT + 1 - len(head.raw))
    if len(raw) > DOCUMENT_LIMIT:
        raise CasesError(
            f"{source}: a JSON document of more than {DOCUMENT_LIMIT} bytes; use JSON Lines"
        )
    value = _parsed(source, head.number, _decoded(source, raw, head.number, head.offset))
    if isinstance(value, dict):
        value = value.get("examples", [value])
    if not isinstance(value, list):
        raise CasesError(f"{source}: expected a list of cases or {{'examples': [...]}}")
    for number, item in enumerate(value, start=1):
        yield Record(source, "example", number, item)


def _table(
    source: str, first: int, lines: Iterable[tuple[int, str]], delimiter: str
) -> Iterator[Record]:
    reader = csv.reader((text for _, text in lines), delimiter=delimiter, strict=True)
    number = first
    try:
        header = [name.strip().lower() for name in next(reader)]
        if _question_column(header) is None:
            names = ", ".join(map(repr, header))
            raise CasesError(f"{source}, line {first}: header {names} has none of {KEYS}")
        number = first + reader.line_num
        for row in reader:
            if len(row) > len(header):
                raise CasesError(
                    f"{source}, line {number}: {len(row)} cells under {len(header)} headings; "
                    "quote a cell that holds a comma"
                )
            if any(cell.strip() for cell in row):
                fields: dict[str, Json] = dict(zip(header, row, strict=False))
                yield Record(source, "line", number, fields)
            number = first + reader.line_num
    except csv.Error as error:
        raise CasesError(f"{source}, line {number}: not CSV ({error}); check the quotes") from error


def _header(text: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return [name.strip().lower() for name in rows[0]] if rows else []


def _question_column(header: Sequence[str]) -> str | None:
    return next((question for question, _ in PAIRS if question in header), None)


class NumberText(float):
    """A float that keeps its literal: ``1.10`` stays ``1.10``."""

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> NumberText:
        self = super().__new__(cls, literal)
        self.literal = literal
        return self


def _parsed(source: str, number: int, text: str) -> Json:
    def refuse(constant: str) -> Json:
        raise ValueError(f"{constant} is not JSON")

    try:
        return cast("Json", json.loads(text, parse_float=NumberText, parse_constant=refuse))
    except json.JSONDecodeError as error:
        line = number + error.lineno - 1
        raise CasesError(
            f"{source}, line {line}, column {error.colno}: broken JSON ({error.msg}); repair it"
        ) from error
    except RecursionError as error:
        raise CasesError(f"{source}, line {number}: JSON nested too deeply; flatten it") from error
    except ValueError as error:
        raise CasesError(f"{source}, line {number}: {error}; write it as a text") from error
