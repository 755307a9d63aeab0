"""The portfolio: which strategies are worth a call for a brief, and in which order.

A `Brief` flows in, strategies flow out, likeliest first. Invariant: the order depends on
the shown cases and on what made earlier tools, never on held-out cases; a strategy that is
not likely comes later, it is not lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from latm.making.brief import Brief
from latm.making.prompts import Strategy
from latm.types import Json

_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
    r"|\b(?:january|february|march|april|june|july|august|september|october|november|december)\b"
    r"|\b\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b",
    re.IGNORECASE,
)
_SMALL_VOCABULARY = 12
_SHORT = 80
_MOST_VERDICTS = 3
_CODE_DIGITS = 9


def _many_numbers(brief: Brief) -> bool:
    numbers = [sum(map(_is_number, _flat(list(e.arguments)))) for e in brief.examples]
    return bool(numbers) and min(numbers) >= 3 and _is_number(brief.examples[0].wanted)


def _dates(brief: Brief) -> bool:
    return any(isinstance(v, str) and _DATE.search(v) for v in _leaves(brief))


def _turns(brief: Brief) -> bool:
    """Whether an argument is a list of rows: steps, pairs, statements."""
    rows = any(isinstance(a, list) and a and isinstance(a[0], list) for a in _arguments(brief))
    return rows and not _hours(brief)


def _statements(brief: Brief) -> bool:
    return any(slot.kind == "clauses" for slot in brief.shape.template.slots)


def _marks(brief: Brief) -> bool:
    """Whether an argument is a run of few different short tokens, such as brackets."""
    lists = [a for a in _arguments(brief) if isinstance(a, list)]
    items = {i for a in lists for i in a if isinstance(i, str)}
    longest = max(map(len, lists), default=0)
    return 1 < len(items) <= _SMALL_VOCABULARY and longest > 5 and max(map(len, items)) <= 2


def _hours(brief: Brief) -> bool:
    return any("latm_hours" in layer.body for layer in brief.layers)


def _reordered(brief: Brief) -> bool:
    return all(
        isinstance(e.wanted, list)
        and any(
            isinstance(a, list) and sorted(map(repr, a)) == sorted(map(repr, e.wanted))
            for a in e.arguments
        )
        for e in brief.examples
    )


def _texts(brief: Brief) -> bool:
    return any(isinstance(v, str) for v in _leaves(brief))


def _long_texts(brief: Brief) -> bool:
    """Whether an argument is text with marks or digits in it, more than a name."""
    return any(
        isinstance(v, str) and re.search(r"\w[^\w\s]\w|\d|[^\w\s] |[a-z][A-Z]|_", v)
        for v in _leaves(brief)
    )


def _codes(brief: Brief) -> bool:
    """Whether an argument is a long number written as text."""
    return any(
        isinstance(v, str) and sum(map(str.isdigit, v)) >= _CODE_DIGITS for v in _leaves(brief)
    )


def _few_values(brief: Brief) -> bool:
    """Whether an argument takes few different texts."""
    columns = zip(*(e.arguments for e in brief.examples), strict=True)
    return any(
        all(isinstance(v, str) for v in column) and 2 * len({*map(repr, column)}) <= len(column)
        for column in columns
    )


def _never(_: Brief) -> bool:
    """For what is tried when all that suits has failed."""
    return False


def _decimals(brief: Brief) -> bool:
    return any(isinstance(v, float) for e in brief.examples for v in _flat(e.wanted))


def _ratios(brief: Brief) -> bool:
    texts = [e.wanted for e in brief.examples if isinstance(e.wanted, str)]
    ratios = [text for text in texts if re.fullmatch(r"-?\d+/\d+", text)]
    return 2 * len(ratios) > len(brief.examples)


def _verdicts(brief: Brief) -> bool:
    """Whether the answers are few words that judge, such as yes and no."""
    wanted = {repr(e.wanted) for e in brief.examples}
    return len(wanted) <= _MOST_VERDICTS and all(type(e.wanted) is str for e in brief.examples)


def _short(brief: Brief) -> bool:
    """Whether many examples fit into one prompt."""
    lengths = sorted(len(repr((e.arguments, e.wanted))) for e in brief.examples)
    return lengths[len(lengths) // 2] <= _SHORT


PORTFOLIO = (
    Strategy("task"),
    Strategy(
        "stack",
        hint="Use a stack and a dictionary of pairs. "
        "Return the partners of what is left on the stack, last first.",
        when=_marks,
    ),
    Strategy(
        "overlap",
        hint="Compare all pairs of intervals: the overlap runs from the later start to the earlier "
        "end. If it is long enough, return the asked length from its start.",
        when=_hours,
    ),
    Strategy(
        "brute-force",
        hint="Use a brute force search over all candidates.",
        view="focus",
        when=_many_numbers,
    ),
    Strategy("simulate", hint="Simulate the steps one after the other.", when=_turns),
    Strategy("days", view="days", when=_dates),
    Strategy("numbers", view="numbers", when=_texts),
    Strategy("rest", view="rest"),
    Strategy("dates", hint="Use the datetime module.", when=_dates),
    Strategy(
        "conditions",
        hint="Check each condition on a line of its own, then combine them.",
        when=_verdicts,
    ),
    Strategy("examples", many=True, when=_short),
    Strategy("focus", view="focus"),
    Strategy("assertions", task=False),
    Strategy("sort-key", hint="Sort with a key.", when=_reordered),
    Strategy("exact-decimals", hint="Use the decimal module.", when=_decimals),
    Strategy("fractions", hint="Use fractions.Fraction and return str of it.", when=_ratios),
    Strategy("plain-text", view="text", when=_texts),
    Strategy(
        "check-digit",
        hint="Weigh the digits by position, sum them and take the remainder.",
        view="rest",
        when=_codes,
    ),
    Strategy("regular-expression", hint="Extract with re, then compute.", when=_long_texts),
    Strategy("split-map-join", hint="Split, convert each piece, join again.", when=_long_texts),
    Strategy("table", hint="Use a dictionary of known values.", when=_few_values),
    Strategy("permutations", hint="Try all permutations against the statements.", when=_statements),
    Strategy("steps", hint="Compute step by step with small helper functions.", when=_never),
    Strategy(
        "inverse", hint="Undo the forward rule: try values until it gives the input.", when=_never
    ),
)


def ordered(
    brief: Brief, won: Mapping[str, int], without: Collection[str] = ()
) -> tuple[Strategy, ...]:
    """Strategies for a brief: those that suit it first, among them what won before.

    Args:
        won: how many tools of this kind each strategy has made.
        without: names of strategies that are switched off.
    """
    enabled = [s for s in PORTFOLIO if s.name not in without]
    suited = [s for s in enabled if s.when(brief)]
    # The sort is stable: without a history the order is that of the portfolio.
    suited.sort(key=lambda s: -won.get(s.name, 0))
    return (*suited, *(s for s in enabled if s not in suited))


def _arguments(brief: Brief) -> Iterator[Json]:
    return (a for e in brief.examples for a in e.arguments)


def _leaves(brief: Brief) -> Iterator[Json]:
    return (v for a in _arguments(brief) for v in _flat(a))


def _flat(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
