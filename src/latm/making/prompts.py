"""What the maker is told: prompt shapes and strategies, as pure text.

A `Shape` and a strategy flow in, a `ChatRequest` flows out. Invariant: nothing but the
shape's shown examples and its own fixed words enters a prompt, and those are the requester's
data: they are quoted, never followed.

Small models copy what they are shown: bare assertions without docstrings give a solver in
a tenth of the tokens that examples in a docstring do. The question's own words come first
in the portfolio: from assertions alone the embedded model returns a list unsorted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from latm.making.brief import Brief
from latm.making.normal import latm_form
from latm.making.shape import Example
from latm.types import ChatRequest, Json, Message, Parameter

_SHOWN_CHARACTERS = 500
_MANY_CHARACTERS = 1200
_VOCABULARY = 12


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to ask: which words are given, and which hint.

    Attributes:
        name: as it stands in a tool's provenance.
        task: whether the question's own words are shown.
        hint: how to go about it, or empty.
        view: in which form the slots are handed over (`latm.making.shape`, `views`).
        many: show many examples instead of a few.
        when: for which briefs it is worth a call.
    """

    name: str
    task: bool = True
    hint: str = ""
    view: Literal["all", "focus", "text", "days", "numbers", "rest"] = "all"
    many: bool = False
    when: Callable[[Brief], bool] = lambda _: True


def propose(
    brief: Brief,
    strategy: Strategy,
    *,
    temperature: float,
    seed: int,
    hard: Collection[int] = (),
) -> ChatRequest:
    """Ask for the function of a brief.

    Args:
        temperature: 0 is greedy; a seed makes a sample repeatable.
        hard: numbers of examples that the best function so far gets wrong: shown first.
    """
    most, room = (12, _MANY_CHARACTERS) if strategy.many else (4, _SHOWN_CHARACTERS)
    wrong = choose_examples([brief.examples[n] for n in sorted(hard)], most, room // 2)
    others = [e for e in brief.examples if e not in wrong]
    chosen = [*wrong, *choose_examples(others, max(2, most - len(wrong)), room)]
    lines = ["Write a Python function that makes all assertions true.", ""]
    if strategy.task:
        lines += ["It answers questions of this form:", _quoted(described(brief)), ""]
    lines += [brief.note, ""] if brief.note else []
    lines += [brief.preamble, ""] if brief.preamble else []
    lines += [signature(brief), "", *(assertion(brief, e) for e in chosen), ""]
    lines += _vocabularies(brief)
    # Last, so that calls that differ only in their hint share the model's prompt cache.
    if strategy.hint:
        lines.append(strategy.hint)
    lines.append("Reply with the code of the function only, without comments or tests.")
    return _request("\n".join(lines), temperature, seed)


def repair(brief: Brief, source: str, failure: str, *, seed: int) -> ChatRequest:
    """Ask for a corrected function after a failing shown case."""
    chosen = choose_examples(brief.examples)
    lines = [
        "This Python function is wrong:",
        "```python",
        source,
        "```",
        failure,
        "It answers questions of this form:",
        _quoted(described(brief)),
        "",
        "Write it again so that all assertions hold:",
        *(assertion(brief, e) for e in chosen),
        "",
        "Reply with the code of the function only, without comments or tests.",
    ]
    return _request("\n".join(lines), 0.4, seed)


def described(brief: Brief) -> str:
    """The question's form in the function's terms: ``{name}``, ``{name[0]}``, ``{name[0][1]}``."""
    template = brief.shape.template
    terms = {
        slot: "".join([p.name, *(f"[{i!r}]" for i in _index(p, n))])
        for p in brief.shape.parameters
        if p.name in brief.names
        for n, slot in enumerate(p.slots)
    }
    told = dict(brief.told)
    told |= {slot: f"{{{term}}}" for slot, term in terms.items()}
    shown = [template.literals[0]]
    for slot, literal in zip(template.slots, template.literals[1:], strict=True):
        shown += [told.get(slot.name, "..."), literal]
    return "".join(shown)


def _index(parameter: Parameter, number: int) -> tuple[int | str, ...]:
    """Where the value of a parameter's slot stands in it."""
    if len(parameter.slots) == 1:
        return ()
    if parameter.keys:
        return (parameter.keys[number],)
    return (number,) if parameter.width == 1 else divmod(number, parameter.width)


def _vocabularies(brief: Brief) -> Iterator[str]:
    """The items of a list that come from a small fixed set, so that none is forgotten."""
    for n, name in enumerate(brief.names):
        values = [e.arguments[n] for e in brief.examples]
        items = {i for v in values if isinstance(v, list) for i in v if isinstance(i, str)}
        if 1 < len(items) <= _VOCABULARY and sum(map(_length, values)) > 3 * len(items):
            yield f"All items that {name} can hold: {sorted(items)}"


def _length(value: Json) -> int:
    return len(value) if isinstance(value, list) else 0


def signature(brief: Brief) -> str:
    """The first line of the function wanted."""
    return f"def {brief.entry}({', '.join(brief.names)}):"


def assertion(brief: Brief, example: Example) -> str:
    """One shown example as an assertion."""
    arguments = ", ".join(repr(a) for a in example.arguments)
    return f"assert {brief.entry}({arguments}) == {example.wanted!r}"


def choose_examples(
    examples: Sequence[Example], most: int = 4, characters: int = _SHOWN_CHARACTERS
) -> list[Example]:
    """Short examples with different answers first, within a bound of characters."""
    ranked = sorted(
        examples, key=lambda e: (len(repr(e.arguments)) + len(repr(e.wanted)), repr(e.arguments))
    )
    # The very shortest cases are often degenerate (nothing to do): start with a fuller one.
    start = len(ranked) // 6
    ranked = ranked[start:] + ranked[:start]
    chosen: list[Example] = []
    size = 0
    # One of each kind of answer and, when they are few, of each form; then different answers.
    few = len({_forms(e) for e in ranked}) <= most
    for told in (_kind, *((_forms,) if few else ()), _wanted, _anything):
        seen = {told(e) for e in chosen}
        for example in ranked:
            length = len(repr(example.arguments)) + len(repr(example.wanted))
            if example in chosen or told(example) in seen or len(chosen) >= most:
                continue
            if chosen and size + length > characters:
                continue
            chosen.append(example)
            seen.add(told(example))
            size += length
    return chosen


def _kind(example: Example) -> str:
    """The type of the value wanted; a text among lists is a kind of its own."""
    wanted = example.wanted
    return f"{type(wanted).__name__}{wanted == []}"


def _forms(example: Example) -> str:
    """The forms of the texts among the arguments."""
    return repr([latm_form(a) for a in example.arguments if isinstance(a, str)])


def _wanted(example: Example) -> str:
    return repr(example.wanted)


def _anything(example: Example) -> str:
    return repr((example.arguments, example.wanted))


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
