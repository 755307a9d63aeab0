"""Traffic: a seed and a length flow in, a mixed, drifting stream of requests flows out.

Classes of questions that recur (shares like Zipf's, some begin late, some fade), near misses
of them, questions that come once, and conversations of several turns. Invariants: the same
seed gives the same stream on every machine; each request carries what a right answer is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from latm.answers import same
from latm.bench import words
from latm.bench.decoys import edited
from latm.bench.families import families, family
from latm.errors import InputError
from latm.types import Case

Kind: TypeAlias = Literal["class", "decoy", "once", "turns"]
Message: TypeAlias = dict[str, str]

SHARES: Mapping[Kind, float] = {"class": 0.82, "decoy": 0.06, "once": 0.06, "turns": 0.06}
_EXPONENT = 0.6
"""Of the shares of classes: the n-th commonest is asked n ** -0.6 times as often as the first."""
_REPEATED = 0.05
"""Of the requests of a class: word for word one that came before."""
_UNSURE = (
    "I am not sure what you need here; could you say it in other words?",
    "That request does not fit together. What should the result look like?",
    "There is more than one way to read this. Which one do you mean?",
)


@dataclass(frozen=True, slots=True)
class Kindred:
    """A class of the stream.

    Attributes:
        begins: share of the stream that is over when it is first asked; ``ends``: when last.
        system: instructions around each question.
    """

    family: str
    begins: float = 0.0
    ends: float = 1.0
    system: str = ""


_OFFICE = (
    "You are the assistant of a small parcel service. Answer with the bare result: no greeting, "
    "no explanation, no full sentence. If a rule is given in the request, follow it to the letter."
)
_SCHOOL = "You help teachers with their paperwork. Reply with the answer only."
_CRM = (
    "You clean contact data before it is imported. Return exactly one line with the cleaned value "
    "and nothing else; never invent data that is not in the request."
)

CLASSES = (
    Kindred("word-sorting"),
    Kindred("shipping-cost", system=_OFFICE),
    Kindred("grade-from-points", begins=0.25, system=_SCHOOL),
    Kindred("name-capitals", system=_CRM),
    Kindred("invoice-line-total", ends=0.7),
    Kindred("clock-24-hours"),
    Kindred("weekday-of-date", begins=0.15),
    Kindred("dedupe-tags", system=_CRM),
    Kindred("count-words"),
    Kindred("parking-fee", system=_OFFICE),
    Kindred("flip-names", begins=0.1, system=_CRM),
    Kindred("sort-by-last-name", system=_SCHOOL),
    Kindred("ordinal-number", ends=0.6),
    Kindred("avatar-initials"),
)
"""The commonest first."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the stream.

    Attributes:
        right: the answer that is right; None where every answer of a tool would be wrong.
        said: what the upstream answers.
    """

    kind: Kind
    family: str
    messages: tuple[tuple[str, str], ...]
    right: str | None
    said: str

    @property
    def question(self) -> str:
        return self.messages[-1][1]

    def body(self) -> list[Message]:
        """The messages as they are sent."""
        return [{"role": role, "content": text} for role, text in self.messages]

    def is_right(self, answer: str) -> bool:
        return self.right is not None and same(answer, self.right)


def stream(seed: int, count: int, classes: Sequence[Kindred] = CLASSES) -> Iterator[Request]:
    """So many requests, in the order they are sent.

    Raises:
        InputError: there are fewer different questions than the stream asks.
    """
    # Reproducible by seed and no secret: a cryptographic source would be wrong here.
    dice = random.Random(f"stream {seed}")
    hands = {one.family: iter(_cases(one.family, seed, count)) for one in classes}
    near = {one.family: iter(_near(one.family, seed, count)) for one in classes}
    once = iter(_once(dice))
    asked: dict[str, list[Request]] = {one.family: [] for one in classes}
    kinds, shares = list(SHARES), list(SHARES.values())
    for number in range(count):
        kind = dice.choices(kinds, shares)[0]
        one = _drawn(dice, classes, number / count)
        if kind == "once":
            found = next(once, None)
            if found is not None:
                yield Request("once", "", (("user", found.question),), None, found.answer)
                continue
            kind = "class"
        if kind == "decoy":
            decoy = next(near[one.family], None)
            if decoy is not None:
                said = dice.choice(_UNSURE) if decoy[1] is None else decoy[1]
                turns = (*_around(one), ("user", decoy[0]))
                yield Request("decoy", one.family, turns, decoy[1], said)
                continue
            kind = "class"
        before = asked[one.family]
        if kind == "class" and before and dice.random() < _REPEATED:
            yield dice.choice(before)
            continue
        case = next(hands[one.family])
        plain = Request(
            "class", one.family, (*_around(one), ("user", case.question)), case.answer, case.answer
        )
        if kind == "turns":
            yield _continued(dice, one, plain)
            continue
        before.append(plain)
        yield plain


def _drawn(dice: random.Random, classes: Sequence[Kindred], over: float) -> Kindred:
    weights = [
        (rank + 1) ** -_EXPONENT if one.begins <= over < one.ends else 0.0
        for rank, one in enumerate(classes)
    ]
    return dice.choices(classes, weights)[0]


def _around(one: Kindred) -> tuple[tuple[str, str], ...]:
    return (("system", one.system),) if one.system else ()


def _continued(dice: random.Random, one: Kindred, plain: Request) -> Request:
    """The same question in a conversation that changes its answer."""
    told, changed = dice.choice(
        [
            ("From now on answer in capital letters.", plain.said.upper()),
            ("Put >> before each of your answers.", f">> {plain.said}"),
            ("End each answer with: Anything else?", f"{plain.said} Anything else?"),
        ]
    )
    turns = (("user", told), ("assistant", "All right."), ("user", plain.question))
    return Request("turns", one.family, (*_around(one), *turns), changed, changed)


def _cases(name: str, seed: int, count: int) -> Iterator[Case]:
    if name == "word-sorting":
        yield from words.cases(seed, count)
        return
    # As many as there are; a family with few questions has to be asked in steps.
    most = count
    while True:
        try:
            cases = family(name).generate(seed, most)
        except InputError:
            if most < _FEWEST:
                raise
            most = most * 3 // 4
            continue
        yield from cases
        raise InputError(f"family {name!r} has only {most} questions; send a shorter stream")


_FEWEST = 50


def _near(name: str, seed: int, count: int) -> Sequence[tuple[str, str | None]]:
    """Edited questions of a class, of another seed than those that are asked."""
    hand = _cases(name, seed + 1, max(_FEWEST, count // 20))
    cases = [next(hand) for _ in range(_FEWEST)]
    decoys = edited(cases, seed=seed, count=max(10, count // 30))
    return [(decoy.question, decoy.right) for decoy in decoys]


def _once(dice: random.Random) -> list[Case]:
    cases = [case for one in families("untoolable") for case in one.generate(1, 1000)]
    dice.shuffle(cases)
    return cases
