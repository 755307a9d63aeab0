"""The parts of the search that can be switched off, by name, to see what each is worth."""

from __future__ import annotations

from latm.making.portfolio import PORTFOLIO
from latm.making.views import VIEWS

KNOWN = "known"
COPIES = "copies"
SAMPLES = "samples"
BY_CASES = "by-cases"
BY_FIELDS = "by-fields"
REPAIR = "repair"
PATCHES = "patches"
AGREEMENT = "agreement"
SIMILAR = "similar"
COUNTEREXAMPLES = "counterexamples"
PATIENCE = "patience"
ADAPTERS = "adapters"

STAGES = (
    KNOWN,
    COPIES,
    COUNTEREXAMPLES,
    SAMPLES,
    BY_CASES,
    BY_FIELDS,
    REPAIR,
    PATCHES,
    AGREEMENT,
    SIMILAR,
    PATIENCE,
    ADAPTERS,
)
PARTS: tuple[str, ...] = tuple(dict.fromkeys((*STAGES, *VIEWS, *(s.name for s in PORTFOLIO))))
