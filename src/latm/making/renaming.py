"""Two sources in one module: the global names of one end in a suffix.

Source flows in, source flows out. Invariant: it computes the same; names that are not its
own (built-ins, modules, attributes) stay.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence


def renamed(source: str, suffix: str) -> str:
    """Source whose own global names end in a suffix, so that two sources share a module."""
    tree = ast.parse(source)
    own = {
        name
        for node in tree.body
        for name in (
            [node.name]
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            else [t.id for t in _targets(node) if isinstance(t, ast.Name)]
        )
    }
    return ast.unparse(_Renamer(own, suffix).visit(tree)) + "\n"


def _targets(node: ast.stmt) -> Sequence[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: set[str], suffix: str) -> None:
        self._names = names
        self._suffix = suffix

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self._names:
            node.id += self._suffix
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name in self._names:
            node.name += self._suffix
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if node.name in self._names:
            node.name += self._suffix
        return self.generic_visit(node)
