"""Form: do the answers of a class look alike?

Questions with their answers flow in, a `Form` flows out, or None as long as they are too
few. Invariants: pure, and no model is asked; a form is stable only if nearly all answers
fit it, because a tool answers in one form.

Stable are JSON of one schema, a frame of fixed words ("The answer is {number}."), and bare
values. Answers that are now bare and now a sentence are unstable, and so is prose.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from latm.identity import canonical_json, plain
from latm.induction import induce_answer, pieces
from latm.making.toolable import prospects
from latm.store.observed import FormKind
from latm.templates import Matcher
from latm.types import Json, Template

LEAST = 8
"""Fewer answers do not show a form."""
_SHARE = 0.95
_WORDS = 4
_WORD = re.compile(r"[^\W\d_]{2}")
"""Lines without a word are data: a matrix may have one row."""
_END = re.compile(r"[.!?…][\"'”’)*]*$")

Look: TypeAlias = Literal["json", "lines", "sentence", "bare"]


@dataclass(frozen=True, slots=True)
class Form:
    """What the answers of a class have in common.

    Attributes:
        shown: the form in words, for people.
        look: of bare values; ``template`` of a frame; ``schema`` of JSON, as JSON text.
    """

    kind: FormKind
    shown: str
    look: Look | None = None
    template: Template | None = None
    schema: str | None = None

    @property
    def stable(self) -> bool:
        return self.kind != "unstable"

    def fits(self, answer: str) -> bool:
        """Whether an answer is of this form."""
        if self.schema is not None:
            schema, read = json.loads(self.schema), _read(answer)
            return read is not None and _merged(schema, _schema(read)) == schema
        if self.template is not None:
            return Matcher(self.template).texts(answer) is not None
        return self.stable and _look(answer) == self.look

    def written(self) -> str:
        """As JSON text."""
        return canonical_json(plain(self))

    @classmethod
    def of(cls, written: str) -> Form:
        """From JSON text that `written` gave.

        Raises:
            ValueError: it is none.
        """
        return TypeAdapter(cls).validate_json(written)


def form_of(pairs: Sequence[tuple[str, str]], disputed: int = 0) -> Form | None:
    """The form of the answers to questions; None as long as they are too few.

    Args:
        disputed: how many more questions were answered in two ways.
    """
    if len(pairs) + disputed < LEAST:
        return None
    if len(pairs) < _SHARE * (len(pairs) + disputed):
        return Form("unstable", "the same question is answered in other words each time")
    answers = [answer for _, answer in pairs]
    looks = Counter[Look](map(_look, answers))
    look = max(looks, key=looks.__getitem__)
    nearly_all = looks[look] >= _SHARE * len(answers)
    if look == "json" and nearly_all:
        return _json_form(answers)
    template = induce_answer(answers)
    framed = any(any(c.isalpha() for c in literal) for literal in template.literals)
    if not framed and not nearly_all:
        others = " and ".join(sorted(looks))
        return Form("unstable", f"now {others}")
    outlook = prospects(pairs)
    if outlook.verdict == "hopeless":
        return Form("unstable", outlook.reason)
    if framed:
        return Form("frame", "".join(pieces(template)), template=template)
    kind = template.slots[0].kind if len(template.slots) == 1 else "text"
    return Form("value", look if kind == "text" else kind, look)


def _look(answer: str) -> Look:
    text = answer.strip()
    if _read(text) is not None:
        return "json"
    if "\n" in text and _WORD.search(text):
        return "lines"
    return "sentence" if len(text.split()) >= _WORDS and _END.search(text) else "bare"


# --- JSON ------------------------------------------------------------------------------


def _read(answer: str) -> Json:
    """The JSON object or list of an answer, None for anything else."""
    if answer.strip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None


def _json_form(answers: Sequence[str]) -> Form:
    schemas = [_schema(read) for answer in answers if (read := _read(answer)) is not None]
    merged = reduce(_merged, schemas)
    if _loose(merged):
        return Form("unstable", "JSON of more than one schema")
    return Form("json", _shown(merged), schema=canonical_json(merged))


def _schema(value: Json) -> Json:
    """Types in place of values; what a list holds is of one type, or of any."""
    match value:
        case dict():
            return {f"={key}": _schema(item) for key, item in value.items()}
        case list():
            return [reduce(_merged, map(_schema, value))] if value else []
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case None:
            return "null"


def _merged(one: Json, two: Json) -> Json:
    """The schema of what fits either; ``any`` where they have nothing in common.

    A key begins with ``=`` where all have it, with ``?`` where some do.
    """
    if one == two or two == "null":
        return one
    if one == "null":
        return two
    if isinstance(one, list) and isinstance(two, list):
        return [_merged(one[0], two[0])] if one and two else one or two
    if not isinstance(one, dict) or not isinstance(two, dict):
        return "any"
    merged: dict[str, Json] = {}
    for name in dict.fromkeys(key[1:] for key in (*one, *two)):
        sides = [
            side[key] for side in (one, two) for key in (f"={name}", f"?{name}") if key in side
        ]
        always = f"={name}" in one and f"={name}" in two
        merged[f"{'=' if always else '?'}{name}"] = reduce(_merged, sides)
    return merged


def _loose(schema: Json) -> bool:
    """Whether a schema says next to nothing: anything goes, or no key is in all objects."""
    match schema:
        case dict():
            named = any(key.startswith("=") for key in schema)
            kinds = {canonical_json(item) for item in schema.values()}
            return (not named and len(kinds) > 1) or any(map(_loose, schema.values()))
        case list():
            return any(map(_loose, schema))
        case _:
            return schema == "any"


def _shown(schema: Json) -> str:
    match schema:
        case dict():
            items = (f"{k[1:]}{'?' * (k[0] == '?')}: {_shown(v)}" for k, v in schema.items())
            return "{" + ", ".join(items) + "}"
        case list():
            return f"[{_shown(schema[0])} …]" if schema else "[]"
        case _:
            return str(schema)
