"""Partial candidates combined: by cases (one format each), and by fields of the answer.

Trials that pass some of the shown examples flow in; one draft that passes all flows out,
when a property of the arguments tells which of them to use. Invariants: the decision is
read off argument types and values that were shown, and arguments that were not of any of
those give None: a combined tool abstains outside of what it was put together for.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from latm.making import normal
from latm.making.brief import Brief, Helper, Layer, brief_of
from latm.making.renaming import renamed
from latm.making.shape import Example, Shape
from latm.making.trials import Draft, Trial
from latm.types import Json

MIN_GROUP = 3
"""So many shown examples must stand behind each case of a distinction."""

_MAX_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Distinction:
    """What tells the cases apart: a helper's value for one parameter.

    Attributes:
        groups: numbers of the examples by that value.
    """

    name: str
    helper: Helper
    groups: Mapping[Json, tuple[int, ...]]


def distinctions(brief: Brief) -> Iterator[Distinction]:
    """Ways to part the examples into a few groups with enough of them in each.

    Texts that hold more and fewer numbers come first, then what needs the fewest groups.
    """
    found: list[Distinction] = []
    for n, name in enumerate(brief.names):
        for helper in (normal.latm_count, normal.latm_same, normal.latm_form):
            groups: dict[Json, list[int]] = {}
            for i, example in enumerate(brief.examples):
                key = helper(example.arguments[n])
                if not isinstance(key, str):
                    break
                groups.setdefault(key, []).append(i)
            else:
                if 2 <= len(groups) <= _MAX_GROUPS and min(map(len, groups.values())) >= MIN_GROUP:
                    kept = {key: tuple(members) for key, members in groups.items()}
                    found.append(Distinction(name, helper, kept))
    return iter(
        sorted(
            found,
            key=lambda d: (d.helper is not normal.latm_count or "0" in d.groups, len(d.groups)),
        )
    )


def by_cases(shape: Shape, trials: Sequence[Trial]) -> Draft | None:
    """One draft from partial trials of one shape, or None when no distinction parts them.

    Trials of briefs on it count with their glue.
    """
    brief = brief_of(shape)
    mine = [t for t in trials if t.draft.brief.shape == shape]
    for distinction in distinctions(brief):
        chosen: dict[Json, Draft] = {}
        for key, members in distinction.groups.items():
            able = next((t for t in mine if t.passed >= set(members)), None)
            if able is None:
                break
            chosen[key] = whole(able, shape)
        else:
            return _joined(brief, distinction, chosen)
    return None


def whole(trial: Trial, shape: Shape) -> Draft:
    """What was tried, glue and all, as one source for a shape of the same slots."""
    return replace(
        trial.draft, brief=brief_of(shape), source=trial.solver.source, entry=trial.solver.entry
    )


def of_several_forms(shape: Shape) -> bool:
    """Whether the texts of an argument hold more or fewer numbers."""
    found = distinctions(brief_of(shape))
    return any(d.helper is normal.latm_count and "0" not in d.groups for d in found)


def part_of(brief: Brief, members: Sequence[int]) -> Brief:
    """The brief for some of its examples: what a case by itself is asked with."""
    return replace(
        brief,
        shape=replace(brief.shape, examples=tuple(brief.shape.examples[n] for n in members)),
        examples=tuple(brief.examples[n] for n in members),
    )


def _joined(brief: Brief, distinction: Distinction, chosen: Mapping[Json, Draft]) -> Draft:
    drafts = list(dict.fromkeys((d.source, d.entry) for d in chosen.values()))
    sources = [renamed(source, f"_{n}") for n, (source, _) in enumerate(drafts)]
    arguments = ", ".join(brief.names)
    call = distinction.helper.__name__
    lines = [f"def {brief.entry}({arguments}):", f"    kind = {call}({distinction.name})"]
    for key, draft in chosen.items():
        number = drafts.index((draft.source, draft.entry))
        lines += [
            f"    if kind == {key!r}:",
            f"        return {draft.entry}_{number}({arguments})",
        ]
    lines.append("    return None")
    helper = inspect.getsource(distinction.helper)
    return Draft(brief, "\n\n".join([helper, *sources, "\n".join(lines) + "\n"]), brief.entry)


# --- by fields -------------------------------------------------------------------------


def field_brief(brief: Brief, found: Mapping[int, str], missing: Sequence[int]) -> Brief:
    """The brief in which only the missing fields of the answer are wanted.

    Args:
        found: expressions over the solver's parameters for the other fields.
        missing: numbers of the fields that the function wanted returns, one or a list.
    """
    examples = tuple(replace(e, wanted=_fields(e, missing)) for e in brief.examples)
    call = f"{{inner}}({', '.join(brief.names)})"
    count = len(found) + len(missing)
    if len(missing) == 1:
        parts = [found.get(n, call) for n in range(count)]
        layer = Layer((), brief.names, f"[{', '.join(parts)}]")
    else:
        parts = [found.get(n, "None") for n in range(count)]
        body = f"{normal.latm_filled.__name__}([{', '.join(parts)}], {list(missing)}, {call})"
        layer = Layer((normal.latm_filled,), brief.names, body)
    return replace(brief, examples=examples, layers=(*brief.layers, layer))


def _fields(example: Example, numbers: Sequence[int]) -> Json:
    wanted = example.wanted
    assert isinstance(wanted, list)
    return wanted[numbers[0]] if len(numbers) == 1 else [wanted[n] for n in numbers]


def of_fields(brief: Brief, found: Mapping[int, str], drafts: Mapping[int, Draft]) -> Draft:
    """One draft from one for each missing field."""
    numbers = sorted(drafts)
    sources = [renamed(drafts[n].source, f"_{n}") for n in numbers]
    arguments = ", ".join(brief.names)
    parts = [
        found[n] if n in found else f"{drafts[n].entry}_{n}({arguments})"
        for n in range(len(found) + len(drafts))
    ]
    last = f"def {brief.entry}({arguments}):\n    return [{', '.join(parts)}]\n"
    return Draft(brief, "\n\n".join([*sources, last]), brief.entry)
