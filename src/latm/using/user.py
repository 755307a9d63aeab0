"""The tool user: a light model turns a question into a call of a tool.

A tool and a question flow in, a `Turn` flows out: arguments that fit the tool's schema and
stand in the question, or free code, or the reason for neither. Invariants: one call of the
model a question, greedy; a bad reply is never an error, it abstains; all of the prompt but
the question is the same for all questions of a tool, so that a prompt cache keeps it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from latm.execution import GLUE, positional
from latm.models import Model
from latm.types import ChatRequest, Demonstration, Json, Message, Reply, Tool, Usage
from latm.using.provenance import miscounted, untraceable

_MOST_DEMONSTRATIONS = 3
_MOST_QUESTION = 8000
_CODE_TOKENS = 384
_NOTHING = Usage()

_FILL = (
    "You read a question and give the arguments of a function call as one JSON object. "
    "Copy every value from the question exactly as it is written there. Do not solve it."
)
_CODE = """Here is a function to solve a class of problems:

```python
{source}
```

For each question, write Python code that parses the question into the arguments of the \
function, calls the function, and saves the answer in a variable named `ans`. \
Reply with the code only."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a light model made of a question; at most one of arguments and code is given.

    Attributes:
        arguments: positional, as the solver takes them; None when the user abstained.
        code: free code that leaves its result in ``ans``.
        reason: why there is neither; empty otherwise.
    """

    arguments: tuple[Json, ...] | None = None
    code: str | None = None
    reason: str = ""
    usage: Usage = _NOTHING
    cost_usd: Decimal | None = Decimal(0)


async def fill(model: Model, tool: Tool, question: str) -> Turn:
    """Have the arguments filled in under the tool's schema, and compare them to the question.

    Raises:
        ModelUnavailableError: the model cannot be reached, started or loaded.
        ModelRefusedError: the provider rejected the request itself.
    """
    if not takes_arguments(tool):
        return Turn(reason="the tool's arguments cannot be written as JSON")
    if len(question) > _MOST_QUESTION:
        return Turn(reason=f"the question is longer than {_MOST_QUESTION} characters")
    reply = await model.chat(fill_request(tool, question))
    arguments, reason = read_arguments(tool, question, reply)
    return Turn(arguments, None, reason, reply.usage, reply.cost_usd)


async def write_code(model: Model, tool: Tool, question: str) -> Turn:
    """Have free code written that calls the tool: the paper's own form (LATM, section 3.2).

    Raises:
        ModelUnavailableError: the model cannot be reached, started or loaded.
        ModelRefusedError: the provider rejected the request itself.
    """
    if not any(d.code for d in tool.demonstrations):
        return Turn(reason="the tool has no demonstrations in code")
    if len(question) > _MOST_QUESTION:
        return Turn(reason=f"the question is longer than {_MOST_QUESTION} characters")
    reply = await model.chat(code_request(tool, question))
    code, reason = read_code(reply)
    return Turn(None, code, reason, reply.usage, reply.cost_usd)


def takes_arguments(tool: Tool) -> bool:
    """Whether the tool's arguments can be given as JSON; an empty schema says no."""
    return bool(_schema(tool.schema))


# --- what the model is asked -----------------------------------------------------------


def fill_request(tool: Tool, question: str) -> ChatRequest:
    """Constant instruction and demonstrations first, the question last."""
    shown = [
        (d.question, d.arguments) for d in _chosen(tool.demonstrations) if d.arguments is not None
    ]
    return ChatRequest(
        _turns(_FILL, shown, question),
        # The arguments stand in the question, so its length bounds theirs.
        max_tokens=min(1024, 128 + len(question)),
        schema=tool.schema,
    )


def code_request(tool: Tool, question: str) -> ChatRequest:
    """The paper's wrapped function and use cases, as turns of a chat; the question last."""
    shown = [
        (d.question, f"```python\n{d.code.strip()}\n```")
        for d in _chosen(tool.demonstrations)
        if d.code is not None
    ]
    instruction = _CODE.format(source=shown_source(tool.solver.source))
    return ChatRequest(
        _turns(instruction, shown, question), max_tokens=_CODE_TOKENS, stop=("```\n",)
    )


@lru_cache(maxsize=256)
def shown_source(source: str) -> str:
    """The solver without our own glue, which a light model would only stumble over."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    lines = source.splitlines()
    for node in reversed(body):
        if isinstance(node, ast.FunctionDef) and node.name.startswith(GLUE):
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip()


def _chosen(demonstrations: tuple[Demonstration, ...]) -> tuple[Demonstration, ...]:
    return demonstrations[:_MOST_DEMONSTRATIONS]


def _turns(system: str, shown: list[tuple[str, str]], question: str) -> tuple[Message, ...]:
    messages = [Message("system", system)]
    for asked, answered in shown:
        messages += [Message("user", f"Question: {asked}"), Message("assistant", answered)]
    return (*messages, Message("user", f"Question: {question}"))


# --- what it replied -------------------------------------------------------------------


def read_arguments(tool: Tool, question: str, reply: Reply) -> tuple[tuple[Json, ...] | None, str]:
    """Positional arguments, or None and the reason."""
    try:
        value = cast("Json", json.loads(reply.text, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        return None, f"the arguments are not JSON{_cut(reply)}"
    if not isinstance(value, dict):
        return None, "the arguments are not a JSON object"
    schema = _schema(tool.schema)
    error = _schema_error(tool.schema, value)
    if error:
        return None, f"the arguments do not fit the schema: {error}"
    slots = [slot for parameter in tool.solver.parameters for slot in parameter.slots]
    missing = [slot for slot in slots if slot not in value]
    if missing:
        return None, f"the argument {missing[0]!r} is missing"
    foreign = untraceable(value, question, schema)
    if foreign:
        return None, f"the question does not say {', '.join(foreign[:3])}"
    missed = miscounted(value, question, _demonstrated(tool.demonstrations))
    if missed:
        return None, f"the arguments leave out or repeat {', '.join(map(repr, missed[:3]))}"
    return tuple(positional(tool.solver, value)), ""


def read_code(reply: Reply) -> tuple[str | None, str]:
    """The code of a reply, or None and the reason.

    A reply that names its result ``ans1`` or ``answer`` is taken at its word, as the
    paper's own harness does.
    """
    if reply.finish == "length":
        return None, "the code was cut at the bound of tokens"
    code = _block(reply.text)
    names = _answers(code)
    if names is None:
        return None, "the reply is not Python"
    if not names:
        return None, "the code does not set `ans`"
    return (code if "ans" in names else f"{code}\nans = {names[-1]}"), ""


_FENCE = re.compile(r"```[a-zA-Z]*\n")


def _block(text: str) -> str:
    """The code of a reply: before a closing fence that was never opened, or in the first one."""
    before = text.partition("```")[0].strip()
    opening = _FENCE.search(text)
    if opening is None or _answers(before):
        return before
    return text[opening.end() :].partition("```")[0].rstrip()


def _answers(code: str) -> list[str] | None:
    """Names beginning with ``ans`` that a code sets, in order; None when it is not Python."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    targets = (target for node in body for target in _targets(node))
    return [t.id for t in targets if isinstance(t, ast.Name) and t.id.startswith("ans")]


def _targets(node: ast.stmt) -> list[ast.expr]:
    """Targets of a statement's assignments, those inside its branches and loops too."""
    return [
        target
        for inner in ast.walk(node)
        if isinstance(inner, ast.Assign | ast.AnnAssign | ast.AugAssign)
        for target in (inner.targets if isinstance(inner, ast.Assign) else [inner.target])
    ]


@lru_cache(maxsize=256)
def _demonstrated(
    demonstrations: tuple[Demonstration, ...],
) -> tuple[tuple[str, Mapping[str, Json]], ...]:
    return tuple((d.question, json.loads(d.arguments)) for d in demonstrations if d.arguments)


@lru_cache(maxsize=1024)
def _schema(text: str) -> Mapping[str, Json]:
    schema: Json = json.loads(text)
    return schema if isinstance(schema, dict) else {}


@lru_cache(maxsize=1024)
def _validator(text: str) -> Draft202012Validator:
    Draft202012Validator.check_schema(_schema(text))
    return Draft202012Validator(_schema(text))


def _schema_error(schema: str, value: Json) -> str:
    """One line about the first misfit, or empty."""
    try:
        error = next(iter(_validator(schema).iter_errors(value)), None)  # pyright: ignore[reportUnknownMemberType]
    except SchemaError as broken:
        return f"the schema itself is broken at {broken.json_path}"
    if error is None:
        return ""
    return f"{error.json_path} breaks {error.validator!r}"


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _cut(reply: Reply) -> str:
    return " (cut at the bound of tokens)" if reply.finish == "length" else ""


__all__ = [
    "Turn",
    "code_request",
    "fill",
    "fill_request",
    "read_arguments",
    "read_code",
    "shown_source",
    "takes_arguments",
    "write_code",
]
