"""Duplicates, contradictions, and the split into shown and held-out cases.

Cases flow in, a `CaseFile` or a `Split` flows out. Invariant: no question is on both
sides of a split, and a case's side does not hang on its place in the file.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from latm.errors import CasesError
from latm.types import Case

LEAST_SHOWN = 3
LEAST_HELD_OUT = 3
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A case that says again what another one said."""

    first: Case
    again: Case


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two cases with the same question and different answers."""

    first: Case
    second: Case

    def __str__(self) -> str:
        return (
            f"{place(self.second)} contradicts {place(self.first)}: question "
            f"{shorten(self.first.question)} has answers {shorten(self.first.answer)} "
            f"and {shorten(self.second.answer)}"
        )


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What a file holds. ``cases`` has the first case of each question, in file order."""

    source: str
    cases: tuple[Case, ...]
    duplicates: tuple[Duplicate, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    def consistent(self) -> tuple[Case, ...]:
        """The cases, when none contradicts another.

        Raises:
            CasesError: a contradiction; names both lines.
        """
        if not self.contradictions:
            return self.cases
        first, rest = self.contradictions[0], len(self.contradictions) - 1
        more = f" (and {rest} more contradictions)" if rest else ""
        raise CasesError(f"{self.source}: {first}{more}; keep one of the two")


@dataclass(frozen=True, slots=True)
class Split:
    """Cases that the maker may see, and cases that only the verifier sees."""

    shown: tuple[Case, ...]
    held_out: tuple[Case, ...]


def sift(source: str, cases: Iterable[Case]) -> CaseFile:
    """Set duplicates and contradictions apart.

    Questions are the same when they differ in surrounding blanks and line ends only,
    answers when they differ in blanks only.
    """
    first_by_question: dict[str, Case] = {}
    duplicates: list[Duplicate] = []
    contradictions: list[Contradiction] = []
    for case in cases:
        first = first_by_question.setdefault(_question_key(case.question), case)
        if first is case:
            continue
        if same_answer_text(first.answer, case.answer):
            duplicates.append(Duplicate(first, case))
        else:
            contradictions.append(Contradiction(first, case))
    kept = tuple(first_by_question.values())
    return CaseFile(source, kept, tuple(duplicates), tuple(contradictions))


def require_enough(
    cases: Sequence[Case], *, shown: int = LEAST_SHOWN, held_out: int = LEAST_HELD_OUT
) -> None:
    """Refuse cases too few to make a tool from and to verify it.

    Raises:
        CasesError: says how many there are and how many are needed.
    """
    least = shown + held_out
    if len(cases) < least:
        source = cases[0].origin.source if cases and cases[0].origin else "the file"
        raise CasesError(
            f"{source} has {len(cases)} different case{'s' * (len(cases) != 1)}, but at least "
            f"{least} are needed ({shown} to show the maker, {held_out} to verify); add more"
        )


def split(
    cases: Sequence[Case],
    seed: int,
    *,
    most_shown: int = MOST_SHOWN,
    strata: Sequence[int] | None = None,
) -> Split:
    """Split cases into shown ones (about a third, 3 to ``most_shown``) and held-out ones.

    A case's side hangs on a hash of seed and question, not on its position, so it stays
    where it is when cases are added or reordered, as far as the bounds on the counts allow.

    Args:
        strata: for each case a label of the shape of its question. Of each label that has
            enough cases a few are shown (`_share`), even beyond ``most_shown``.

    Raises:
        CasesError: fewer than 6 cases.
    """
    require_enough(cases)
    ranked = sorted((_rank(seed, case), i) for i, case in enumerate(cases))
    third = sum(rank * 3 < 1 << 256 for rank, _ in ranked)
    order = [i for _, i in ranked]
    first = _shares(order, strata) if strata is not None else []
    count = max(LEAST_SHOWN, min(third, most_shown), len(first))
    count = min(count, len(cases) - LEAST_HELD_OUT)
    shown = {*[*first, *(i for i in order if i not in first)][:count]}
    return Split(
        tuple(cases[i] for i in order if i in shown),
        tuple(cases[i] for i in order if i not in shown),
    )


def _shares(order: Sequence[int], strata: Sequence[int]) -> list[int]:
    """The first few cases of each stratum."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i in order:
        members[strata[i]].append(i)
    return [i for m in members.values() for i in m[: _share(len(m))]]


def _share(count: int) -> int:
    """How many of so many cases are shown at least: a third, if enough are left to judge by."""
    if count < LEAST_SHOWN + LEAST_HELD_OUT:
        return 0
    return min(max(LEAST_SHOWN, -(-count // 3)), 2 * LEAST_SHOWN)


def question_digest(question: str) -> str:
    """SHA-256 of a question, the same for questions that `sift` takes for the same."""
    return hashlib.sha256(_question_key(question).encode("utf-8", "surrogatepass")).hexdigest()


def same_answer_text(one: str, other: str) -> bool:
    """Are two answers the same but for blanks?"""
    return one.split() == other.split()


def place(case: Case) -> str:
    """Where a case stands, in words."""
    if case.origin is None:
        return "a case"
    if case.origin.line is not None:
        return f"line {case.origin.line}"
    return f"example {case.origin.source.rpartition('#')[2]}"


def shorten(text: str, limit: int = 60) -> str:
    """A text as a literal, cut to ``limit`` characters, for use in an error."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def _question_key(question: str) -> str:
    return question.replace("\r\n", "\n").strip()


def _rank(seed: int, case: Case) -> int:
    key = f"{seed}\n{_question_key(case.question)}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(key).digest(), "big")
