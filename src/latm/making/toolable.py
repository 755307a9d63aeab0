"""Is there anything to compute? A look at the shown cases before tokens are spent on them.

Pairs of question and answer flow in, `Prospects` flow out. Invariant: no model is asked and
nothing is run; "hopeless" is only said of prose that cannot come from the question, for a
class that is given up wrongly costs more than a few tokens.

The idea: a computation works on data. Numbers, codes and symbols in what varies between the
questions, answers made of the question's words or letters, answers whose length follows from
the question's: all of these are computed. Ordinary words in and other words out are known,
or felt, but not computed; and prose that says something new each time is written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from statistics import correlation, median
from typing import Literal

_TOKEN = re.compile(r"[^\W_]+(?:[.,:'’](?=[^\W_])[^\W_]+)*|[^\w\s]|_")
_WORD = re.compile(r"[^\W\d_]+(?:['’.][^\W\d_]+)*")
_PLAIN_MARKS = frozenset(".,;:!?'\"’‘“”()–—-…")

_FIXED_SHARE = 0.8
"""Share of the questions that must hold a token for it to be one of their fixed words."""

_SELDOM = 0.2
_REACH = 0.75
_PROSE_WORDS = 6
_PROSE_NEW = 0.3
_PROSE_CASES = 5
_LOCKSTEP = 0.98
_TREND = 0.7
_MIN_SIGNAL = 12
"""With fewer cases than this a simple rule fits by chance."""

_MOST_WORDS = 8
_ONCE = 0.4


@dataclass(frozen=True, slots=True)
class Prospects:
    """What a making may expect of a class.

    Attributes:
        verdict: ``computable``: something in the cases says so; ``hopeless``: prose that the
            questions do not hold; ``doubtful``: anything else, which forbids nothing.
        reason: one line for the report.
    """

    verdict: Literal["computable", "doubtful", "hopeless"]
    reason: str


def patience(prospects: Prospects) -> int | None:
    """Model calls without a sign of success after which a search gives up; None: no limit."""
    match prospects.verdict:
        case "computable":
            return None
        case "doubtful":
            return 2
        case "hopeless":
            return 0


def prospects(examples: Sequence[tuple[str, str]]) -> Prospects:
    """What the shown questions with their answers promise.

    Args:
        examples: questions with their answers; the more, the surer. Held-out ones are not
            for this.
    """
    if len(examples) < 2:
        return Prospects("doubtful", "too few cases to tell")
    seen = _Seen(examples)
    unstable = _unstable(examples)
    if unstable:
        return Prospects("hopeless", unstable)
    prose = _prose(seen)
    if prose:
        bare = seen.data <= 0.5 and not seen.structured and not _in_step(seen, _TREND)
        return Prospects("hopeless" if bare else "doubtful", prose)
    signs = (_material, _counted, _parted, _copied, _in_step)
    found = next((reason for sign in signs if (reason := sign(seen))), None)
    if found:
        return Prospects("computable", found)
    return Prospects("doubtful", "words in, other words out: nothing tells how")


# --- what is seen of a class -----------------------------------------------------------


class _Seen:
    """The cases without what all of them share."""

    def __init__(self, examples: Sequence[tuple[str, str]]) -> None:
        self.whole = [_TOKEN.findall(q) for q, _ in examples]
        self.asked = _without_fixed(self.whole)
        self.given = _without_fixed([_TOKEN.findall(a) for _, a in examples])
        self.answers = [" ".join(_TOKEN.findall(a)) for _, a in examples]

    @cached_property
    def data(self) -> float:
        """Share of the cases in whose question data varies, not only words.

        The order counts too: the same marks on another square are another question.
        """
        orders = [tuple(filter(_is_data, whole)) for whole in self.whole]
        often = Counter(orders)
        return _share(
            any(map(_is_data, asked)) or often[order] < _SELDOM * len(orders)
            for asked, order in zip(self.asked, orders, strict=True)
        )

    @cached_property
    def reach(self) -> float:
        """Share of what varies in the answers that the questions hold."""
        return _share(
            _reached(token, asked)
            for asked, given in zip(self.asked, self.given, strict=True)
            for token in given
            if token not in _PLAIN_MARKS
        )

    @cached_property
    def new(self) -> float:
        """Share of the answers' words that stand neither in the question nor in another answer."""
        rows_with = Counter(t.casefold() for row in self.given for t in set(row))
        return _share(
            rows_with[token.casefold()] == 1 and not _reached(token, asked)
            for asked, given in zip(self.asked, self.given, strict=True)
            for token in filter(_WORD.fullmatch, given)
        )

    @cached_property
    def structured(self) -> bool:
        """Whether the questions are put together from a small stock of words."""
        words = [set(_words(asked)) for asked in self.asked]
        rows_with = Counter(word for row in words for word in row)
        once = {word for word, n in rows_with.items() if n == 1}
        if rows_with.total() > _MOST_WORDS * len(words):
            return len(once) <= _ONCE * len(rows_with)
        # In short questions the words of a few wordings recur as well; what is asked about
        # does not.
        return _share(bool(row) and not row & once for row in words) >= _ONCE


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values) if values else 0.0


def _without_fixed(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows less the tokens that nearly all of them hold, as often as nearly all do."""
    counts = [Counter(row) for row in rows]
    least = int((1 - _FIXED_SHARE) * len(rows))
    tokens = {t for row in rows for t in row}
    fixed = {t: sorted(c[t] for c in counts)[least] for t in tokens}
    kept: list[list[str]] = []
    for row in rows:
        left = Counter({t: n for t, n in fixed.items() if n})
        rest: list[str] = []
        for token in row:
            if left[token]:
                left[token] -= 1
            else:
                rest.append(token)
        kept.append(rest)
    return kept


def _is_data(token: str) -> bool:
    """Whether a token is a number, a code or a symbol rather than a word or a sentence mark."""
    if _WORD.fullmatch(token):
        inner = token[1:]
        return any(c.isupper() for c in inner)
    return token not in _PLAIN_MARKS


def _reached(token: str, asked: Sequence[str]) -> bool:
    """Whether an answer's token can be cut, computed or shuffled out of the question's."""
    wanted = token.casefold()
    if any(c.isdigit() for c in wanted):
        return any(any(c.isdigit() for c in a) for a in asked)
    words = [a.casefold() for a in asked]
    if any(wanted in w for w in words) or _follows(wanted, [w[0] for w in words]):
        return True
    return len(wanted) > 2 and any(_shuffled(wanted, w) for w in words if len(w) > 2)


def _follows(wanted: str, initials: Sequence[str]) -> bool:
    rest = iter(initials)
    return all(c in rest for c in wanted)


def _shuffled(wanted: str, word: str) -> bool:
    """Whether one of two words has nearly all letters of the other."""
    shared = (Counter(wanted) & Counter(word)).total()
    return (shared >= 0.85 * len(wanted) and shared >= 0.4 * len(word)) or shared >= 0.9 * len(word)


# --- hopeless --------------------------------------------------------------------------


def _unstable(examples: Sequence[tuple[str, str]]) -> str:
    """Questions that only differ in case and last mark, answered in other words."""
    rows = sorted(
        (" ".join(q.casefold().split()).rstrip(".!? "), _WORD.findall(a.casefold()))
        for q, a in examples
    )
    twins = differing = 0
    for _, group in groupby(rows, key=lambda r: r[0]):
        first, *others = (answer for _, answer in group)
        twins += len(others)
        differing += sum(len({*first} ^ {*other}) >= _PROSE_WORDS for other in others)
    if twins >= 2 and differing == twins:
        return "the same question is answered in other words each time"
    return ""


def _prose(seen: _Seen) -> str:
    """Long answers, full of words that stand neither in the question nor in another answer."""
    sizes = [sum(bool(_WORD.fullmatch(t)) for t in given) for given in seen.given]
    long = len(sizes) >= _PROSE_CASES and median(sizes) >= _PROSE_WORDS
    if not long or seen.new < _PROSE_NEW or _in_step(seen):
        return ""
    return f"long answers, {seen.new:.0%} of their words in no question and in no other answer"


# --- computable ------------------------------------------------------------------------


def _material(seen: _Seen) -> str:
    """Questions that differ in data, or in how a few words are put together."""
    # Numerals and codes come in capitals, but so do abbreviations that one knows or does not.
    letters = all(_WORD.fullmatch(t) for asked in seen.asked for t in filter(_is_data, asked))
    if seen.data >= _FIXED_SHARE and not (letters and seen.new >= 0.5):
        return "the questions differ in data"
    return "the questions are put together from a small stock of words" if seen.structured else ""


def _counted(seen: _Seen) -> str:
    """Numbers that follow what can be counted in words."""
    numbers = [_number(given) for given in seen.given]
    rows = [(a, n) for a, n in zip(seen.asked, numbers, strict=True) if n is not None]
    if len(rows) < 0.9 * len(numbers):
        return ""
    asked, wanted = [a for a, _ in rows], [n for _, n in rows]
    if any(_tells(measure, asked, wanted) for measure in _MEASURES):
        return "numbers that grow with what can be counted in the questions"
    return ""


def _number(given: Sequence[str]) -> float | None:
    """The one number in an answer's varying part; None when anything else varies."""
    marks = [t for t in given if t not in _PLAIN_MARKS]
    if len(marks) > 1 or not all(re.fullmatch(r"\d+(,\d{3})*(\.\d+)?", t) for t in marks):
        return None
    return float(marks[0].replace(",", "")) if marks else None


def _parted(seen: _Seen) -> str:
    """A few answers again and again, told apart by what can be counted in words."""
    few = len(set(seen.answers)) <= max(2, len(seen.answers) // 3)
    if few and len(seen.answers) >= _MIN_SIGNAL and any(_parts(m, seen) for m in _MEASURES):
        return "a closed set of answers that a simple count tells apart"
    return ""


def _copied(seen: _Seen) -> str:
    """Answers made of the questions' words or letters, and a way to tell of which of them."""
    if seen.reach < _REACH:
        return ""
    rows = [(_words(a), _words(g)) for a, g in zip(seen.asked, seen.given, strict=True)]
    # "Tea or coffee?" is answered with the question's own words too.
    chosen = _share(
        len(a) <= _MOST_WORDS and 2 * len(g) <= len(a) and {*g} <= {*a} for a, g in rows
    )
    if chosen < 0.5 or _placed(seen):
        return f"{seen.reach:.0%} of the answers' text comes from the questions"
    return ""


def _placed(seen: _Seen) -> bool:
    """Whether the words copied stand in one place: after the same word, or by some order."""
    picks: list[Callable[[list[str]], str]] = [
        lambda w: w[0],
        lambda w: w[-1],
        min,
        max,
        lambda w: min(w, key=len),
        lambda w: max(w, key=len),
    ]
    rows = [(_words(a), _words(g)) for a, g in zip(seen.asked, seen.given, strict=True)]
    if any(_share(bool(a and g) and p(a) in g for a, g in rows) >= 0.9 for p in picks):
        return True
    before = Counter(
        _before(whole, given) for whole, given in zip(seen.whole, seen.given, strict=True)
    )
    return before.most_common(1)[0][1] >= _FIXED_SHARE * len(seen.whole)


def _before(whole: Sequence[str], given: Sequence[str]) -> str:
    """The token before the answer in the question; never alike when there is none."""
    for n, token in enumerate(whole[1:]):
        if given and token.casefold() == given[0].casefold():
            return whole[n]
    return " ".join(whole)


def _in_step(seen: _Seen, least: float = _LOCKSTEP) -> str:
    """Answers as long as the questions make them: ciphers, codes, spellings."""
    lengths = [float(len("".join(g))) for g in seen.given]
    if len(lengths) >= _PROSE_CASES and any(
        _tells(m, seen.asked, lengths, least) for m in (_letters, _longest)
    ):
        return "the answers' length follows from the questions'"
    coded = all(any(map(_is_data, g)) for g in seen.given)
    if coded and min(lengths) == max(lengths) >= _MOST_WORDS:
        return "codes of one length"
    return ""


# --- what can be counted ---------------------------------------------------------------


def _words(tokens: Sequence[str]) -> list[str]:
    return [t.casefold() for t in tokens if t not in _PLAIN_MARKS]


def _letters(asked: Sequence[str]) -> float:
    return sum(map(len, asked))


def _longest(asked: Sequence[str]) -> float:
    return max(map(len, asked), default=0)


def _vowels(asked: Sequence[str]) -> float:
    return sum(c in "aeiou" for t in asked for c in t.casefold())


def _named(asked: Sequence[str]) -> float:
    """How often a letter that the question names stands in its other words."""
    letter = next((t.casefold() for t in asked if len(t) == 1 and t.isalpha()), None)
    return "".join(asked).casefold().count(letter) if letter else 0


def _mirrored(asked: Sequence[str]) -> float:
    text = "".join(asked).casefold()
    return text == text[::-1]


def _doubled(asked: Sequence[str]) -> float:
    return any(a == b for t in asked for a, b in zip(t.casefold(), t.casefold()[1:], strict=False))


def _opening(asked: Sequence[str]) -> float:
    return "".join(asked)[:1].casefold() in "aeiou"


_MEASURES: tuple[Callable[[Sequence[str]], float], ...] = (
    len, _letters, _longest, _vowels, _named, _mirrored, _doubled, _opening
)  # fmt: skip


def _tells(
    measure: Callable[[Sequence[str]], float],
    rows: Sequence[Sequence[str]],
    wanted: Sequence[float],
    least: float = _TREND,
) -> bool:
    """Whether what is wanted rises with a measure, beyond what chance gives so few cases."""
    found = [float(measure(row)) for row in rows]
    if len(set(found)) < 2 or len(set(wanted)) < 2 or len(found) < 4:
        return False
    return correlation(found, list(wanted)) >= max(least, min(0.999, 3.2 / len(found) ** 0.5))


def _parts(measure: Callable[[Sequence[str]], float], seen: _Seen) -> bool:
    """Whether each answer has a range of its own on a measure."""
    pairs = sorted((float(measure(a)), w) for a, w in zip(seen.asked, seen.answers, strict=True))
    runs = [w for w, _ in groupby(w for _, w in pairs)]
    pure = len({m for m, _ in pairs}) >= len(runs) == len(set(runs))
    return pure and all(len({w for _, w in g}) == 1 for _, g in groupby(pairs, key=lambda p: p[0]))
