"""Do the arguments say what the request says? Nothing added, nothing left out.

Arguments of a light model and the question flow in; the paths of values without a source
(`untraceable`) and the words that are left out or said too often (`miscounted`) flow out.
Invariant: nothing that the question does not say verbatim passes; when in doubt a value is
untraceable, because a wrong answer is worse than none.

What counts as said:

- a text: it stands in the question letter by letter, and neither end cuts a word, a number
  or (for a text of marks only, as brackets are) a run of marks;
- a number: the question has a number of the same value (1.50 is 1.5, 1,000 is 1000); a
  digit inside another number, a word or a decimal is not that number;
- an array or object: all its items are said, and a value does not stand more often in a
  flat array than in the question; object keys too, unless the schema names them;
- a statement of clauses: it stands in the question as its form and its values make it;
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
from latm.templates import GAP
from latm.types import Json

_NUMBER = re.compile(
    r"((?<![\w)\]])-)?(?<!\w)(?<![0-9]\.)"
    r"((?:[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])|[0-9]++)(?:\.[0-9]++)?+)(?![eE][+-]?[0-9])"
)
_KINDS = ("number", "word", "mark")
_MOST_RESTS = 2
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


def miscounted(
    arguments: Mapping[str, Json],
    question: str,
    demonstrations: Sequence[tuple[str, Mapping[str, Json]]],
) -> tuple[str, ...]:
    """What the arguments say more or less often than they should.

    Demonstrations show how often; numbers, words and marks are looked at apart:

    - Where all of them leave the same ones of a kind aside (the fixed words of the class,
      or none at all), so must the arguments: a list of words loses none. A question that
      lacks those fixed words is worded in another way and is passed over.
    - Where they leave different ones aside (the goods and animals of a riddle), a value
      must stand in the arguments as often as in the question, less what demonstrations
      show: each name once in a roll call, say. Where they show no such rule, nothing is
      asked.

    Args:
        demonstrations: questions with the arguments of their calls; one alone shows nothing.
    """
    if len(demonstrations) < 2:
        return ()
    shown = [_Counts(asked, given) for asked, given in demonstrations]
    own = _Counts(question, arguments)
    return tuple(word for kind in _KINDS for word in _miscounted(kind, shown, own))


def _miscounted(kind: str, shown: Sequence[_Counts], own: _Counts) -> Iterator[str]:
    if not any(counts.given[kind] for counts in shown):
        return
    aside = [counts.aside(kind) for counts in shown]
    if all(a == aside[0] for a in aside):
        if aside[0] <= own.aside(kind):
            yield from (own.aside(kind) - aside[0]).elements()
        return
    rests = {rest for counts in shown for rest in counts.rests(kind).values()}
    if len(rests) <= _MOST_RESTS:
        yield from (value for value, rest in own.rests(kind).items() if rest not in rests)


class _Counts:
    """How often a question and the arguments of its call say each word and each value."""

    def __init__(self, question: str, arguments: Mapping[str, Json]) -> None:
        values = _texts(dict(arguments))
        self.given = {kind: _tokens(kind, values) for kind in _KINDS}
        self._asked = {kind: _tokens(kind, [question]) for kind in _KINDS}
        self._question = question
        self._values = Counter(values)

    def aside(self, kind: str) -> Counter[str]:
        """Words that the question says and the arguments do not."""
        return self._asked[kind] - self.given[kind]

    def rests(self, kind: str) -> dict[str, int]:
        """For each value of the arguments, how much more often the question says it."""
        return {
            value: _occurrences(value, self._question) - n
            for value, n in self._values.items()
            if value and _kind(value) == kind
        }


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
        forms = below is not None and "anyOf" in below
        so_far: Counter[str] = Counter()
        for n, item in enumerate(items):
            so_far[repr(item)] += 1
            said = _statement(item) if forms else item
            yield from self.missing(said, f"{path}[{n}]", below, so_far[repr(item)])

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


def _statement(entry: Json) -> Json:
    """An entry of clauses as the statement that it stands for (`latm.templates`)."""
    if not isinstance(entry, list) or not entry or not isinstance(entry[0], str):
        return entry
    literals, values = entry[0].split(GAP), [*map(str, entry[1:]), ""]
    if len(literals) != len(values):
        return entry
    return "".join(text for pair in zip(literals, values, strict=True) for text in pair)


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
