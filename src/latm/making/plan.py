"""The plan of a search: which calls of the model are worth making, in which order.

A `Shape` and the `Terms` of the search flow in; batches of steps flow out, likeliest first,
each step a brief with the request that asks for it. Invariant: a plan is made of shown
cases alone and is the same for the same terms.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from latm.making import parts
from latm.making.brief import Brief, brief_of
from latm.making.combining import field_brief
from latm.making.copies import copies_of
from latm.making.dates import with_dates
from latm.making.portfolio import ordered
from latm.making.prompts import Strategy, propose
from latm.making.shape import Shape, as_text, with_phrases, without_scenery
from latm.making.views import seen_by
from latm.types import ChatRequest, Solver

_SAMPLED = 4
"""Strategies that are sampled: the likeliest ones."""

_HARD = (0.0, 0.8)
_EARLY = (0.8, 1.0)
_LATE = (0.9, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a search may use.

    Attributes:
        known: solvers that are tried before a model is asked.
        without: parts of the search that are switched off (`latm.making.parts`).
        won: how many earlier tools of this kind each strategy has made.
        similar: source of an earlier tool of this kind, as an example; or empty.
        patience: model calls without a sign of success after which the search ends;
            None: only the budget ends it.
        slots: samples asked for at the same time.
    """

    seed: int = 0
    known: tuple[Solver, ...] = ()
    without: frozenset[str] = frozenset()
    won: Mapping[str, int] = field(default_factory=dict[str, int])
    similar: str = ""
    patience: int | None = None
    slots: int = 1

    def allow(self, part: str) -> bool:
        """Whether a part of the search is switched on."""
        return part not in self.without


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the model.

    Attributes:
        strategy: as it is reported; ``asked``: of the portfolio.
    """

    brief: Brief
    strategy: str
    temperature: float
    request: ChatRequest
    asked: str = ""


def briefs(shape: Shape, terms: Terms) -> Iterator[Brief]:
    """The forms in which a shape is put to the model, likeliest first."""
    plain = first_brief(shape, terms)
    hours = seen_by(("hours",), plain) if terms.allow("hours") else plain
    if hours != plain:
        yield hours
    yield plain


def first_brief(shape: Shape, terms: Terms) -> Brief:
    """The brief as it is asked first: options by their text, what is copied left out."""
    brief = brief_of(shape)
    return _wanted(seen_by(("options",), brief) if terms.allow("options") else brief, terms)


_PREPARED: Mapping[str, Callable[[Shape], Shape]] = {
    "numbers": with_phrases,
    "days": with_dates,
    "rest": lambda shape: shape,
}
"""The views that are asked with, each with the form of the slots that it needs."""


def through(view: str, shape: Shape) -> Brief | None:
    """The shape's brief through a view of its arguments; None when that changes nothing."""
    brief = brief_of(_PREPARED[view](shape))
    changed = seen_by((view,), brief)
    return None if changed == brief else changed


def seen(shape: Shape, terms: Terms) -> Iterator[Brief]:
    """The shape through each view of its arguments: an answer may be a copy in one of them."""
    if terms.allow(parts.COPIES):
        yield brief_of(shape)
        found = (through(view, shape) for view in _PREPARED if terms.allow(view))
        yield from (brief for brief in found if brief is not None)


def _wanted(brief: Brief, terms: Terms) -> Brief:
    """The brief with only that wanted which is neither a copy nor fixed text."""
    count = len(brief.shape.answer.slots)
    copies = copies_of(brief, count) if count > 1 and terms.allow(parts.COPIES) else None
    if copies and copies.found and copies.missing:
        brief = field_brief(brief, copies.found, copies.missing)
    return seen_by(("frame",), brief) if terms.allow("frame") else brief


def batches(brief: Brief, terms: Terms, best: Best) -> Iterator[list[Step]]:
    """Greedy over what suits, then counterexamples, samples, and greedy over the rest."""
    strategies = ordered(brief, terms.won, terms.without)
    suited = [s for s in strategies if s.when(brief) and _viewed(brief, s, terms) is not None]
    if terms.similar and terms.allow(parts.SIMILAR):
        hint = f"A function that does something similar:\n```python\n{terms.similar}\n```"
        suited.insert(1, Strategy(parts.SIMILAR, hint=hint))
    for strategy in suited:
        yield steps(brief, [strategy], terms)
    for temperature in _HARD if terms.allow(parts.COUNTEREXAMPLES) else ():
        if found := best():
            name, hard = found
            again = [s for s in strategies if s.name == name] or suited[:1]
            turn = Round(parts.COUNTEREXAMPLES, temperature, hard=hard)
            yield steps(brief, again[:1], terms, turn)
    yield from _samples(brief, suited[:_SAMPLED], (terms, best), _EARLY)
    for strategy in (s for s in strategies if s not in suited):
        yield steps(brief, [strategy], terms)
    yield from _samples(brief, suited[:_SAMPLED], (terms, best), _LATE)


Best = Callable[[], tuple[str, Collection[int]] | None]
"""Strategy of the best function so far, and the numbers of the examples that it gets wrong."""


@dataclass(frozen=True, slots=True)
class Round:
    """How the steps of a round are asked for; the number makes samples differ."""

    name: str = ""
    temperature: float = 0.0
    number: int = 0
    hard: Collection[int] = ()


def _samples(
    brief: Brief,
    strategies: Sequence[Strategy],
    known: tuple[Terms, Best],
    temperatures: Sequence[float],
) -> Iterator[list[Step]]:
    terms, best = known
    if not terms.allow(parts.SAMPLES):
        return
    for number, temperature in enumerate(temperatures):
        for n in range(0, len(strategies), terms.slots):
            chosen = strategies[n : n + terms.slots]
            found = best() if terms.allow(parts.COUNTEREXAMPLES) else None
            wrong = found[1] if found else ()
            # Seeds differ from round to round, and between the early and the late ones.
            turn = Round("", temperature, len(temperatures) * 10 + number, wrong)
            yield steps(brief, chosen, terms, turn)


_GREEDY = Round()


def steps(
    brief: Brief, strategies: Sequence[Strategy], terms: Terms, turn: Round = _GREEDY
) -> list[Step]:
    """The calls for some strategies, less those whose view changes nothing."""
    found: list[Step] = []
    for strategy in strategies:
        view = _viewed(brief, strategy, terms)
        if view is not None:
            request = propose(
                view,
                strategy,
                temperature=turn.temperature,
                seed=terms.seed + turn.number,
                hard=turn.hard,
            )
            said = turn.name or strategy.name
            found.append(Step(view, said, turn.temperature, request, strategy.name))
    return found


def _viewed(brief: Brief, strategy: Strategy, terms: Terms) -> Brief | None:
    """The brief in the form that a strategy asks with; None when that changes nothing."""
    if strategy.view == "all":
        return brief
    if strategy.view in _PREPARED:
        view = through(strategy.view, brief.shape)
        if view is None:
            return brief if strategy.hint else None
        return _wanted(view, terms)
    change = without_scenery if strategy.view == "focus" else as_text
    shape = change(brief.shape)
    if shape == brief.shape:
        return brief if strategy.hint else None
    return first_brief(shape, terms)
