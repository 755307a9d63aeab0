"""Mutation: would the cases notice, if the tool were slightly another one?

A verified tool and its cases flow in; small changes of its source that no case tells from the
tool flow out, each with its line. Invariant: a change touches one constant or one operator of
what the tool computes; glue, messages and dead defaults are left alone, and the same source
gives the same changes.

A constant that no case exercises (the entry "Nov" of a table of months) was never verified,
however many cases came out right.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from latm.answers import same
from latm.execution import GLUE, Executor
from latm.types import Case, Tool

MOST_MUTANTS = 24
MOST_CASES = 150
"""Cases that a mutant is run on, at most."""

_STRANGER = "\ue000"
"""A private character: no question holds it."""

_SENTINEL = 10_000
"""Whole numbers from here on, alone or as a limit, only stand for "very large"."""

_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed copy of a solver.

    Attributes:
        change: the line of the original and what was changed there.
    """

    source: str
    change: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """How many mutants were run on how many cases, and which of them no case noticed."""

    mutants: int
    cases: int
    unnoticed: tuple[Mutant, ...]


async def mutation(executor: Executor, tool: Tool, cases: Sequence[Case]) -> Mutation:
    """Run mutants of a tool until one case gives each of them away.

    Args:
        cases: which the tool gets right.

    Raises:
        SandboxUnavailableError: the sandbox is broken; says nothing of the tool.
    """
    gate = asyncio.Semaphore(4)
    cases = cases[:MOST_CASES]

    async def passes(mutant: Mutant) -> bool:
        changed = replace(tool, solver=replace(tool.solver, source=mutant.source))
        async with gate:
            for case in cases:
                done = await executor.answer(changed, case.question)
                if done.text is None or not same(case.answer, done.text):
                    return False
        return True

    made = mutants(tool.solver.source, tool.solver.entry, len(tool.solver.parameters))
    unnoticed = await asyncio.gather(*map(passes, made))
    missed = tuple(m for m, u in zip(made, unnoticed, strict=True) if u)
    return Mutation(len(made), len(cases), missed)


def mutants(source: str, entry: str, arguments: int) -> tuple[Mutant, ...]:
    """At most `MOST_MUTANTS` changed copies, spread over the source.

    Args:
        entry: the function that is called.
        arguments: how many it is called with; defaults of these are never used.
    """
    tree = ast.parse(source)
    sites = list(_Sites(tree, entry, arguments).of(tree))
    firsts = [site.changes[0] for site in sites]
    seconds = [site.changes[1] for site in sites if len(site.changes) > 1]
    chosen = [*_spread(firsts, MOST_MUTANTS)]
    chosen += _spread(seconds, MOST_MUTANTS - len(chosen))
    found = (_mutant(tree, change) for change in chosen)
    return tuple(m for m in found if m is not None)


# --- changes ---------------------------------------------------------------------------

_Value = object
"""What a field of a syntax node may hold."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One field of one node with another value."""

    node: ast.AST
    field: str
    value: _Value
    line: int
    words: str


@dataclass(frozen=True, slots=True)
class _Site:
    """One place, and the changes for it, the most telling first."""

    changes: tuple[_Change, ...]


def _spread(changes: Sequence[_Change], most: int) -> list[_Change]:
    count = min(most, len(changes))
    return [changes[n * len(changes) // count] for n in range(count)]


def _mutant(tree: ast.Module, change: _Change) -> Mutant | None:
    before = getattr(change.node, change.field)
    setattr(change.node, change.field, change.value)
    try:
        source = ast.unparse(tree) + "\n"
    except ValueError:  # quotes that an f-string of this Python cannot nest
        return None
    finally:
        setattr(change.node, change.field, before)
    return Mutant(source, f"line {change.line}: {change.words}")


_COMPARISONS: dict[type[ast.cmpop], tuple[ast.cmpop, ...]] = {
    ast.Lt: (ast.GtE(), ast.LtE()), ast.LtE: (ast.Gt(), ast.Lt()),
    ast.Gt: (ast.LtE(), ast.GtE()), ast.GtE: (ast.Lt(), ast.Gt()),
    ast.Eq: (ast.NotEq(),), ast.NotEq: (ast.Eq(),), ast.In: (ast.NotIn(),),
    ast.NotIn: (ast.In(),), ast.Is: (ast.IsNot(),), ast.IsNot: (ast.Is(),),
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(), ast.Sub: ast.Add(), ast.Mult: ast.Add(), ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Mult(), ast.Mod: ast.FloorDiv(), ast.Pow: ast.Mult(),
    ast.LShift: ast.RShift(), ast.RShift: ast.LShift(), ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(), ast.BitXor: ast.BitAnd(),
}  # fmt: skip
_SIGNS: dict[type[ast.AST], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.MatMult: "@", ast.And: "and", ast.Or: "or",
}  # fmt: skip


# --- sites -----------------------------------------------------------------------------

_CHARACTERS = frozenset(["strip", "lstrip", "rstrip", "maketrans"])
"""Methods whose text argument is a set of characters; so is what stands behind ``in``."""


class _Sites:
    """Where a source can be changed, in its order."""

    def __init__(self, tree: ast.Module, entry: str, arguments: int) -> None:
        self._entry = entry
        self._arguments = arguments
        self._alphabets = set(_alphabets(tree))
        self._limits = set(_limits(tree))

    def of(self, node: ast.AST) -> Iterator[_Site]:
        """The sites of a node and of what is below it."""
        match node:
            case ast.FunctionDef(name=name) if name.startswith(GLUE):
                return
            case ast.FunctionDef():
                yield from self._all([*self._defaults(node), *node.body])
            case ast.Raise() | ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                return
            case ast.Assert(test=test):
                yield from self.of(test)
            case ast.AnnAssign(value=value):
                yield from self._all([value] if value else [])
            case ast.Dict():
                yield from self._dict(node)
            case ast.Call(func=ast.Attribute(value=ast.Constant(str()) as row, attr="split")):
                yield from _row(row)
                yield from self._all(node.args)
            case ast.Constant():
                alphabet, limit = node in self._alphabets, node in self._limits
                yield from _constant(node, alphabet=alphabet, limit=limit)
            case _:
                yield from _operators(node)
                kept = (n for n in ast.iter_child_nodes(node) if not _large(node, n))
                yield from self._all(kept)

    def _all(self, nodes: Sequence[ast.AST] | Iterator[ast.AST]) -> Iterator[_Site]:
        return chain.from_iterable(map(self.of, nodes))

    def _defaults(self, node: ast.FunctionDef) -> list[ast.expr]:
        arguments = node.args
        given = self._arguments if node.name == self._entry else 0
        first = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
        positional = [d for n, d in enumerate(arguments.defaults) if first + n >= given]
        return [*positional, *(d for d in arguments.kw_defaults if d is not None)]

    def _dict(self, node: ast.Dict) -> Iterator[_Site]:
        """A constant entry gets another entry's value; of any other, key and value change."""
        scalars = [v for v in node.values if isinstance(v, ast.Constant)]
        for n, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            other = _other(scalars, value)
            if other is None or key is None:
                yield from self._all([k for k in (key, value) if k is not None])
                continue
            values = [*node.values[:n], other, *node.values[n + 1 :]]
            words = f"{ast.unparse(key)}: {ast.unparse(value)} → {ast.unparse(other)}"
            yield _Site((_Change(node, "values", values, key.lineno, words),))


def _other(scalars: Sequence[ast.Constant], value: ast.expr) -> ast.Constant | None:
    """The next different constant among the values of a table."""
    if not isinstance(value, ast.Constant):
        return None
    place = next(n for n, s in enumerate(scalars) if s is value)
    turned = [*scalars[place:], *scalars[:place]]
    return next((s for s in turned if repr(s.value) != repr(value.value)), None)


def _operators(node: ast.AST) -> Iterator[_Site]:
    match node:
        case ast.Compare():
            for n, old in enumerate(node.ops):
                yield _Site(
                    tuple(
                        _swap(node, "ops", [*node.ops[:n], new, *node.ops[n + 1 :]], (old, new))
                        for new in _COMPARISONS[type(old)]
                    )
                )
        case ast.BoolOp(op=old):
            new = ast.Or() if isinstance(old, ast.And) else ast.And()
            yield _Site((_swap(node, "op", new, (old, new)),))
        case ast.BinOp(op=old) | ast.AugAssign(op=old) if type(old) in _ARITHMETIC:
            new = _ARITHMETIC[type(old)]
            yield _Site((_swap(node, "op", new, (old, new)),))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            twice = ast.UnaryOp(ast.Not(), operand)
            words = f"{ast.unparse(node)} → {ast.unparse(operand)}"
            yield _Site((_Change(node, "operand", twice, node.lineno, words),))
        case _:
            pass


def _swap(
    node: ast.expr | ast.stmt, field: str, value: _Value, signs: tuple[ast.AST, ast.AST]
) -> _Change:
    words = " → ".join(_SIGNS[type(sign)] for sign in signs)
    return _Change(node, field, value, node.lineno, words)


def _constant(node: ast.Constant, *, alphabet: bool, limit: bool) -> Iterator[_Site]:
    new: bool | int | float | str
    match node.value:
        case bool(old):
            new = not old
        case int(old):
            new = old + (max(1, abs(old) // 4) if limit else 1)
        case float(old):
            new = old * (1.25 if limit else 1.1) or 1.0
        case str(old) if alphabet and len(old) > 1:
            middle = len(old) // 2
            new = old[:middle] + old[middle + 1 :]
        case str(old):
            new = old + _STRANGER
        case _:
            return
    words = f"{_shown(node.value)} → {_shown(new)}"
    yield _Site((_Change(node, "value", new, node.lineno, words),))


def _row(node: ast.Constant) -> Iterator[_Site]:
    """A table written as one text: each of its words by itself."""
    words = str(node.value).split()
    for n, word in enumerate(words):
        row = " ".join([*words[:n], word + _STRANGER, *words[n + 1 :]])
        change = f"{word!r} → {_shown(word + _STRANGER)}"
        yield _Site((_Change(node, "value", row, node.lineno, change),))


def _shown(value: object) -> str:
    return repr(value).replace(repr(_STRANGER)[1:-1], "…")[:40]


def _large(parent: ast.AST, node: ast.AST) -> bool:
    """Whether a number only stands for "very large" or "almost nothing" where it is."""
    match node:
        case ast.Constant(value=bool() | str()):
            return False
        case ast.Constant(value=float(x)) if 0 < abs(x) < _TINY:
            return True
        case ast.Constant(value=int(n)) if n >= _SENTINEL:
            return not isinstance(parent, ast.BinOp | ast.List | ast.Tuple | ast.Set)
        case ast.BinOp(left=ast.Constant(value=int(n)), op=ast.Pow(), right=ast.Constant(int(m))):
            return n > 1 and m < 100 and n**m >= _SENTINEL
        case _:
            return False


def _limits(tree: ast.AST) -> Iterator[ast.Constant]:
    """Numbers that an order is decided by: a step of one is only seen by a case right there."""
    orders = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and all(isinstance(op, orders) for op in node.ops):
            yield from (n for n in (node.left, *node.comparators) if isinstance(n, ast.Constant))


def _alphabets(tree: ast.AST) -> Iterator[ast.Constant]:
    """Texts that serve as sets or rows of characters, by themselves or under a name."""
    used = list(_taken_apart(tree))
    names = {n.id for n in used if isinstance(n, ast.Name)}
    yield from (n for n in used if isinstance(n, ast.Constant))
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() as text):
                if name in names:
                    yield text
            case _:
                pass


def _taken_apart(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[text]):
                yield text
            case ast.Call(func=ast.Attribute(attr=attr), args=args) if attr in _CHARACTERS:
                yield from args
            case ast.Call(func=ast.Attribute(value=text, attr="index" | "find")):
                yield text
            case ast.Subscript(value=text) | ast.For(iter=text) | ast.comprehension(iter=text):
                yield text
            case _:
                pass
