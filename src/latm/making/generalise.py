"""Use cases in, one function out: what differs between them becomes its parameter.

Straight-line codes that each answer one question with the same function flow in; a `Call`
flows out, or None when they are not instances of one form. Nothing is run. Invariant: the
call's source on the arguments of use case n computes what the code of use case n computes.

It is anti-unification over syntax trees: ``words = ["b", "a"]`` in one case and
``words = ["d", "c"]`` in another give the parameter ``words``; so do literals that differ
deeper inside, as ``ret["Eve"]`` and ``ret["Claire"]`` do. Anything but literals must be
the same in all use cases: lambdas built from the question's prose have no common form, and
such a tool is left to free code.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from latm.execution import FINISH, GLUE
from latm.types import Json

ENTRY = f"{GLUE}solve"
MOST_CODE = 20_000
"""Characters of one code; a use case is a screen, not a program."""

_UNITS = (60, 3600, 24, 7, 12, 100, 1000)
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?")
_MOST_TEXT, _MOST_ITEMS = 4000, 400


@dataclass(frozen=True, slots=True)
class Call:
    """One function for all use cases.

    Attributes:
        source: of the function `ENTRY`, which calls the tool's own and returns ``ans``.
        arguments: for each use case, positional.
        schema: JSON schema of the arguments by name.
    """

    source: str
    parameters: tuple[str, ...]
    arguments: tuple[tuple[Json, ...], ...]
    schema: dict[str, Json]


class _DifferError(Exception):
    """The codes are not instances of one form."""


def parsed(code: str) -> list[ast.stmt] | None:
    """Statements of a code, None when it is not Python or too long."""
    if len(code) > MOST_CODE:
        return None
    try:
        return ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def with_ans(code: str) -> str | None:
    """The code with its result in ``ans``, None when it sets none.

    Published use cases number their variables (``words2``, ``ret2``, ``ans2``) at times.
    """
    body = parsed(code)
    if body is None:
        return None
    names = _assigned(body)
    if "ans" in names:
        return code
    suffix = next((n.removeprefix("ans") for n in names[::-1] if re.fullmatch(r"ans_?\d+", n)), "")
    if not suffix:
        return None
    plain = {n: n.removesuffix(suffix) for n in names if n.endswith(suffix)}
    if len(set(plain.values()) | set(names)) != len(plain) + len(set(names)):
        return None
    try:
        return ast.unparse(ast.Module([_Rename(plain).visit(s) for s in body], []))
    except RecursionError:
        return None


def generalise(codes: Sequence[str], questions: Sequence[str], *, finish: bool) -> Call | None:
    """One function for all codes, or None.

    Args:
        codes: straight-line statements that set ``ans``.
        questions: the question of each code; a number that only a change of unit away
            stands in all of them becomes that number, and the function changes the unit.
        finish: whether the tool defines `FINISH`.
    """
    bodies = [parsed(code) for code in codes]
    if not bodies or any(body is None for body in bodies):
        return None
    try:
        form = _unified([cast("list[ast.stmt]", b) for b in bodies])
        return _call(form, questions, finish=finish) if form.columns else None
    except (_DifferError, RecursionError):
        return None


def _call(form: _Form, questions: Sequence[str], *, finish: bool) -> Call:
    columns = {name: [_json(v) for v in column] for name, column in form.columns.items()}
    properties = {name: schema_of(column) for name, column in columns.items()}
    statements = list(form.statements)
    for name, column in columns.items():
        unit = _unit(column, questions)
        if unit is not None:
            columns[name] = [_divided(v, unit) for v in column]
            properties[name] = {"type": "number"}
            statements.insert(0, ast.parse(f"{name} = {name} * {unit}").body[0])
    return Call(
        _source(tuple(columns), statements, finish=finish),
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        {
            "type": "object",
            "properties": dict(properties),
            "required": list[Json](columns),
            "additionalProperties": False,
        },
    )


def _source(parameters: tuple[str, ...], statements: list[ast.stmt], *, finish: bool) -> str:
    result = f"{FINISH}(ans)" if finish else "ans"
    function = ast.parse(f"def {ENTRY}({', '.join(parameters)}):\n    return {result}").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body[:0] = statements
    return ast.unparse(ast.fix_missing_locations(function))


# --- the common form -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    statements: tuple[ast.stmt, ...]
    columns: dict[str, list[object]]


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id)
        return node


def _assigned(body: Sequence[ast.stmt]) -> list[str]:
    """Names that the statements assign, in order."""
    return [
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def _unified(bodies: list[list[ast.stmt]]) -> _Form:
    names = [_assigned(body) for body in bodies]
    if len({len(body) for body in bodies}) > 1 or len({len(n) for n in names}) > 1:
        raise _DifferError
    for body, own in zip(bodies[1:], names[1:], strict=True):
        renamed = dict(zip(own, names[0], strict=True))
        if len(renamed) != len(set(renamed.values())):
            raise _DifferError
        for statement in body:
            _Rename(renamed).visit(statement)
    unifier = _Unifier(Counter(names[0]))
    statements = [unifier.statement(list(row)) for row in zip(*bodies, strict=True)]
    return _Form(tuple(s for s in statements if s is not None), unifier.columns)


class _Unifier:
    """Merges syntax trees; collects what differs as columns of values."""

    def __init__(self, assigned: Counter[str]) -> None:
        self.columns: dict[str, list[object]] = {}
        self._assigned = assigned

    def statement(self, row: list[ast.stmt]) -> ast.stmt | None:
        """The common statement; None for ``name = literal``, which is a parameter."""
        names = {name for node in row for name in _assigned([node])}
        if len(names) == 1 and all(_is_single(node) for node in row):
            name = names.pop()
            values = [node.value for node in cast("list[ast.Assign]", row)]
            if self._assigned[name] == 1 and all(map(_is_literal, values)):
                self.columns[name] = [ast.literal_eval(v) for v in values]
                return None
        return cast("ast.stmt", self._merge(row))

    def _merge(self, row: Sequence[object], hint: str = "value") -> object:
        first = row[0]
        if not isinstance(first, ast.AST):
            return self._merge_plain(row)
        trees = cast("list[ast.AST]", list(row))
        if len({type(tree) for tree in trees}) == 1 and len({ast.dump(t) for t in trees}) == 1:
            return first
        if all(isinstance(t, ast.expr) and _is_literal(t) for t in trees):
            return self._parameter([ast.literal_eval(cast("ast.expr", t)) for t in trees], hint)
        if len({type(tree) for tree in trees}) > 1 or isinstance(first, ast.JoinedStr):
            raise _DifferError
        for name in first._fields:
            below = "key" if isinstance(first, ast.Subscript) else hint
            setattr(first, name, self._merge([getattr(t, name, None) for t in trees], below))
        return first

    def _merge_plain(self, row: Sequence[object]) -> object:
        first = row[0]
        if isinstance(first, list) and all(isinstance(r, list) for r in row):
            lists = cast("list[list[object]]", list(row))
            if len({len(part) for part in lists}) > 1:
                raise _DifferError
            return [self._merge(inner) for inner in zip(*lists, strict=True)]
        if len({repr(r) for r in row}) > 1:
            raise _DifferError
        return row[0]

    def _parameter(self, column: list[object], hint: str) -> ast.Name:
        # The same literals in a second place are the same argument.
        for name, known in self.columns.items():
            if repr(known) == repr(column) and name.startswith(hint):
                return ast.Name(name, ast.Load())
        name, n = hint, 1
        while name in self.columns or name in self._assigned:
            n += 1
            name = f"{hint}{n}"
        self.columns[name] = column
        return ast.Name(name, ast.Load())


def _is_single(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
    )


def _is_literal(node: ast.expr) -> bool:
    if not isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.UnaryOp):
        return False
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return False
    return True


# --- arguments and their schema --------------------------------------------------------


def _json(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_json(v) for v in cast("Sequence[object]", value)]
        case dict():
            entries = cast("dict[object, object]", value)
            if not all(isinstance(k, str) for k in entries):
                raise _DifferError
            return {str(k): _json(v) for k, v in entries.items()}
        case _:
            raise _DifferError


def schema_of(values: Sequence[Json]) -> Json:
    """The schema that all values fit, with room for longer ones of the same kind."""
    kinds = {_kind(v) for v in values}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    if len(kinds) > 1:
        return {"anyOf": [schema_of([v for v in values if _kind(v) == k]) for k in sorted(kinds)]}
    kind = kinds.pop() if kinds else "string"
    if kind == "array":
        return _array_schema(cast("list[list[Json]]", list(values)))
    if kind == "object":
        return _object_schema(cast("list[dict[str, Json]]", list(values)))
    if kind == "string":
        longest = max((len(cast("str", v)) for v in values), default=0)
        bound = min(_MOST_TEXT, max(256, 4 * longest))
        return {"type": "string", "minLength": 1, "maxLength": bound}
    return {"type": kind}


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"


def _array_schema(arrays: list[list[Json]]) -> Json:
    lengths = {len(a) for a in arrays}
    # Many arrays of one length are records (pairs, triples), few may be so by chance.
    if len(arrays) > 4 and len(lengths) == 1 and (length := lengths.pop()):
        low = high = length
    else:
        low = 1 if all(arrays) else 0
        high = min(_MOST_ITEMS, max(64, 4 * max(map(len, arrays), default=0)))
    items = schema_of([item for array in arrays for item in array])
    return {"type": "array", "items": items, "minItems": low, "maxItems": high}


def _object_schema(objects: list[dict[str, Json]]) -> Json:
    keys = {tuple(sorted(o)) for o in objects}
    if len(keys) > 1:
        everything = schema_of([v for o in objects for v in o.values()])
        return {"type": "object", "additionalProperties": everything, "maxProperties": 64}
    names = sorted(objects[0])
    return {
        "type": "object",
        "properties": {name: schema_of([o[name] for o in objects]) for name in names},
        "required": list[Json](names),
        "additionalProperties": False,
    }


def _unit(column: Sequence[Json], questions: Sequence[str]) -> int | None:
    """The one unit by which numbers differ from what their questions say: 1.5 hours, 90 minutes.

    Two different values must show it: one alone may be so by chance.
    """
    said = [{Decimal(n) for n in _NUMBER.findall(q)} for q in questions]
    numbers = [Decimal(repr(v)) for v in column if _kind(v) in {"integer", "number"}]
    if len(numbers) != len(questions) or len(set(numbers)) < 2:
        return None
    if all(n in numbers_ for n, numbers_ in zip(numbers, said, strict=True)):
        return None
    units = [
        unit
        for unit in _UNITS
        if all(n / unit in numbers_ for n, numbers_ in zip(numbers, said, strict=True))
    ]
    return units[0] if len(units) == 1 else None


def _divided(value: Json, unit: int) -> Json:
    quotient = Decimal(repr(value)) / unit
    return int(quotient) if quotient == quotient.to_integral_value() else float(quotient)
