"""Decoys: questions that a tool should not answer, made from questions that it should.

Cases of a class, or of other classes, and a seed flow in; decoys flow out. Invariants: the
same seed gives the same decoys on every machine; no decoy is a question of the class; and
each says which answer would be right, if any.

What a class's own questions say decides what counts as an edit: a unit that other questions
of the class use is no changed unit, and what is cut off always holds a word of the request,
or else a shorter list would be a question of the class. In doubt no answer counts as right.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from latm.types import Case

EditKind = Literal["negation", "unit", "condition", "language", "truncation", "joined"]
OTHER = "other family"
"""Kind of a decoy that is another class's question, as it is."""

_FIXED_SHARE = 0.5
_COMMON_SHARE = 0.1
_WORD = re.compile(r"[^\W\d_]+|[€$£°]")


@dataclass(frozen=True, slots=True)
class Decoy:
    """A question for a tool that is not made for it.

    Attributes:
        right: the one answer that would be right; None: every answer is wrong.
    """

    kind: str
    question: str
    right: str | None


@dataclass(frozen=True, slots=True)
class Form:
    """What the questions of a class have in common, in lower-case words.

    Attributes:
        fixed: words of at least half of the questions; ``common``: of a tenth.
        known: words of any of them.
    """

    fixed: frozenset[str]
    common: frozenset[str]
    known: frozenset[str]


def form_of(questions: Sequence[str]) -> Form:
    """The words that questions share, by how many share them."""
    counts = Counter(word for q in questions for word in set(_WORD.findall(q.lower())))

    def shared(share: float) -> frozenset[str]:
        return frozenset(w for w, n in counts.items() if n >= share * len(questions))

    return Form(shared(_FIXED_SHARE), shared(_COMMON_SHARE), frozenset(counts))


def strangers(
    pool: Mapping[str, Sequence[Case]], *, seed: int, count: int = 200
) -> tuple[Decoy, ...]:
    """Questions of other classes, equal shares of each as far as they reach.

    Args:
        pool: cases by class, without the class that the decoys are for.
    """
    dice = random.Random(seed)
    hands = [dice.sample(list(cases), len(cases)) for _, cases in sorted(pool.items())]
    dice.shuffle(hands)
    longest = max(map(len, hands), default=0)
    dealt = [hand[turn] for turn in range(longest) for hand in hands if turn < len(hand)]
    return tuple(Decoy(OTHER, case.question, case.answer) for case in dealt[:count])


def edited(cases: Sequence[Case], *, seed: int, count: int = 50) -> tuple[Decoy, ...]:
    """Edited questions of a class, its kinds of edits in turn as far as they apply."""
    if not cases:
        return ()
    form, dice = form_of([case.question for case in cases]), random.Random(seed)
    seen = {case.question for case in cases}
    decoys: list[Decoy] = []
    for kind, case, other in _pairs(cases, dice):
        decoy = decoy_of(kind, case, other, form, dice)
        if decoy is None or decoy.question in seen:
            continue
        seen.add(decoy.question)
        decoys.append(decoy)
        if len(decoys) == count:
            break
    return tuple(decoys)


def _pairs(cases: Sequence[Case], dice: random.Random) -> Iterator[tuple[EditKind, Case, Case]]:
    """Each kind with each case once, kinds in turn; beside it another case."""
    order = dice.sample(list(cases), len(cases))
    for turn in range(len(order)):
        for n, kind in enumerate(KINDS):
            place = turn + n
            yield kind, order[place % len(order)], order[(place + 1) % len(order)]


def decoy_of(
    kind: EditKind, case: Case, other: Case, form: Form, dice: random.Random
) -> Decoy | None:
    """A case's question, edited; None where this kind of edit does not apply.

    Args:
        other: another case of the class, for a joined question.
    """
    if kind == "joined":
        return Decoy(kind, f"{case.question} {other.question}", None)
    edited = _EDITS[kind](case, form, dice)
    return None if edited is None else Decoy(kind, *edited)


_Edited = tuple[str, str | None] | None
"""A question with the answer that is right now; None for an answer where none is."""


# --- negation --------------------------------------------------------------------------

_VERBS = """
    add answer arrange calculate change check choose classify clean combine complete compute convert
    count decode decrypt determine divide encode encrypt estimate evaluate express extract fill find
    format generate give identify join list make mask merge move multiply name normalise normalize
    order output parse pick print put rank remove replace report return reverse rewrite rotate round
    select shorten show simplify solve sort spell split subtract sum tell transform translate
    transpose turn validate write
""".split()
_REQUEST = re.compile(rf"(?:^|[.!?:]\s+|\n\s*)(Please )?({'|'.join(_VERBS)})\b(?!-)", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:is|are|was|were|do|does|did|can|will|should|has|have|must)\b(?! not)")


def _negated(case: Case, form: Form, _: random.Random) -> _Edited:
    """The request, not: "Do not sort …", "What is not …"."""
    text = case.question
    request = _REQUEST.search(text)
    if request and request[2].lower() in form.common:
        place = request.start(2)
        do_not = "Do not " if text[place].isupper() else "do not "
        return f"{text[:place]}{do_not}{text[place].lower()}{text[place + 1 :]}", None
    end = text.rfind("?")
    start = max(text.rfind(mark, 0, end) for mark in ".!?\n") + 1 if end >= 0 else 0
    asking = _ASKING.search(text, start, end) if end >= 0 else None
    return None if asking is None else (f"{text[: asking.end()]} not{text[asking.end() :]}", None)


# --- unit ------------------------------------------------------------------------------

_UNITS = (
    *(("km", "kg"), ("kilometers", "kilograms"), ("kilometres", "kilograms"), ("cm", "kg")),
    *(("miles", "litres"), ("meters", "grams"), ("metres", "grams"), ("inches", "ounces")),
    *(("feet", "gallons"), ("pounds", "gallons"), ("mph", "psi")),
    *(("seconds", "months"), ("minutes", "weeks"), ("hours", "days"), ("days", "hours")),
    *(("hour", "day"), ("day", "hour"), ("weeks", "minutes"), ("years", "minutes")),
    *(("Celsius", "Kelvin"), ("Kelvin", "Celsius"), ("Fahrenheit", "Kelvin")),
    *(("bytes", "watts"), ("KB", "kW"), ("MB", "kW"), ("degrees", "metres"), ("percent", "hours")),
    *(("kg", "km"), ("kilograms", "kilometers"), ("grams", "metres"), ("litres", "miles")),
)
_CURRENCIES = (
    *(("EUR", "USD"), ("USD", "EUR"), ("GBP", "JPY"), ("euros", "dollars"), ("dollars", "euros")),
    *(("€", "$"), ("$", "€"), ("£", "€"), ("cents", "yen")),
)


def _other_unit(case: Case, form: Form, _: random.Random) -> _Edited:
    """Another unit or currency, one that no question of the class uses.

    A unit of the request changes what is asked. A unit that few questions name stands in a
    value ("… after two hours") and may not matter, so it stays. A currency is only renamed:
    the answer is the same, in the other one.
    """
    for unit, other in _UNITS:
        if unit.lower() in form.fixed and (text := _renamed(case.question, unit, other, form)):
            return text, None
    for unit, other in _CURRENCIES:
        if text := _renamed(case.question, unit, other, form):
            return text, _renamed(case.answer, unit, other, form) or case.answer
    return None


def _renamed(text: str, unit: str, other: str, form: Form) -> str | None:
    if other.lower() in form.known:
        return None
    # A sign stands before its amount; elsewhere it may mean anything.
    whole = rf"(?<![^\W\d_]){unit}(?![^\W\d_])" if unit.isalpha() else rf"{re.escape(unit)}(?=\d)"
    renamed, count = re.subn(whole, other, text)
    return renamed if count and (unit.isalpha() or unit not in renamed) else None


# --- condition -------------------------------------------------------------------------

_ROUNDED = ", rounded down to a whole number"
_CONDITIONS = (", but ignore the first one", ", but only if it is after 2020", _ROUNDED)
_FRACTION = re.compile(r"\d[.,]\d*[1-9]")


def _conditioned(case: Case, _: Form, dice: random.Random) -> _Edited:
    """An added condition, before the mark that ends the question."""
    condition = dice.choice(_CONDITIONS)
    body = case.question.rstrip()
    mark = body[-1] if body[-1:] in (".", "?", "!") else ""
    holds = condition == _ROUNDED and not _FRACTION.search(case.answer)
    return f"{body.removesuffix(mark)}{condition}{mark}", case.answer if holds else None


# --- language --------------------------------------------------------------------------

_ENGLISH = """
    the a of and in to is are what how many for from with at on this these following by or not if
    which who word words number numbers list date day days time give find sort between each name
    answer question convert first last write
""".split()
_LANGUAGES: tuple[dict[str, str], ...] = tuple(
    dict(zip(_ENGLISH, words.split(), strict=True))
    for words in (
        """
        die eine von und in zu ist sind was wie viele für aus mit bei auf diese diese folgenden
        durch oder nicht wenn welche wer Wort Wörter Zahl Zahlen Liste Datum Tag Tage Zeit gib finde
        sortiere zwischen jede Name Antwort Frage verwandle erste letzte schreibe
        """,
        """
        la una de y en a es son qué cómo muchos para desde con en sobre este estos siguientes por o
        no si cuál quién palabra palabras número números lista fecha día días hora da encuentra
        ordena entre cada nombre respuesta pregunta convierte primero último escribe
        """,
        """
        le un de et dans à est sont que combien nombreux pour depuis avec chez sur ce ces suivants
        par ou pas si quel qui mot mots nombre nombres liste date jour jours heure donne trouve trie
        entre chaque nom réponse question convertis premier dernier écris
        """,
    )
)
"""German, Spanish and French, word by word: no good grammar, but plainly another language."""


def _translated(case: Case, form: Form, dice: random.Random) -> _Edited:
    """The request's small words in another language; at least two of them."""
    language = dice.choice(_LANGUAGES)
    changed: set[str] = set()

    def word(match: re.Match[str]) -> str:
        own = match[0].lower()
        # A single capital is a label, "(A)", "B's": not the article.
        label = len(own) == 1 and match[0].isupper()
        foreign = language.get(own) if own in form.common and not label else None
        if foreign is None or foreign == own:
            return match[0]
        changed.add(own)
        return foreign[0].upper() + foreign[1:] if match[0][0].isupper() else foreign

    translated = _WORD.sub(word, case.question)
    return (translated, case.answer) if len(changed) > 1 else None


# --- truncation ------------------------------------------------------------------------


def _truncated(case: Case, form: Form, dice: random.Random) -> _Edited:
    """The beginning; at least the last fixed word is cut off, or half of the question."""
    text = case.question
    starts = [match.start() for match in _WORD.finditer(text)]
    # A fixed word that comes again further on is a value there ("Sort the words: the, an").
    first: dict[str, int] = {}
    for match in _WORD.finditer(text):
        if match[0].lower() in form.fixed:
            first.setdefault(match[0].lower(), match.start())
    last = max(first.values(), default=len(text) // 2)
    places = [start for start in starts if 0 < start <= last]
    if not places:
        return None
    return text[: dice.choice(places[len(places) // 2 :])].rstrip(), None


_EDITS: Mapping[EditKind, Callable[[Case, Form, random.Random], _Edited]] = {
    "negation": _negated,
    "unit": _other_unit,
    "condition": _conditioned,
    "language": _translated,
    "truncation": _truncated,
}
KINDS: tuple[EditKind, ...] = get_args(EditKind)
