"""One template from texts of one shape.

Aligned texts flow in; a `Template` flows out. Invariant: for questions, a template has
fixed text that says something, else there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from latm.induction.columns import columns
from latm.induction.runs import with_runs
from latm.induction.slots import names_of, slots_of
from latm.templates import Matcher
from latm.types import Slot, Template

MIN_CLUSTER = 3
"""Fewer texts than this do not show what is fixed and what varies."""


def induce_template(texts: Sequence[str]) -> Template | None:
    """The template of texts of one shape, or None when they share no fixed text.

    Args:
        texts: at least `MIN_CLUSTER` texts; fewer cannot tell fixed from varying.
    """
    if len(texts) < MIN_CLUSTER:
        return None
    literals, gaps = columns([t.strip() for t in texts])
    if not any(any(c.isalnum() for c in literal) for literal in literals):
        return None
    return _template(literals, gaps)


def induce_answer(texts: Sequence[str]) -> Template:
    """The template of a class's answers; without shared text one slot holds the whole.

    Never None: the weakest answer template is a single text slot.
    """
    stripped = [t.strip() for t in texts]
    if len(stripped) >= MIN_CLUSTER:
        # A solver is not asked for statements, only for what stands in them.
        template = _slotted(*columns(stripped), {})
        # What a solver computes is no instruction: only questions are guarded.
        slots = tuple(replace(slot, guarded=False) for slot in template.slots)
        template = Template(template.literals, slots)
        if slots and all(Matcher(template).match(t) is not None for t in stripped):
            return template
    return Template(("", ""), (Slot("answer", "text"),))


def _template(literals: list[str], gaps: list[list[str]]) -> Template:
    return _slotted(*with_runs(literals, gaps))


def _slotted(literals: list[str], gaps: list[list[str]], runs: dict[int, Slot]) -> Template:
    names = names_of(literals, gaps)
    slots = [
        replace(runs[n], name=slot.name) if n in runs else slot
        for n, slot in enumerate(slots_of(names, gaps))
    ]
    return Template(tuple(literals), tuple(slots))


def fixed_words(template: Template) -> int:
    """How many words of fixed text a template has: what it recognises a request by."""
    return sum(len(re.findall(r"\w+", literal)) for literal in template.literals)


def pieces(template: Template) -> list[str]:
    """Literals and ``{slot}`` names in order, for people and prompts."""
    shown = [template.literals[0]]
    for slot, literal in zip(template.slots, template.literals[1:], strict=True):
        shown += [f"{{{slot.name}}}", literal]
    return shown
