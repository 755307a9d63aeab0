"""What the maker is told: prompt shapes and strategies, as pure text.

A `Shape` and a strategy flow in, a `ChatRequest` flows out. Invariant: nothing but the
shape's shown examples and its own fixed words enters a prompt, and those are the requester's
data: they are quoted, never followed.

Small models copy what they are shown: bare assertions without docstrings give a solver in
a tenth of the tokens that examples in a docstring do. The question's own words come first
in the portfolio: from assertions alone the embedded model returns a list unsorted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from latm.making.shape import Example, Shape
from latm.types import ChatRequest, Json, Message

ENTRY = "solve"
_SHOWN_CHARACTERS = 500
_VOCABULARY = 12


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to ask: which words are given, and which hint.

    Attributes:
        name: as it stands in a tool's provenance.
        task: whether the question's own words are shown.
        hint: how to go about it, or empty.
        view: in which form the arguments are handed over.
    """

    name: str
    task: bool = False
    hint: str = ""
    view: Literal["all", "numbers", "text"] = "all"


PORTFOLIO = (
    Strategy("task", task=True),
    Strategy("assertions"),
    Strategy("brute-force", True, "Use a brute force search over all candidates.", "numbers"),
    Strategy("numbers", task=True, view="numbers"),
    Strategy("simulate", task=True, hint="Simulate the steps one after the other."),
    Strategy(
        "stack",
        task=True,
        hint="Use a stack and a dictionary of pairs. "
        "Return the partners of what is left on the stack, last first.",
    ),
    Strategy("plain-text", task=True, view="text"),
    Strategy("overlap", task=True, hint="Compare all pairs; return the earliest that fits."),
    Strategy("permutations", task=True, hint="Try all permutations against the constraints."),
    Strategy("sort-key", task=True, hint="Sort with a key."),
    Strategy("regular-expression", task=True, hint="Extract with re, then compute."),
    Strategy("dates", task=True, hint="Use the datetime module."),
    Strategy("exact-decimals", task=True, hint="Use the decimal module."),
    Strategy("table", task=True, hint="Use a dictionary of known values."),
)


def propose(shape: Shape, strategy: Strategy, *, temperature: float, seed: int) -> ChatRequest:
    """Ask for a solver.

    Args:
        temperature: 0 is greedy; a seed makes a sample repeatable.
    """
    chosen = choose_examples(shape.examples)
    lines = ["Write a Python function that makes all assertions true.", ""]
    if strategy.task:
        lines += ["It answers questions of this form:", _quoted(described(shape))]
        lines += [*_vocabularies(shape), ""]
    if strategy.hint:
        lines += [strategy.hint, ""]
    lines += [signature(shape), "", *(assertion(shape, e) for e in chosen), ""]
    lines.append("Reply with the code of the function only, without comments or tests.")
    return _request("\n".join(lines), temperature, seed)


def repair(shape: Shape, source: str, failure: str, *, seed: int) -> ChatRequest:
    """Ask for a corrected solver after a failing shown case."""
    chosen = choose_examples(shape.examples)
    lines = [
        "This Python function is wrong:",
        "```python",
        source,
        "```",
        failure,
        "It answers questions of this form:",
        _quoted(described(shape)),
        "",
        "Write it again so that all assertions hold:",
        *(assertion(shape, e) for e in chosen),
        "",
        "Reply with the code of the function only, without comments or tests.",
    ]
    return _request("\n".join(lines), 0.4, seed)


def described(shape: Shape) -> str:
    """The question's form in the solver's terms: ``{name}`` or ``{name[0]}`` for its slots."""
    terms = {
        slot: p.name if len(p.slots) == 1 else f"{p.name}[{n}]"
        for p in shape.parameters
        for n, slot in enumerate(p.slots)
    }
    shown = [shape.template.literals[0]]
    for slot, literal in zip(shape.template.slots, shape.template.literals[1:], strict=True):
        shown += [f"{{{terms[slot.name]}}}" if slot.name in terms else "...", literal]
    return "".join(shown)


def _vocabularies(shape: Shape) -> Iterator[str]:
    """The items of a list that come from a small fixed set, so that none is forgotten."""
    for n, name in enumerate(shape.names):
        values = [e.arguments[n] for e in shape.examples]
        items = {i for v in values if isinstance(v, list) for i in v if isinstance(i, str)}
        if 1 < len(items) <= _VOCABULARY and sum(map(_length, values)) > 3 * len(items):
            yield f"Items of {name}: {sorted(items)}"


def _length(value: Json) -> int:
    return len(value) if isinstance(value, list) else 0


def signature(shape: Shape) -> str:
    """The first line of the function wanted."""
    return f"def {ENTRY}({', '.join(shape.names)}):"


def assertion(shape: Shape, example: Example) -> str:
    """One shown example as an assertion."""
    arguments = ", ".join(repr(a) for a in example.arguments)
    return f"assert {ENTRY}({arguments}) == {example.wanted!r}"


def choose_examples(examples: Sequence[Example], most: int = 4) -> list[Example]:
    """Short examples with different answers first, within a bound of characters."""
    ranked = sorted(
        examples, key=lambda e: (len(repr(e.arguments)) + len(repr(e.wanted)), repr(e.arguments))
    )
    # The very shortest cases are often degenerate (nothing to do): start with a fuller one.
    start = len(ranked) // 6
    ranked = ranked[start:] + ranked[:start]
    chosen: list[Example] = []
    seen: set[str] = set()
    size = 0
    for fresh_answer in (True, False):
        for example in ranked:
            length = len(repr(example.arguments)) + len(repr(example.wanted))
            known = repr(example.wanted) in seen
            if example in chosen or (fresh_answer and known) or len(chosen) >= most:
                continue
            if chosen and size + length > _SHOWN_CHARACTERS:
                continue
            chosen.append(example)
            seen.add(repr(example.wanted))
            size += length
    return chosen


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _request(content: str, temperature: float, seed: int) -> ChatRequest:
    return ChatRequest(
        (
            Message("system", "You write short, correct Python. Standard library only."),
            Message("user", content),
        ),
        temperature=temperature,
        max_tokens=400,
        seed=seed,
    )
