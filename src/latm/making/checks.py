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
            case ast.ExceptHandler() | ast.Call() | ast.Try() if _swallows(node):
                yield Finding("catch-all", f"line {node.lineno} swallows every exception")
            case ast.Attribute():
                yield from _attribute(node)
            case ast.Call(func=ast.Name(id=name)) if name in _FORBIDDEN_CALLS:
                yield Finding("forbidden", f"calls {name!r}")
            case ast.Constant(value=str(text)) if "__" in text and "{" in text:
                yield Finding("forbidden", "a format string that reaches for dunder attributes")
            case _:
                pass
        yield from _endless(node)
        yield from _vast(node)


def _allowed(module: str) -> bool:
    return module in ALLOWED_MODULES or module == "collections.abc"


def _import(module: str) -> Finding:
    return Finding("import", f"imports {module!r}")


def _swallows(node: ast.ExceptHandler | ast.Call | ast.Try) -> bool:
    match node:
        case ast.ExceptHandler(type=kind):
            return _broad(kind) and not any(isinstance(n, ast.Raise) for n in ast.walk(node))
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress")):
            return any(map(_broad, node.args))
        case ast.Try(finalbody=body):
            return any(isinstance(n, ast.Return) for n in _within(body, loops=True))
        case _:
            return False


def _broad(kind: ast.expr | None) -> bool:
    match kind:
        case None | ast.Name(id="Exception" | "BaseException"):
            return True
        case ast.Tuple(elts=kinds):
            return any(map(_broad, kinds))
        case _:
            return False


def _attribute(node: ast.Attribute) -> Iterator[Finding]:
    if node.attr.startswith("__") and node.attr not in _DUNDERS:
        yield Finding("forbidden", f"attribute {node.attr!r}")
    if node.attr in _NONDETERMINISTIC:
        yield Finding("nondeterministic", f"uses {node.attr!r}")


# --- memorising ------------------------------------------------------------------------

_MIN_TELLING = 5
_OPEN = 0.8
"""Share of the shown cases with a value of their own, from which on it is no closed set."""

_WORDY = re.compile(r"[^\W\d_]")
_LONG = 8


def _memorised(tree: ast.Module, shown: Sequence[tuple[Sequence[Json], Json]]) -> Iterator[Finding]:
    """Half or more of what was shown standing as constants (EvilGenie, TRACE).

    Answers, or else the arguments: a table by one argument of several is no copy of cases.
    """
    written = _Written(tree, shown)
    wanted = written.copied([w for _, w in shown])
    width = min((len(arguments) for arguments, _ in shown), default=0)
    columns = [[arguments[n] for arguments, _ in shown] for n in range(width)]
    varying = [column for column in columns if len({_key(v) for v in column}) > 1]
    if wanted:
        yield Finding("memorised", f"{wanted} shown answers are constants")
    elif varying and all(map(written.holds, varying)):
        given = next((c for column in varying if (c := written.copied(column, given=True))), "")
        if given:
            yield Finding("memorised", f"{given} shown arguments are constants")


class _Written:
    """The constants of a source, beside the values that its author was shown."""

    def __init__(self, tree: ast.Module, shown: Sequence[tuple[Sequence[Json], Json]]) -> None:
        own = {_key(v) for arguments, wanted in shown for v in (*arguments, wanted)}
        constants = list(_constants(tree))
        # The words of a text are a table's entries, unless the text itself was shown.
        words = [w for c in constants if isinstance(c, str) and c not in own for w in c.split()]
        constants += words
        self._keys = {_key(c) for c in constants}
        more = {_key(c): _wordy(c) for c in constants if _telling(c) and _key(c) not in own}
        self._more_words, self._more = sum(more.values()), len(more)
        self._texts = "\n".join(c for c in constants if isinstance(c, str) and len(c) > 2 * _LONG)

    def holds(self, column: Sequence[Json]) -> bool:
        """Whether half of a column's values are written down."""
        return 2 * len(self._found(column)) >= len({_key(v) for v in column})

    def _found(self, column: Sequence[Json]) -> list[Json]:
        distinct = {_key(v): v for v in column}
        return [v for key, v in distinct.items() if key in self._keys or _quoted(v, self._texts)]

    def copied(self, column: Sequence[Json], *, given: bool = False) -> str:
        """How much of a column is copied, when it is an open set and enough of it is.

        Args:
            given: the column is an argument, not what was wanted.
        """
        distinct = {_key(v) for v in column if _telling(v)}
        found = [v for v in self._found(column) if _telling(v)]
        if len(distinct) < max(_MIN_TELLING, _OPEN * len(column)) or 2 * len(found) < len(distinct):
            return ""
        # A table with other entries than the shown ones knows more than it was shown; numbers
        # that were wanted are no table's entries.
        more = self._more if given else self._more_words
        if more * 4 > len(found) and (given or all(map(_wordy, found))):
            return ""
        return f"{len(found)} of {len(distinct)}"


def _constants(tree: ast.Module) -> Iterator[Json]:
    """Values written down in the source: scalars and lists of them; no docstrings."""
    said = {n.value for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in said:
                yield text
            case ast.Constant(value=int() | float() as number):
                yield number
            case ast.List(elts=items) | ast.Tuple(elts=items) if items:
                values = [e.value for e in items if isinstance(e, ast.Constant)]
                yield [v for v in values if isinstance(v, str | int | float)]
            case _:
                pass


def _key(value: Json) -> str:
    """One form for a value and for how it may be written down."""
    if isinstance(value, list):
        return repr(value)
    return str(value)


def _quoted(value: Json, texts: str) -> bool:
    return isinstance(value, str) and len(value) >= _LONG and value in texts


def _wordy(value: Json) -> bool:
    return isinstance(value, str) and _WORDY.search(value) is not None


def _telling(value: Json) -> bool:
    """Whether a value is unlikely to stand in a program by chance."""
    if isinstance(value, str | list):
        return len(value) > 2
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > 12


# --- resources -------------------------------------------------------------------------

_HUGE = 10**8
_WHOLE = frozenset(["list", "tuple", "set", "sorted", "sum", "max", "min", "len"])


def _endless(node: ast.AST) -> Iterator[Finding]:
    """Loops that never end, or not in time."""
    match node:
        case ast.While(test=ast.Constant(value=value)) if value and not _leaves(node):
            yield Finding("resources", f"line {node.lineno} loops without an end")
        case ast.For(iter=ast.Call() as over) if _huge_range(over) and not _leaves(node):
            yield Finding("resources", f"line {node.lineno} loops over {ast.unparse(over)}")
        case _:
            pass


def _vast(node: ast.AST) -> Iterator[Finding]:
    """What would be built of a huge number of items."""
    match node:
        case ast.ListComp() | ast.SetComp() | ast.DictComp():
            over = node.generators[0].iter
            if isinstance(over, ast.Call) and _huge_range(over):
                yield Finding("resources", f"line {node.lineno} builds {ast.unparse(over)}")
        case ast.Call(func=ast.Name(id=name), args=[ast.Call() as over, *_]) if name in _WHOLE:
            if _huge_range(over):
                yield Finding("resources", f"line {node.lineno} builds {ast.unparse(over)}")
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            for row, times in ((left, right), (right, left)):
                if _is_row(row) and (_size(times) or 0) >= _HUGE:
                    yield Finding("resources", f"line {node.lineno} repeats {ast.unparse(times)}×")
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(n))) if n > 10_000:
            yield Finding("resources", f"constant exponent {n}")
        case _:
            pass


def _leaves(loop: ast.While | ast.For) -> bool:
    """Whether a loop's body can leave the loop."""
    for node in _within(loop.body, loops=True):
        if isinstance(node, ast.Return | ast.Raise | ast.Yield | ast.YieldFrom):
            return True
    return any(isinstance(node, ast.Break) for node in _within(loop.body, loops=False))


def _within(body: Sequence[ast.AST], *, loops: bool) -> Iterator[ast.AST]:
    """The nodes of a body, without inner functions; without inner loops unless wanted."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.While | ast.For) and not loops:
            yield from _within(node.orelse, loops=loops)
            continue
        yield from _within(list(ast.iter_child_nodes(node)), loops=loops)


def _huge_range(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Name) and call.func.id == "range"
    return named and any(abs(_size(a) or 0) >= _HUGE for a in call.args[:2])


def _is_row(node: ast.expr) -> bool:
    return isinstance(node, ast.List) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _size(node: ast.expr) -> int | None:
    """The number that a constant expression gives, cut at a bound; None for other expressions."""
    match node:
        case ast.Constant(value=int(n)):
            return n
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            size = _size(operand)
            return None if size is None else -size
        case ast.BinOp(left=left, op=ast.Mult() | ast.Pow() as op, right=right):
            a, b = _size(left), _size(right)
            if a is None or b is None:
                return None
            if isinstance(op, ast.Mult):
                return min(a * b, _HUGE)
            return min(a**b, _HUGE) if 0 <= b <= 64 and 0 <= a <= _HUGE else _HUGE
        case _:
            return None
