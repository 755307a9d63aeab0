"""Properties: what holds between arguments and answer of every shown case must go on holding.

Examples of a tool flow in; properties that all of them have, and new inputs put together from
their arguments, flow out; a tool that breaks a property on such an input is told on. Invariant:
no reference answer is needed, and no held-out value is part of an input or of a message.

Relations between arguments and answer are read off references, so a tool that breaks one is
refused. Laws are read off the tool (twice is as once; the order of a list is nothing to it),
and an honest tool may bend them, so they only make a note.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from latm.execution import Executor, matcher_of, positional, render_answer
from latm.identity import canonical_json
from latm.making.shape import Example
from latm.making.synthetic import Arguments, is_number, ordered, shuffled, synthetic
from latm.types import Case, Json, Returned, Template, Tool

MIN_TELLING = 6
"""So many shown cases must tell of a property; fewer have it by chance."""

_FEW_CHARACTERS = 12
_MOST_FAILURES = 5
_ROUNDED = (2, 3)

_Pairs = Sequence[tuple[Arguments, Json]]
Test = Callable[[Json, Json], bool | None]
"""(argument, answer's value) → whether the relation holds; None: the pair does not tell."""


@dataclass(frozen=True, slots=True)
class Property:
    """A relation that all shown cases have.

    Attributes:
        words: what it says of the answer.
        parameter: number of the argument that it compares with, None: of the answer alone.
        strict: whether an honest tool must keep it on any input of the kind.
    """

    words: str
    parameter: int | None
    test: Test
    strict: bool = True

    def holds(self, arguments: Sequence[Json], value: Json) -> bool | None:
        """Whether it holds; None where it says nothing."""
        return self.test(None if self.parameter is None else arguments[self.parameter], value)


@dataclass(frozen=True, slots=True)
class Broken:
    """What became of properties on new inputs.

    Attributes:
        reasons: properties of all shown cases that the tool broke.
        notes: what is odd but may be right: crashes, values without the answers' form, and
            laws of the tool's own behaviour that do not hold everywhere.
    """

    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def examples_of(tool: Tool, cases: Sequence[Case]) -> tuple[Example, ...]:
    """Arguments and wanted value of the cases that the tool's templates take."""
    if tool.template is None:
        return ()
    names = [slot.name for slot in tool.template.slots]
    found: list[Example] = []
    for case in cases:
        values = matcher_of(tool.template).match(case.question)
        wanted = _value(tool.answer, case.answer)
        if values is not None and wanted is not None:
            arguments = positional(tool.solver, dict(zip(names, values, strict=True)))
            found.append(Example(tuple(arguments), wanted, case))
    return tuple(found)


def _value(answer: Template, text: str) -> Json:
    values = matcher_of(answer).match(text)
    if values is None:
        return None
    return values[0] if len(values) == 1 else list(values)


# --- properties ------------------------------------------------------------------------


def proposed(examples: Sequence[Example]) -> tuple[Property, ...]:
    """The properties that all examples have and enough of them tell of, strongest first."""
    return tuple(p for p in _candidates(examples) if _stands(p, examples))


def lasting(properties: Sequence[Property], examples: Sequence[Example]) -> tuple[Property, ...]:
    """Those that no further example contradicts."""
    return tuple(
        p for p in properties if all(p.holds(e.arguments, e.wanted) is not False for e in examples)
    )


def _stands(candidate: Property, examples: Sequence[Example]) -> bool:
    told = [(e, candidate.holds(e.arguments, e.wanted)) for e in examples]
    telling = [e for e, held in told if held is not None]
    if len(telling) < MIN_TELLING or not all(held is not False for _, held in told):
        return False
    # One answer again and again tells as much as one case; of lengths, one length.
    length = candidate.test is _as_long
    return len({_size(e.wanted) if length else canonical_json(e.wanted) for e in telling}) >= 3


def _size(value: Json) -> str:
    return str(len(value)) if isinstance(value, str | list) else ""


def _candidates(examples: Sequence[Example]) -> Iterator[Property]:
    count = len(examples[0].arguments) if examples else 0
    for words, test in _RELATIONS:
        yield from (Property(words, n, test) for n in range(count))
    for words, test in _FORMS:
        yield Property(words, None, test)
    places = max((_decimals(e.wanted) for e in examples), default=0)
    if places in _ROUNDED:
        # Shown divisions may come out even by choice.
        yield Property(f"has at most {places} decimals", None, partial(_rounded, places), False)


def _key(value: Json) -> str:
    return canonical_json(value)


def _permutation(argument: Json, value: Json) -> bool | None:
    if not isinstance(argument, list) or not isinstance(value, list) or len(argument) < 2:
        return None
    return Counter(map(_key, argument)) == Counter(map(_key, value))


def _subsequence(argument: Json, value: Json) -> bool | None:
    if not isinstance(argument, list) or not isinstance(value, list) or not value:
        return None
    rest = iter(map(_key, argument))
    return all(_key(v) in rest for v in value)


def _subset(argument: Json, value: Json) -> bool | None:
    if not isinstance(argument, list) or not isinstance(value, list) or not value:
        return None
    return not Counter(map(_key, value)) - Counter(map(_key, argument))


def _item(argument: Json, value: Json) -> bool | None:
    if not isinstance(argument, list) or isinstance(value, list) or len(argument) < 2:
        return None
    return _key(value) in set(map(_key, argument))


def _as_long(argument: Json, value: Json) -> bool | None:
    alike = (isinstance(argument, str) and isinstance(value, str)) or (
        isinstance(argument, list) and isinstance(value, list)
    )
    if not alike:
        return None
    return len(argument) == len(value)  # type: ignore[arg-type]


def _shuffled(argument: Json, value: Json) -> bool | None:
    if not isinstance(argument, str) or not isinstance(value, str) or len(argument) < 2:
        return None
    return sorted(argument) == sorted(value)


def _spelled(argument: Json, value: Json) -> bool | None:
    if not isinstance(argument, str) or not isinstance(value, str) or len(value) < 3:
        return None
    few = set(argument.casefold())
    # A sentence holds nearly every letter, and so the letters of any answer.
    return set(value.casefold()) <= few if len(few) <= _FEW_CHARACTERS else None


def _between(argument: Json, value: Json) -> bool | None:
    if not isinstance(argument, list) or len(argument) < 2 or not is_number(value):
        return None
    numbers = [v for v in argument if is_number(v)]
    if len(numbers) < len(argument):
        return None
    return min(numbers) <= value <= max(numbers)


def _ascending(_: Json, value: Json) -> bool | None:
    return ordered(value, 1)


def _descending(_: Json, value: Json) -> bool | None:
    return ordered(value, -1)


def _rounded(places: int, _: Json, value: Json) -> bool | None:
    return _decimals(value) <= places if isinstance(value, float) else None


def _decimals(value: Json) -> int:
    if not isinstance(value, float):
        return 0
    return len(f"{value:.12f}".rstrip("0").partition(".")[2])


_RELATIONS: tuple[tuple[str, Test], ...] = (
    ("has just the items of", _permutation),
    ("has its items, in this order, from", _subsequence),
    ("has its items from", _subset),
    ("is one of", _item),
    ("is as long as", _as_long),
    ("has just the characters of", _shuffled),
    ("has its characters from", _spelled),
    ("is between the least and the greatest of", _between),
)
_FORMS: tuple[tuple[str, Test], ...] = (
    ("is in ascending order", _ascending),
    ("is in descending order", _descending),
)


# --- the tool --------------------------------------------------------------------------


async def broken(
    executor: Executor,
    tool: Tool,
    properties: Sequence[Property],
    examples: Sequence[Example],
    seed: int = 0,
) -> Broken:
    """Run a tool on new inputs and see which properties it breaks.

    Args:
        examples: shown ones; the inputs are made of these.

    Raises:
        SandboxUnavailableError: an engine is broken; says nothing of the tool.
    """
    answers = await _answers(executor, tool, synthetic(examples, seed))
    given = [(arguments, v) for arguments, v in answers if not isinstance(v, _Nothing)]
    told = [(p.strict, how) for p in properties if (how := _counterexample(p, tool, given))]
    notes = [*(how for strict, how in told if not strict), *_failures([v for _, v in answers])]
    known = [(e.arguments, e.wanted) for e in examples]
    for law in _laws(known):
        if await _bends(executor, tool, law, known) == 0:
            bent = await _bends(executor, tool, law, given)
            if bent:
                notes.append(
                    f"{law.words} on all shown cases, but not on {bent} of {len(given)} inputs "
                    "put together from them"
                )
    return Broken(tuple(how for strict, how in told if strict), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Nothing:
    """No answer: the tool failed, or its value has not the form of the answers."""

    why: Literal["failed", "formless", "none"]


async def _answers(
    executor: Executor, tool: Tool, inputs: Sequence[Arguments]
) -> list[tuple[Arguments, Json | _Nothing]]:
    """The answers for the inputs, until too many of them failed: each may take its full time."""
    answers: list[tuple[Arguments, Json | _Nothing]] = []
    failed = 0
    for arguments in inputs:
        value = await _answer(executor, tool, arguments)
        answers.append((arguments, value))
        failed += value == _Nothing("failed")
        if failed == _MOST_FAILURES:
            break
    return answers


async def _answer(executor: Executor, tool: Tool, arguments: Arguments) -> Json | _Nothing:
    """The value as the answer's text says it, rounded and cut to form."""
    outcome = await executor.outcome(tool.solver, arguments)
    if not isinstance(outcome, Returned):
        return _Nothing("failed")
    if outcome.value is None:
        return _Nothing("none")
    text = render_answer(tool.answer, outcome.value)
    value = None if text is None else _value(tool.answer, text)
    return _Nothing("formless") if value is None else value


def _counterexample(p: Property, tool: Tool, given: _Pairs) -> str:
    """The first input on which a property does not hold, in words."""
    place = "" if p.parameter is None else f" {tool.solver.parameters[p.parameter].name!r}"
    for arguments, value in given:
        if p.holds(arguments, value) is False:
            call = f"({', '.join(map(_short, arguments))}) gives {_short(value)}"
            return f"the answer {p.words}{place} in every shown case, but {call}"
    return ""


def _short(value: Json) -> str:
    text = canonical_json(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _failures(answers: Sequence[Json | _Nothing]) -> Iterator[str]:
    why = Counter(a.why for a in answers if isinstance(a, _Nothing))
    place = f"of {len(answers)} inputs put together from shown cases"
    if why["failed"]:
        yield f"failed on {why['failed']} {place}"
    if why["formless"]:
        yield f"gave values without the form of the answers on {why['formless']} {place}"


# --- laws ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Law:
    """Arguments that must give the same answer, made of a call and its answer.

    Attributes:
        other: them, or None where there are no others.
    """

    words: str
    other: Callable[[Arguments, Json], Arguments | None]


def _laws(known: _Pairs) -> Iterator[_Law]:
    count = len(known[0][0]) if known else 0
    laws = [_Law("applied to its own answer it gives that answer", _again)]
    laws += [
        _Law(f"the order of argument {n + 1} changes nothing", partial(_reordered, n))
        for n in range(count)
    ]
    for law in laws:
        if sum(law.other(*pair) is not None for pair in known) >= MIN_TELLING:
            yield law


def _again(arguments: Arguments, value: Json) -> Arguments | None:
    alike = len(arguments) == 1 and type(arguments[0]) is type(value)
    return (value,) if alike and arguments[0] != value else None


def _reordered(n: int, arguments: Arguments, _: Json) -> Arguments | None:
    if not isinstance(arguments[n], list):
        return None
    changed = shuffled(random.Random(0), arguments[n])
    other = (*arguments[:n], changed, *arguments[n + 1 :])
    return other if other != arguments else None


async def _bends(executor: Executor, tool: Tool, law: _Law, pairs: _Pairs) -> int:
    """How often a law does not hold."""
    bent = 0
    for arguments, value in pairs:
        other = law.other(arguments, value)
        if other is not None:
            bent += await _answer(executor, tool, other) != value
    return bent
