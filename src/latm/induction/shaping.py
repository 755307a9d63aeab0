"""One template from texts of one shape.

Aligned texts flow in; a `Template` flows out. Invariant: for questions, a template has
fixed text that says something, else there is none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from latm.induction.alignment import literals_and_gaps, tokens
from latm.induction.runs import with_runs
from latm.induction.slots import is_number, names_of, slot_of
from latm.templates import Matcher
from latm.types import Slot, Template

_ARTICLES = {"a", "an"}
MIN_CLUSTER = 3
"""Fewer texts than this do not show what is fixed and what varies."""


def induce_template(texts: Sequence[str]) -> Template | None:
    """The template of texts of one shape, or None when they share no fixed text.

    Args:
        texts: at least `MIN_CLUSTER` texts; fewer cannot tell fixed from varying.
    """
    if len(texts) < MIN_CLUSTER:
        return None
    literals, gaps = literals_and_gaps([tokens(t.strip()) for t in texts])
    if not any(any(c.isalnum() for c in literal) for literal in literals):
        return None
    return _template(literals, gaps)


def induce_answer(texts: Sequence[str]) -> Template:
    """The template of a class's answers; without shared text one slot holds the whole.

    Never None: the weakest answer template is a single text slot.
    """
    stripped = [t.strip() for t in texts]
    if len(stripped) >= MIN_CLUSTER:
        template = _template(*literals_and_gaps([tokens(t) for t in stripped]))
        # What a solver computes is no instruction: only questions are guarded.
        slots = tuple(replace(slot, guarded=False) for slot in template.slots)
        template = Template(template.literals, slots)
        if slots and all(Matcher(template).match(t) is not None for t in stripped):
            return template
    return Template(("", ""), (Slot("answer", "text"),))


def _template(literals: list[str], gaps: list[list[str]]) -> Template:
    literals, gaps, runs = with_runs(*_split_columns(*_loosened(literals, gaps)))
    names = names_of(literals, gaps)
    slots = tuple(
        replace(runs[n], name=name) if n in runs else slot_of(name, values)
        for n, (name, values) in enumerate(zip(names, gaps, strict=True))
    )
    return Template(tuple(literals), slots)


def _loosened(literals: list[str], gaps: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Make a slot of a fixed word that stands where other slots have it as a value.

    "First, {a} and {b} swap. Then, Eve and {c} swap": three texts may all have said Eve.
    """
    values: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for n, gap in enumerate(gaps):
        values[_near(literals[n], literals[n + 1])].update(gap)
    new_literals, new_gaps = [""], list[list[str]]()
    for n, literal in enumerate(literals):
        parts = tokens(literal)
        for i, token in enumerate(parts):
            near = _near("".join(parts[:i]), "".join(parts[i + 1 :]))
            if new_literals[-1] and "" not in near[1:] and token in values.get(near, ()):
                new_gaps.append([token] * len(gaps[0]))
                new_literals.append("")
            else:
                new_literals[-1] += token
        if n < len(gaps):
            new_gaps.append(gaps[n])
            new_literals.append("")
    return new_literals, new_gaps


def _near(before: str, after: str) -> tuple[str, ...]:
    """Two tokens before a place and one after it; none where another slot is."""
    left = ["", "", *(t for t in tokens(before) if not t.isspace())]
    right = tokens(after.lstrip())
    return *left[-2:], right[0] if right else ""


def _split_columns(literals: list[str], gaps: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Split "5 km", "12 miles" into a number and a word, "a fig", "an owl" after the article."""
    new_literals, new_gaps = literals[:1], list[list[str]]()
    articles = any(_articles(gap) == _ARTICLES for gap in gaps)
    for gap, literal in zip(gaps, literals[1:], strict=True):
        if articles and (parted := _parted(new_literals, gap)):
            new_gaps.append(parted[0])
            new_literals.append(" ")
            gap = parted[1]
        for column in _columns(gap):
            new_gaps.append(column)
            new_literals.append(" ")
        new_literals[-1] = literal
    return new_literals, new_gaps


def _columns(gap: list[str]) -> list[list[str]]:
    """Columns of different types, or the gap as it is."""
    columns = list(zip(*(v.split(" ") for v in gap), strict=False))
    same_width = len({v.count(" ") for v in gap}) == 1
    numeric = [all(map(is_number, c)) for c in columns]
    if same_width and len(columns) <= 4 and any(numeric) and not all(numeric):
        return list(map(list, columns))
    return [gap]


def _articles(gap: list[str]) -> set[str]:
    return {v.split(" ", 1)[0] for v in gap if " " in v} if all(" " in v for v in gap) else set()


def _parted(literals: list[str], gap: list[str]) -> tuple[list[str], list[str]] | None:
    """The article and the rest of each value; the literal before may end in an article."""
    if _articles(gap) and _articles(gap) <= _ARTICLES:
        return [v.split(" ", 1)[0] for v in gap], [v.split(" ", 1)[1] for v in gap]
    ends = re.search(r"\b(an?) $", literals[-1])
    if ends is None or ends.start() == 0:
        return None
    literals[-1] = literals[-1][: ends.start()]
    return [ends[1]] * len(gap), gap


def fixed_words(template: Template) -> int:
    """How many words of fixed text a template has: what it recognises a request by."""
    return sum(len(re.findall(r"\w+", literal)) for literal in template.literals)


def pieces(template: Template) -> list[str]:
    """Literals and ``{slot}`` names in order, for people and prompts."""
    shown = [template.literals[0]]
    for slot, literal in zip(template.slots, template.literals[1:], strict=True):
        shown += [f"{{{slot.name}}}", literal]
    return shown
