"""One family: questions of one request class, made to order.

A name, a group and a way to make cases flow in; cases flow out. Invariants: the same seed
gives the same cases on every machine; no two cases of one call ask the same question; the
answer is computed here, never asked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from latm.errors import InputError
from latm.types import Case, Origin

Group = Literal["paper", "everyday", "gym", "untoolable"]

Dice = random.Random
Asked = tuple[str, str] | None
"""A question with its answer; None when the draw has no undisputed answer."""

_MISSES = 200
"""Draws in a row that bring nothing new before a family counts as used up."""


@dataclass(frozen=True, slots=True)
class Family:
    """Questions of one request class.

    Attributes:
        name: unique, in kebab case; a valid name of a tool.
        generate: seed and count to that many cases with different questions; raises
            `InputError` when the family has fewer.
        fresh: whether another seed brings other questions; without it the cases are a fixed
            stock: a seed only decides their order, and there are at most as many as it holds.
    """

    name: str
    group: Group
    generate: Callable[[int, int], Sequence[Case]]
    fresh: bool = True


def drawn(name: str, group: Group, ask: Callable[[Dice], Asked]) -> Family:
    """A family whose questions are drawn one by one, repetitions passed over."""

    def generate(seed: int, count: int) -> Sequence[Case]:
        # Reproducible by seed and no secret: a cryptographic source would be wrong here.
        dice = random.Random(f"{name} {seed}")
        answers: dict[str, str] = {}
        misses = 0
        while len(answers) < count:
            asked = ask(dice)
            if asked is None or asked[0] in answers:
                misses += 1
                if misses > _MISSES:
                    raise too_few(name, len(answers), count)
                continue
            misses = 0
            answers[asked[0]] = asked[1]
        return cases_of(name, seed, answers.items())

    return Family(name, group, generate)


def stock(name: str, group: Group, read: Callable[[], Sequence[tuple[str, str]]]) -> Family:
    """A family with a fixed stock of cases, read when they are asked for."""

    def generate(seed: int, count: int) -> Sequence[Case]:
        pairs = list(read())
        random.Random(f"{name} {seed}").shuffle(pairs)
        return cases_of(name, seed, pairs[:count])

    return Family(name, group, generate, fresh=False)


def cases_of(name: str, seed: int, pairs: Iterable[tuple[str, str]]) -> tuple[Case, ...]:
    """Questions and answers as cases that name the family and the seed as their origin."""
    return tuple(
        Case(question, answer, Origin(f"{name} seed {seed}", place))
        for place, (question, answer) in enumerate(pairs, 1)
    )


def too_few(name: str, there: int, asked: int) -> InputError:
    """What a family raises that has fewer questions than it is asked for."""
    return InputError(f"family {name!r} has only {there} questions, not {asked}; ask for fewer")
