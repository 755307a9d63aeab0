"""Nearly right: small changes of a partial candidate, tried on the examples it gets wrong.

A draft that passes most of the examples flows in; drafts that differ from it in one place
flow out. Invariant: nothing is run here, and the changes are few, in a fixed order.

Small models miss by one place: "<" for "<=", one too many, the end of a span where its
length was asked for. Generate and validate, as in automated program repair (Le Goues et al.
2012, GenProg); what comes of it is judged by the verifier like anything else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from latm.making.mutation import mutants
from latm.making.trials import Draft

MIN_PASSED = 0.6
"""Share of the examples that a candidate must pass to be worth patching."""


def patched(draft: Draft) -> Iterator[Draft]:
    """Drafts with one place changed, the likeliest first."""
    for source in _returned(draft):
        yield replace(draft, source=source)
    for mutant in mutants(draft.source, draft.entry, len(draft.brief.names)):
        yield replace(draft, source=mutant.source)


def _returned(draft: Draft) -> Iterator[str]:
    """One item of a returned list as another item of it, more or less an argument."""
    tree = ast.parse(draft.source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Return) or not isinstance(node.value, ast.List | ast.Tuple):
            continue
        items = list(node.value.elts)
        for n, item in enumerate(items):
            for base in (*items[:n], *items[n + 1 :]):
                for name in draft.brief.names:
                    for operator in (ast.Add(), ast.Sub()):
                        changed = ast.BinOp(base, operator, ast.Name(name))
                        node.value.elts = [*items[:n], changed, *items[n + 1 :]]
                        yield ast.unparse(ast.fix_missing_locations(tree)) + "\n"
            node.value.elts = [*items[:n], item, *items[n + 1 :]]
        node.value.elts = items
