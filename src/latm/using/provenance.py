"""Do the arguments say what the request says? Nothing added, nothing left out.

Arguments of a light model and the question flow in; the paths of values without a source
(`untraceable`) and the words of the question without a place (`left_out`) flow out.
Invariant: nothing that the question does not say verbatim passes; when in doubt a value is
untraceable, because a wrong answer is worse than none.

What counts as said:

- a text: it stands in the question letter by letter, and neither end cuts a word, a number
  or (for a text of marks only, as brackets are) a run of marks;
- a number: the question has a number of the same value (1.50 is 1.5, 1,000 is 1000); a
  digit inside another number, a word or a decimal is not that number;
- an array or object: all its items are said, and a value does not stand more often in a
  flat array than in the question; object keys too, unless the schema names them;
- null is always traceable: it claims nothing. True, false, the empty text, the empty array
  and the empty object never are: they claim something that no text can show.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import cast

from latm.induction import tokens
from latm.types import Json

_NUMBER = re.compile(
    r"((?<![\w)\]])-)?(?<!\w)(?<![0-9]\.)"
    r"((?:[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])|[0-9]++)(?:\.[0-9]++)?+)(?![eE][+-]?[0-9])"
)
_KINDS = ("number", "word", "mark")
_SENTENCE_MARKS = frozenset(".,;:!?")


def untraceable(
    arguments: Mapping[str, Json], question: str, schema: Mapping[str, Json] | None = None
) -> tuple[str, ...]:
    """Paths of the values that the question does not say, such as ``$.words[3]``.

    Args:
        arguments: by parameter; the parameters' own names are not checked.
        schema: JSON schema of the arguments; keys that it names are not checked either.
    """
    search = _Search(question)
    properties = _part(schema, "properties")
    return tuple(
        path
        for name, value in arguments.items()
        for path in search.missing(value, f"$.{name}", _part(properties, name))
    )


def left_out(
    arguments: Mapping[str, Json],
    question: str,
    demonstrations: Sequence[tuple[str, Mapping[str, Json]]],
) -> tuple[str, ...]:
    """What the question says and the arguments leave out, where demonstrations never do.

    Numbers, words and marks are looked at apart. Where all demonstrations leave the same
    ones of a kind aside (the fixed words of the class, or none at all), the question must
    do so too: a list of words loses none. Where demonstrations differ in what they leave
    aside (the goods and animals of a riddle), or the question lacks those fixed words
    (it is worded in another way), the kind tells nothing and is passed over.

    Args:
        demonstrations: questions with the arguments of their calls.
    """
    missing: list[str] = []
    for kind in _KINDS:
        aside = [_aside(kind, asked, given) for asked, given in demonstrations]
        given = any(_tokens(kind, _texts(dict(row))) for _, row in demonstrations)
        if given and all(a == aside[0] for a in aside) and len(aside) > 1:
            own = _aside(kind, question, arguments)
            if aside[0] <= own:
                missing += (own - aside[0]).elements()
    return tuple(missing)


def _aside(kind: str, question: str, arguments: Mapping[str, Json]) -> Counter[str]:
    """Tokens of the question that the arguments do not use."""
    return _tokens(kind, [question]) - _tokens(kind, _texts(dict(arguments)))


def _texts(value: Json) -> list[str]:
    """All scalars of a value as texts."""
    if isinstance(value, dict):
        return [text for below in value.values() for text in _texts(below)]
    if isinstance(value, list):
        return [text for below in value for text in _texts(below)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def _tokens(kind: str, texts: Sequence[str]) -> Counter[str]:
    return Counter(
        _canonical(token)
        for text in texts
        for token in tokens(text)
        if not token.isspace() and _kind(token) == kind
    )


def _kind(token: str) -> str:
    if token[0].isdigit():
        return "number"
    return "word" if token[0].isalpha() else "mark"


def _canonical(token: str) -> str:
    """1.50 and 1.5 are one number, as are 1,000 and 1000; a time or a date stays as it is."""
    match = _NUMBER.fullmatch(token)
    if match is None:
        return token
    return f"{Decimal(match[2].replace(',', '')).normalize():f}"


class _Search:
    """One question, with its numbers counted."""

    def __init__(self, question: str) -> None:
        self._question = question
        self._numbers = Counter(
            Decimal((sign or "") + digits.replace(",", ""))
            for sign, digits in _NUMBER.findall(question)
        )

    def missing(
        self, value: Json, path: str, schema: Mapping[str, Json] | None, needed: int = 1
    ) -> Iterator[str]:
        """Paths below one value; ``needed`` is how often the question must say it."""
        if isinstance(value, list):
            yield from self._missing_items(value, path, schema)
        elif isinstance(value, dict):
            yield from self._missing_entries(value, path, schema)
        elif value is not None and self._said(value) < needed:
            yield path

    def _missing_items(
        self, items: list[Json], path: str, schema: Mapping[str, Json] | None
    ) -> Iterator[str]:
        if not items:
            yield path
        below = _part(schema, "items")
        so_far: Counter[str] = Counter()
        for n, item in enumerate(items):
            so_far[repr(item)] += 1
            yield from self.missing(item, f"{path}[{n}]", below, so_far[repr(item)])

    def _missing_entries(
        self, entries: dict[str, Json], path: str, schema: Mapping[str, Json] | None
    ) -> Iterator[str]:
        if not entries:
            yield path
        properties = _part(schema, "properties")
        for key, value in entries.items():
            if key not in (properties or {}) and not self._said(key):
                yield f"{path}.{key} (key)"
            yield from self.missing(value, f"{path}.{key}", _part(properties, key))

    def _said(self, value: bool | int | float | str) -> int:
        """How often the question says a scalar."""
        if isinstance(value, bool):
            return 0
        if isinstance(value, str):
            return _occurrences(value, self._question) if value.strip() else 0
        number = Decimal(repr(value))
        return self._numbers[number] if number.is_finite() else 0


def _part(schema: Mapping[str, Json] | None, key: str) -> Mapping[str, Json] | None:
    below = schema.get(key) if schema else None
    return cast("Mapping[str, Json]", below) if isinstance(below, dict) else None


def _occurrences(text: str, question: str) -> int:
    """How often a text stands in the question without cutting a token at either end."""
    whole = _whole_run if not any(map(_is_word, text)) else _whole_words
    count, start = 0, question.find(text)
    while start >= 0:
        count += whole(question, start, start + len(text))
        start = question.find(text, start + 1)
    return count


def _whole_words(question: str, start: int, end: int) -> bool:
    before, after = question[:start][-2:], question[end : end + 2]
    first, last = question[start], question[end - 1]
    return not (
        (before and _is_word(first) and _is_word(before[-1]))
        or (after and _is_word(last) and _is_word(after[0]))
        or (len(before) == 2 and first.isdigit() and before[1] in ".," and before[0].isdigit())
        or (len(after) == 2 and last.isdigit() and after[0] in ".," and after[1].isdigit())
    )


def _whole_run(question: str, start: int, end: int) -> bool:
    """For marks only: no further mark of the run beside it, save the sentence's own."""
    before = question[start - 1] if start else " "
    rest = question[end:].lstrip("".join(_SENTENCE_MARKS))
    opens = before.isspace() or _is_word(before)
    return opens and (not rest or rest[0].isspace() or _is_word(rest[0]))


def _is_word(character: str) -> bool:
    return (
        character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
    )
