"""Calls of a maker's reply: text in, for each question the code that answers it out.

Invariants: nothing is run, and the reading is total: codes or one `Finding` come out; each
code calls the function, leaves its result in ``ans``, and holds neither a definition that
could stand in for the function nor an answer that was only copied.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from latm.execution import GLUE
from latm.making.checks import Finding, lint
from latm.making.generalise import parsed, with_ans
from latm.making.reading import called

_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


def read_calls(reply: str, entry: str, wanted: int) -> list[str] | Finding:
    """One code a question, each of which calls the function and sets ``ans``."""
    bodies: list[list[ast.stmt]] = []
    for block in _BLOCK.findall(reply):
        body = parsed(block)
        if body is None:
            return Finding("syntax", "a block is not Python")
        bodies += [kept] if (kept := _statements(body, entry)) else []
    if len(bodies) != wanted:
        # Models also write all calls into one block.
        bodies = _cut([statement for body in bodies for statement in body])
    if len(bodies) != wanted:
        return Finding("calls", f"expected {wanted} blocks, one for each question")
    codes: list[str] = []
    for n, body in enumerate(bodies, start=1):
        code = _code(body, entry)
        if isinstance(code, Finding):
            return replace(code, detail=f"block {n} {code.detail}")
        codes.append(code)
    return codes


def _code(body: list[ast.stmt], entry: str) -> str | Finding:
    code = with_ans(ast.unparse(ast.Module(_computed(body, entry), [])))
    if code is None:
        return Finding("calls", "does not save the answer in `ans`")
    if entry not in called(code):
        return Finding("calls", f"does not call {entry!r}")
    if GLUE in code:
        return Finding("forbidden", f"uses a name that begins with {GLUE!r}")
    return next(iter(lint(code, ())), code)


def _computed(body: list[ast.stmt], entry: str) -> list[ast.stmt]:
    """The code with what the function returned in place of an answer that was copied.

    A copied answer is right whatever the function does; small models copy it all the same.
    """
    returned = [
        name
        for node in body
        if isinstance(node, ast.Assign) and entry in called(ast.unparse(node.value))
        for name in _targets(node)
    ]
    last = body[-1]
    copied = isinstance(last, ast.Assign) and isinstance(last.value, ast.Constant)
    if not (copied and returned and _saves(last)):
        return body
    return [*body[:-1], *ast.parse(f"{_targets(last)[0]} = {returned[-1]}").body]


def _statements(body: Sequence[ast.stmt], entry: str) -> list[ast.stmt]:
    """What a block does, without tests and definitions: the function is not theirs to change."""
    kept = [n for n in body if not (_defines(n, entry) or isinstance(n, ast.Assert) or _prints(n))]
    idle = all(isinstance(n, ast.Import | ast.ImportFrom) for n in kept)
    return [] if idle else kept


def _defines(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.FunctionDef) or name in _targets(node)


def _prints(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return True
        case _:
            return False


def _saves(node: ast.stmt) -> bool:
    return any(name.startswith("ans") for name in _targets(node))


def _targets(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [t.id for t in targets if isinstance(t, ast.Name)]


def _cut(statements: Sequence[ast.stmt]) -> list[list[ast.stmt]]:
    """Statements in groups that each end where an answer is saved."""
    groups: list[list[ast.stmt]] = [[]]
    for node in statements:
        groups[-1].append(node)
        if _saves(node):
            groups.append([])
    return [group for group in groups if group]
