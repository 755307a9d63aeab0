"""The guard: words that order, negate or exempt, which a value of a question does not hold.

Texts flow in, yes or no flows out. Invariant: linear in the text, whatever it says.

"Sort these: pear fig but only those with p" has the form of "Sort these: pear fig", and the
wrong answer to it would look right. A slot whose observed values hold no such words does
not take a value that does. Words that are as often plain data ("ignore", "order") count in
company only; in a list of words, beside each other, and so do the small words of grammar.
"""

from __future__ import annotations

import re
from itertools import groupby

_TELLING = frozenset(
    "not never except excepting excluding unless without only "
    "if but however otherwise neither nor although though "
    "nicht kein keine keinen keiner außer ohne nur wenn aber sondern jedoch "
    "sauf jamais seulement uniquement mais "
    "nunca excepto sino pero solamente únicamente".split()
)
_CONTRACTED = frozenset("don't dont doesn't isn't aren't mustn't shouldn't".split())
_DOUBTFUL = frozenset(
    "no ignore ignoring include reverse reversed exclude skip omit avoid instead order ordered "
    "ascending descending duplicates twice also then again afterwards must should "
    "falls statt salvo solo sólo menos".split()
)
_GRAMMAR = frozenset(
    "the a an this that these those which whose who what of in by with to from at for on as "
    "and or than it its them they is are be was were do does all each every any i you my your "
    "please".split()
)
_LINKING = frozenset("no also then again afterwards twice".split())
_FOREIGN = frozenset(
    "ne pas si sin und oder der die das mit et ou les des avec y los las con".split()
)
_ODD = _TELLING | _CONTRACTED | _DOUBTFUL | _GRAMMAR | _FOREIGN
_LONE = frozenset("not except excepting excluding unless without never".split())
_LAST = 3
"""An order that is put behind a list, without its grammar ("not kiwi"), is that short."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# "Mr. Jones" and "J. Smith" go on after their points.
_SENTENCE_END = re.compile(
    r"(?<!\b[A-Z])(?<!\b[MD]r)(?<!\bM[rs]s)(?<!\bMs)(?<!\bSt)(?<!\bNo)(?<!\bvs)(?<!\bProf)"
    r"[.?!…][\"'”)]*\s|[\r\n]"
)


def orders(text: str) -> bool:
    """Whether a text holds words that order, negate or exempt."""
    words = frozenset(_words(text))
    return not words.isdisjoint(_TELLING | _CONTRACTED) or len(words & _DOUBTFUL) > 1


def orders_among(text: str) -> bool:
    """The same for a list of words, which may be any words: "same but dot ignore".

    There it takes a run of such words, or one that exempts near the end.
    """
    words = _words(text)
    if not _LONE.isdisjoint(words[-_LAST:]):
        return True
    runs = (frozenset(run) for odd, run in groupby(words, key=_ODD.__contains__) if odd)
    return any(map(_is_clause, runs))


def _is_clause(run: frozenset[str]) -> bool:
    """Whether words beside each other are a clause rather than odd items of a list."""
    if len(run & _FOREIGN) > 1 or len(run) > 3:
        return True
    return len(run) > 1 and bool(run & (_TELLING | _DOUBTFUL - _LINKING))


def goes_on(text: str) -> bool:
    """Whether a sentence or a line ends within a text."""
    return _SENTENCE_END.search(text) is not None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold().replace("’", "'"))


__all__ = ["goes_on", "orders", "orders_among"]
