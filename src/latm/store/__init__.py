"""Seam: a database connection; over it the repositories in which the three flows meet.

Values of `latm.types` flow in and out. Invariant: what was verified, compared, spent or
decided is only ever appended, and a tool's content never changes under its version.

`Store.open` gives the repositories: ``toolbox`` (tools, states, events), ``cases``,
``evidence``, ``usage``, ``journal`` and ``observations``. Dialects differ in `connection`
only; any of them must pass `latm.store.conformance`.
"""

from __future__ import annotations

from latm.store.journal import JournaledModel
from latm.store.rows import (
    Addition,
    CasesAdded,
    Comparison,
    Counts,
    Damage,
    Decide,
    Money,
    Move,
    OnRecord,
    Outcome,
    Result,
    Side,
    Standing,
    StoredTool,
    ToolEvent,
    UsageGroup,
    UsageKey,
    UsageNews,
    UsageRow,
    UsageSum,
)
from latm.store.store import Store

__all__ = [
    "Addition",
    "CasesAdded",
    "Comparison",
    "Counts",
    "Damage",
    "Decide",
    "JournaledModel",
    "Money",
    "Move",
    "OnRecord",
    "Outcome",
    "Result",
    "Side",
    "Standing",
    "Store",
    "StoredTool",
    "ToolEvent",
    "UsageGroup",
    "UsageKey",
    "UsageNews",
    "UsageRow",
    "UsageSum",
]
