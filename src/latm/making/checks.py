"""Static checks of a proposed solver, before anything runs.

Source and the shown examples flow in; the solver's source, cut to what it needs, and
findings flow out. Invariant: nothing is executed or compiled here, and the check is total:
any text gives either a parsed solver or findings. A check passed proves nothing alone; the
sandbox holds what slips through (docs/security.md).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from latm.types import Json

MAX_SOURCE = 40_000
MAX_NODES = 20_000
_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)

ALLOWED_MODULES = frozenset(
    ["base64", "bisect", "calendar", "collections", "copy", "csv", "dataclasses", "datetime",
     "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "html", "io",
     "ipaddress", "itertools", "json", "math", "numbers", "operator", "re", "statistics",
     "string", "struct", "textwrap", "typing", "unicodedata", "urllib.parse", "zoneinfo"]
)  # fmt: skip
_FORBIDDEN_CALLS = frozenset(
    ["eval", "exec", "open", "compile", "globals", "locals", "vars", "input", "breakpoint",
     "setattr", "delattr", "getattr", "__import__", "id", "hash", "exit", "quit", "memoryview"]
)  # fmt: skip
_NONDETERMINISTIC = frozenset(["now", "today", "utcnow", "time_ns", "uuid4", "uuid1", "urandom"])
_DUNDERS = frozenset(["__init__", "__lt__", "__eq__", "__repr__", "__str__", "__name__"])


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse a solver: which check, and what was seen."""

    check: str
    detail: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A solver cut out of a model's reply."""

    source: str
    entry: str
    parameters: tuple[str, ...]


def code_of(reply: str) -> str:
    """The code in a model's reply: the first fenced block, else the whole text."""
    block = _BLOCK.search(reply)
    return (block[1] if block else reply).strip("\n")


def parse_solver(reply: str, entry: str) -> Parsed | Finding:
    """Cut imports, constants and functions out of a reply; drop tests and prints.

    Args:
        entry: the function wanted; the last function stands in when it was named otherwise.
    """
    source = code_of(reply)
    tree = parse(source)
    if isinstance(tree, Finding):
        return tree
    kept = [n for n in tree.body if isinstance(n, _KEPT)]
    functions = [n for n in kept if isinstance(n, ast.FunctionDef)]
    if not functions:
        return Finding("function", "the reply holds no function")
    chosen = next((f for f in functions if f.name == entry), functions[-1])
    arguments = chosen.args
    if arguments.kwonlyargs and any(d is None for d in arguments.kw_defaults):
        return Finding("function", "the function needs keyword arguments")
    lines = source.split("\n")
    parts = ["\n".join(lines[_first_line(n) - 1 : n.end_lineno]) for n in kept]
    names = tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args))
    return Parsed("\n".join(parts) + "\n", chosen.name, names)


_KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def parse(source: str) -> ast.Module | Finding:
    """The syntax tree of bounded source, or why there is none."""
    if len(source) > MAX_SOURCE:
        return Finding("size", f"{len(source)} characters of source, at most {MAX_SOURCE}")
    try:
        tree = ast.parse(source)
    # The C parser reports nesting too deep in any of these ways.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Finding("syntax", f"{type(error).__name__}: {error}".splitlines()[0])
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        return Finding("size", f"more than {MAX_NODES} syntax nodes")
    return tree


def lint(source: str, shown: Sequence[tuple[Sequence[Json], Json]]) -> tuple[Finding, ...]:
    """All findings against a solver; empty when it may go to the verifier.

    Args:
        shown: arguments and wanted value of the examples that the author saw.
    """
    tree = parse(source)
    if isinstance(tree, Finding):
        return (tree,)
    return (*_walk(tree), *_memorised(tree, shown))


def _walk(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (_import(alias.name) for alias in node.names if not _allowed(alias.name))
            case ast.ImportFrom():
                module = node.module or ""
                starred = any(a.name == "*" for a in node.names)
                if node.level or starred or not _allowed(module):
                    yield _import(module or ".")
            case ast.ExceptHandler() if _swallows(node):
                yield Finding("catch-all", f"line {node.lineno} swallows every exception")
            case ast.Attribute():
                yield from _attribute(node)
            case ast.Call(func=ast.Name(id=name)) if name in _FORBIDDEN_CALLS:
                yield Finding("forbidden", f"calls {name!r}")
            case ast.Constant(value=str(text)) if "__" in text and "{" in text:
                yield Finding("forbidden", "a format string that reaches for dunder attributes")
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(n))) if n > 10_000:
                yield Finding("resources", f"constant exponent {n}")
            case _:
                pass


def _allowed(module: str) -> bool:
    return module in ALLOWED_MODULES or module == "collections.abc"


def _import(module: str) -> Finding:
    return Finding("import", f"imports {module!r}")


def _swallows(node: ast.ExceptHandler) -> bool:
    broad = node.type is None or (
        isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
    )
    return broad and not any(isinstance(n, ast.Raise) for n in ast.walk(node))


def _attribute(node: ast.Attribute) -> Iterator[Finding]:
    if node.attr.startswith("__") and node.attr not in _DUNDERS:
        yield Finding("forbidden", f"attribute {node.attr!r}")
    if node.attr in _NONDETERMINISTIC:
        yield Finding("nondeterministic", f"uses {node.attr!r}")


def _memorised(tree: ast.Module, shown: Sequence[tuple[Sequence[Json], Json]]) -> Iterator[Finding]:
    """Half or more of the telling shown answers standing as constants (EvilGenie, TRACE)."""
    constants = {
        repr(n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant) and _telling(n.value)
    }
    constants |= {
        repr([e.value for e in n.elts if isinstance(e, ast.Constant)])
        for n in ast.walk(tree)
        if isinstance(n, ast.List) and n.elts
    }
    wanted = {repr(w) for _, w in shown if _telling(w)}
    copied = wanted & constants
    # A closed set of answers may stand in an honest tool: only many different ones tell.
    if len(wanted) >= 4 and len(wanted) > len(shown) / 2 and len(copied) * 2 >= len(wanted):
        yield Finding("memorised", f"{len(copied)} of {len(wanted)} shown answers are constants")


def _telling(value: object) -> bool:
    """Whether a value is unlikely to stand in a program by chance."""
    if isinstance(value, str | list):
        return len(value) > 2  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > 12
