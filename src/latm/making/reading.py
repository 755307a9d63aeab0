"""Reading of published LATM transcripts: a JSON list of messages in, a `Transcript` out.

Invariants: reading believes nothing and runs nothing; it is total, whatever the bytes: a
transcript comes out or one `ImportFileError`; and its time is linear in the file, whose
size is bounded.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from latm.errors import ImportFileError
from latm.execution import GLUE
from latm.making.generalise import parsed, with_ans
from latm.types import Case, Origin

MOST_BYTES = 1024 * 1024
_MOST_CASES = 50

_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
# No question runs into the next one, so that a search for its end stays linear.
_ASKED = re.compile(
    r"^Question: ((?:(?!^Question:).)+?)\nAnswer: (.+?)(?=\n\n|\n?\Z)", re.DOTALL | re.MULTILINE
)
_USE = re.compile(
    r"^Question:((?:(?!^Question:).)+?)^Solution:\s*+```python\n(.*?)```",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class UseCase:
    """A question of the verify stage, its reference answer, and the code that answers it."""

    case: Case
    code: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a transcript says; none of it is believed yet.

    Attributes:
        function: source of the wrapped function, with its imports.
        entry: the function that every use case calls.
        proposed: the questions that the function's author saw with their answers.
        tests: the author's unit tests, or None.
    """

    path: str
    function: str
    entry: str
    parameters: tuple[str, ...]
    proposed: tuple[Case, ...]
    use_cases: tuple[UseCase, ...]
    tests: str | None


def read_transcript(path: Path | str) -> Transcript:
    """Read a transcript.

    Raises:
        ImportFileError: the file cannot be read, or is no transcript.
    """
    messages = _messages(path)
    asked = [n for n, (role, text) in enumerate(messages) if role == "user" and _cases(text, path)]
    wrapped = messages[-1][1] if messages and messages[-1][0] == "assistant" else ""
    blocks = [block.strip() for block in _BLOCK.findall(wrapped)]
    if len(asked) < 2 or len(blocks) < 2:
        raise ImportFileError(
            f"{path}: no LATM transcript: expected two user messages with questions and answers "
            "(propose, verify) and a last assistant message with a function and its use cases"
        )
    use_cases = _use_cases(path, wrapped, _cases(messages[asked[-1]][1], path))
    entry, parameters = _entry(path, blocks[0], [use.code for use in use_cases])
    return Transcript(
        path=str(path),
        function=blocks[0],
        entry=entry,
        parameters=parameters,
        proposed=tuple(_cases(messages[asked[0]][1], path)),
        use_cases=use_cases,
        tests=_tests(messages[asked[-1] + 1 : -1]),
    )


def _messages(path: Path | str) -> list[tuple[str, str]]:
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ImportFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(raw) > MOST_BYTES:
        raise ImportFileError(f"{path}: larger than {MOST_BYTES} bytes, so no transcript")
    try:
        content = cast("object", json.loads(raw.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise ImportFileError(f"{path}: not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ImportFileError(f"{path}: broken JSON on line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise ImportFileError(f"{path}: JSON that is too deep or has too large numbers") from None
    if not isinstance(content, list):
        raise ImportFileError(f"{path}: expected a list of messages")
    return [
        _message(path, n, message)
        for n, message in enumerate(cast("list[object]", content), start=1)
    ]


def _message(path: Path | str, n: int, message: object) -> tuple[str, str]:
    fields = cast("dict[str, object]", message) if isinstance(message, dict) else {}
    role, text = fields.get("role"), fields.get("content")
    if not isinstance(role, str) or not isinstance(text, str):
        raise ImportFileError(f"{path}: message {n} is no object with the texts role and content")
    return role, text.replace("\r\n", "\n")


def _cases(text: str, path: Path | str) -> list[Case]:
    found = [(q.strip(), a.strip()) for q, a in _ASKED.findall(text)]
    return [Case(q, a, Origin(str(path))) for q, a in found[:_MOST_CASES] if q and a]


def _use_cases(path: Path | str, wrapped: str, cases: Sequence[Case]) -> tuple[UseCase, ...]:
    """The wrapped use cases, each with the verify stage's own wording of its question."""
    told = cast("list[tuple[str, str]]", _USE.findall(wrapped))
    if len(told) != len(cases):
        raise ImportFileError(
            f"{path}: {len(told)} use cases for {len(cases)} questions of the verify stage"
        )
    found: list[UseCase] = []
    for (question, code), case in zip(told, cases, strict=True):
        retold = re.split(r"^Answer:", question, maxsplit=1, flags=re.MULTILINE)[0]
        if _letters(retold) != _letters(case.question):
            raise ImportFileError(f"{path}: use case {len(found) + 1} has another question")
        written = with_ans(code.strip())
        if written is None:
            raise ImportFileError(
                f"{path}: the code of use case {len(found) + 1} is no Python that sets ans"
            )
        found.append(UseCase(case, written))
    return tuple(found)


def _letters(text: str) -> str:
    """A text without its marks and blanks: the wrap stage retells questions with others."""
    return re.sub(r"[\W_]+", "", text)


def _entry(path: Path | str, function: str, codes: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The function that all codes call, the last defined one if several, and its parameters."""
    calls = [called(code) for code in codes]
    for node in reversed(parsed(function) or []):
        if isinstance(node, ast.FunctionDef) and all(node.name in names for names in calls):
            if node.name.startswith(GLUE):
                raise ImportFileError(f"{path}: a function may not be named {node.name!r}")
            return node.name, tuple(a.arg for a in [*node.args.posonlyargs, *node.args.args])
    raise ImportFileError(f"{path}: the wrapped function is no Python that its use cases call")


def called(code: str) -> set[str]:
    """Names of the functions that a code calls."""
    nodes = ast.walk(ast.Module(parsed(code) or [], []))
    calls = (n.func for n in nodes if isinstance(n, ast.Call))
    return {f.id for f in calls if isinstance(f, ast.Name)}


def _tests(messages: Sequence[tuple[str, str]]) -> str | None:
    """The last code of the verify stage: a repaired test replaces the one before."""
    blocks = [b for role, text in messages if role == "assistant" for b in _BLOCK.findall(text)]
    return blocks[-1].strip() if blocks else None
