"""Families of questions: what `latm bench making` runs over.

A group or a name flows in, families flow out. Invariants: no two families share a name;
nothing is generated, read or imported before a family is asked for cases.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from latm.bench.families import dates, identifiers, money, records, rules, texts, units
from latm.bench.families.family import Family, Group
from latm.bench.families.gym import GYM
from latm.bench.families.paper import paper
from latm.bench.families.untoolable import UNTOOLABLE
from latm.errors import UnknownNameError

__all__ = ["Family", "Group", "families", "family"]

_EVERYDAY = tuple(
    f
    for module in (dates, money, units, identifiers, records, texts, rules)
    for f in module.FAMILIES
)


def families(group: Group | None = None, *, shared: Path | None = None) -> tuple[Family, ...]:
    """All families, or those of one group.

    Args:
        shared: folder of ``TASK.jsonl``, the cases of the paper's tasks; without it the
            group ``paper`` is left out.
    """
    every = (*(paper(shared) if shared else ()), *_EVERYDAY, *GYM, *UNTOOLABLE)
    return tuple(f for f in every if group in (None, f.group))


def family(name: str, *, shared: Path | None = None) -> Family:
    """The family of that name.

    Raises:
        UnknownNameError: there is none; the message lists the names that come close.
    """
    known = {f.name: f for f in families(shared=shared)}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.5) or sorted(known)
    raise UnknownNameError(f"no family {name!r}; did you mean {', '.join(close)}?")
