"""Template induction: the fixed text and the slots that a handful of texts share.

Texts of one or several shapes flow in; clusters, each with a `Template` or without one,
flow out. No model is asked. Invariant: every induced template matches every member of its
cluster, and the order of the texts does not change which literals are found.
"""

from __future__ import annotations

from latm.induction.alignment import tokens
from latm.induction.clusters import Cluster, induce, strata
from latm.induction.shaping import (
    MIN_CLUSTER,
    fixed_words,
    induce_answer,
    induce_template,
    pieces,
)
from latm.induction.slots import slot_of

__all__ = [
    "MIN_CLUSTER",
    "Cluster",
    "fixed_words",
    "induce",
    "induce_answer",
    "induce_template",
    "pieces",
    "slot_of",
    "strata",
    "tokens",
]
