"""The public readers: records become questions with answers.

A path flows in; a `CaseFile` (all at once) or `Asked` questions (streamed) flow out.
Invariant: an error names the file and the line or example it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from latm.cases.forms import EXAMPLE, KEYS, PAIRS, NumberText, Record, records
from latm.cases.sifting import CaseFile, shorten, sift
from latm.errors import CasesError
from latm.types import Case, Json, Origin


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it stands in a file; ``line`` counts examples in a JSON document."""

    line: int
    question: str
    answer: str | None


def read_cases(path: Path | str) -> CaseFile:
    """Read all cases of a file; find duplicates and contradictions.

    Raises:
        CasesError: the file is missing, empty, malformed, or a case lacks its answer.
    """
    source = str(path)
    cases: list[Case] = []
    with _opened(path) as stream:
        for record in records(source, stream):
            asked = _asked(record)
            if asked.answer is None:
                question = shorten(asked.question)
                raise record.error(f"no answer to question {question}; every case needs one")
            cases.append(Case(asked.question, asked.answer, _origin(record)))
    if not cases:
        raise CasesError(f"{source} is empty: expected one case a line, such as {EXAMPLE}")
    return sift(source, cases)


def iter_questions(path: Path | str) -> Iterator[Asked]:
    """Stream the questions of a file, with their answers where they have one.

    JSONL and CSV of any size are read in bounded memory. Errors come when the line is
    reached: what was yielded before stays good.

    Raises:
        CasesError: the file is missing, empty or malformed.
    """
    empty = True
    with _opened(path) as stream:
        for record in records(str(path), stream):
            empty = False
            yield _asked(record)
    if empty:
        raise CasesError(f"{path} is empty: expected one question a line, such as {EXAMPLE}")


@contextmanager
def _opened(path: Path | str) -> Generator[BinaryIO]:
    """Open a file for reading; errors of the system become `CasesError`."""
    if "\0" in str(path):
        raise CasesError(f"{str(path)!r} is not a path: it holds a NUL; check the path")
    try:
        with Path(path).open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise CasesError(f"no such file: {str(path)!r}; check the path") from None
    except IsADirectoryError:
        raise CasesError(f"{str(path)!r} is a directory; name a file in it") from None
    except OSError as error:
        reason = error.strerror or error
        raise CasesError(f"cannot read {str(path)!r} ({reason}); check the path") from error


def _origin(record: Record) -> Origin:
    if record.unit == "example":
        return Origin(f"{record.source}#{record.number}")
    return Origin(record.source, record.number)


def _asked(record: Record) -> Asked:
    fields = record.value
    if not isinstance(fields, dict):
        raise record.error(f"expected an object such as {EXAMPLE}, not {_kind(fields)}")
    if "messages" in fields:
        question, answer = _turns(record, fields["messages"])
        return Asked(record.number, question, answer)
    pair = next((pair for pair in PAIRS if pair[0] in fields), None)
    if pair is None:
        found = shorten(", ".join(fields)) if fields else "nothing"
        raise record.error(f"no question: expected {KEYS}, found {found}")
    question = _question(record, pair[0], fields[pair[0]])
    return Asked(record.number, question, _answer(record, fields, pair[1]))


def _question(record: Record, key: str, value: Json) -> str:
    if isinstance(value, bool | list | dict) or value is None:
        raise record.error(f"{key!r} must be a text, not {_kind(value)}")
    text = _plain(record, key, value)
    if not text.strip():
        raise record.error(f"{key!r} is empty; every case needs a question")
    return text


def _answer(record: Record, fields: dict[str, Json], key: str) -> str | None:
    value = fields.get(key)
    if key == "target":
        scores = fields.get("target_scores")
        if value is None and isinstance(scores, dict):
            value = _best(record, scores)
        if isinstance(value, list):
            value = value[0] if value else None
    if value is None:
        return None
    text = _plain(record, key, value)
    return text if text.strip() else None


def _best(record: Record, scores: dict[str, Json]) -> str | None:
    best: tuple[float, str] | None = None
    for choice, score in scores.items():
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise record.error(f"score of {shorten(choice)} must be a number, not {_kind(score)}")
        if best is None or score > best[0]:
            best = (score, choice)
    return None if best is None else best[1]


def _turns(record: Record, value: Json) -> tuple[str, str | None]:
    """The last user turn, and the last assistant turn when it comes after."""
    question: str | None = None
    answer: str | None = None
    for message in value if isinstance(value, list) else [value]:
        if not isinstance(message, dict):
            raise record.error(f"a message must be an object, not {_kind(message)}")
        if message.get("role") == "user":
            question, answer = _question(record, "content", _content(record, message)), None
        elif message.get("role") == "assistant":
            text = _content(record, message)
            answer = text if text.strip() else None
    if question is None:
        raise record.error("'messages' has no turn with role 'user'; every case needs a question")
    return question, answer


def _content(record: Record, message: dict[str, Json]) -> str:
    """A turn's text; texts of several parts are joined."""
    content = message.get("content")
    if content is None:
        return ""
    texts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            raise record.error("a turn holds something other than text; leave the case out")
        texts.append(_plain(record, "content", text))
    return "".join(texts)


def _plain(record: Record, key: str, value: Json) -> str:
    text = _literal(value)
    if "\0" in text or not _encodable(text):
        raise record.error(f"{key!r} holds a NUL or half a surrogate pair; remove it")
    return text


def _encodable(text: str) -> bool:
    """Has the text a form in UTF-8? JSON can spell half a surrogate pair, which has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _literal(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, NumberText):
        return value.literal
    return json.dumps(value, ensure_ascii=False)


def _kind(value: Json) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text"
    return "nothing" if value is None else "a number"
