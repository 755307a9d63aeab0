"""Clauses: runs of statements as data ("The owl is the leftmost. The robin is to the …").

The texts of one gap flow in; a slot of kind ``clauses`` flows out, or None. Invariant: the
slot reads every statement of every text in exactly one way.

The forms of the statements are found top down (after IPLoM, Makanju et al. 2009): by what is
not a word, then by the words that all have in one place, then by the place that varies
least. A word that was seen to vary in one form is not fixed in another.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from latm.induction.slots import names_of, slot_of, slots_of
from latm.templates import Matcher, form_text
from latm.types import Slot, Template

SEPARATORS = (". ", "\n", "; ", " | ", ", ")
_TOKEN = re.compile(
    r"-?\d+(?:[.,:/-]\d+)*|[^\W_]+(?:[-:/._@&'’#][^\W_]+)*|\s+|.", re.DOTALL
)  # fmt: skip
# "(A) " and "2. ": in a list of fixed length they say which item it is.
_LABEL = re.compile(r"\(?(?:[A-Za-z]|\d{1,2})[).:]\s")
_MAX_FORMS = 12
_HELD = 2


@dataclass(frozen=True, slots=True)
class Run:
    """A run of statements with what stands around it.

    Attributes:
        heads, tails: first and last statement of each text where they are of another kind
            than the statements between them; else empty.
        values: what is left of each text: the run itself.
    """

    slot: Slot
    values: list[str]
    heads: list[str]
    tails: list[str]


def run_of(values: Sequence[str], separator: str, known: frozenset[str]) -> Run | None:
    """The run of statements in these texts, if it is one.

    Args:
        known: words that vary elsewhere in the texts, so that they are data here too.
    """
    rows = [v.split(separator) for v in values]
    if 2 * sum(len(row) > 1 for row in rows) < len(rows):
        return None  # a mark that stands in some texts ("St. Paul") does not make runs
    if not all(s and s == s.strip() for row in rows for s in row):
        return None
    found: list[Run] = []
    for head, tail in ((0, 0), (1, 0), (0, 1), (1, 1)):
        if min(map(len, rows)) <= head + tail:
            continue
        inner = [row[head : len(row) - tail] for row in rows]
        told = {t for row in rows for t in _TOKEN.findall(row[0])} if head else set[str]()
        forms = _forms_of(inner, known | told)
        if forms is None:
            continue
        run = Run(
            Slot("statements", "clauses", separator=separator, clauses=forms.templates),
            [separator.join(row) for row in inner],
            [row[0] for row in rows] if head else [],
            [row[-1] for row in rows] if tail else [],
        )
        if not forms.odd_end(inner):
            return run
        found.append(run)
    return found[0] if found else None


def _forms_of(rows: Sequence[Sequence[str]], known: frozenset[str]) -> _Forms | None:
    """The forms of these statements, if they are few, tell all apart, and vary."""
    statements = [s for row in rows for s in row]
    even = len({len(row) for row in rows}) == 1
    if even and all(map(_LABEL.match, statements)):
        return None
    templates = _forms(statements, known)
    if templates is None or len(templates) > min(_MAX_FORMS, max(1, len(statements) // 3)):
        return None
    if len(set(map(form_text, templates))) < len(templates) or not any(t.slots for t in templates):
        return None
    forms = _Forms(tuple(templates), statements)
    if None in forms.kinds.values() or (even and not forms.mixed(rows)):
        return None
    return forms


class _Forms:
    """Forms of statements, and for each statement the number of the only one that fits."""

    def __init__(self, templates: tuple[Template, ...], statements: Iterable[str]) -> None:
        self.templates = templates
        self.kinds: dict[str, int | None] = {}
        matchers = list(map(Matcher, templates))
        for statement in set(statements):
            fit = [n for n, m in enumerate(matchers) if m.texts(statement) is not None]
            self.kinds[statement] = fit[0] if len(fit) == 1 else None

    def mixed(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether statements of different forms stand in the same place."""
        places = zip(*rows, strict=False)
        return any(len({self.kinds[s] for s in place}) > 1 for place in places)

    def odd_end(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether no other statement has the forms of the first ones, or of the last ones."""
        kinds = [[self.kinds[s] for s in row] for row in rows]
        for end, others in ((0, slice(1, None)), (-1, slice(None, -1))):
            ends = {row[end] for row in kinds}
            if not any(ends & set(row[others]) for row in kinds):
                return True
        return False


# --- forms -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Group:
    """Statements of one form: their tokens, and the places in which they vary."""

    rows: list[list[str]]
    varying: set[int]

    @property
    def words(self) -> list[int]:
        return [n for n, token in enumerate(self.rows[0]) if _is_word(token)]

    def column(self, n: int) -> set[str]:
        return {row[n] for row in self.rows}


def _is_word(token: str) -> bool:
    return token[0].isalnum() or _number(token)


def _number(token: str) -> bool:
    return token[-1].isdigit()


def _forms(statements: Sequence[str], known: frozenset[str]) -> list[Template] | None:
    rows = [_TOKEN.findall(statement) for statement in statements]
    frequency = Counter(word for row in rows for word in set(row))
    known = frozenset(word for word in known if frequency[word] * 2 <= len(rows))
    by_signature: defaultdict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for row in rows:
        joined = _joined(row, known)
        by_signature[tuple("" if _is_word(t) else t for t in joined)].append(joined)
    groups: list[_Group] = []
    for alike in by_signature.values():
        groups += _divided(alike)
    _loosen(groups, known)
    by_literals: defaultdict[tuple[str, ...], list[_Group]] = defaultdict(list)
    for group in groups:
        by_literals[_literals(group)].append(group)
    forms = [_aligned(literals, alike) for literals, alike in by_literals.items()]
    found = [form for form in forms if form is not None]
    return _typed(found) if len(found) == len(forms) else None


def _typed(forms: Sequence[tuple[list[str], list[list[str]]]]) -> list[Template]:
    """Forms with their slots; what fills one of them may fill another."""
    names = [name for fixed, gaps in forms for name in names_of(fixed, gaps)]
    slots = iter(map(_phrase, slots_of(names, [gap for _, gaps in forms for gap in gaps])))
    return [Template(tuple(fixed), tuple(islice(slots, len(gaps)))) for fixed, gaps in forms]


def _joined(row: Sequence[str], known: frozenset[str]) -> list[str]:
    """The tokens with known words side by side in one: "blue jay"."""
    joined: list[str] = []
    for n, token in enumerate(row):
        if n > 1 and token in known and row[n - 1] == " " and row[n - 2] in known:
            joined[-2:] = [joined[-2] + " " + token]
        else:
            joined.append(token)
    return joined


def _divided(rows: list[list[str]]) -> list[_Group]:
    """Groups of rows that have a word in common, or marks only."""
    group = _Group(rows, set())
    words = [n for n in group.words if not all(_number(row[n]) for row in rows)]
    columns = {n: group.column(n) for n in words}
    fixed = [n for n in words if len(columns[n]) == 1]
    held = len(fixed) * 3 >= len(words) or any(not t.isspace() for t in _inner_marks(group))
    free = [n for n in words if n not in fixed]
    least = min(free, key=lambda n: len(columns[n]), default=None)
    if held or least is None or len(columns[least]) * 3 > len(rows):
        group.varying = {n for n in group.words if n not in fixed and _varies(group, n)}
        return [group]
    parts: defaultdict[str, list[list[str]]] = defaultdict(list)
    for row in rows:
        parts[row[least]].append(row)
    return [inner for part in parts.values() for inner in _divided(part)]


def _varies(group: _Group, n: int) -> bool:
    return len(group.column(n)) > 1 or _number(group.rows[0][n])


def _inner_marks(group: _Group) -> Iterable[str]:
    words = group.words
    inner = range(words[0], words[-1]) if words else range(0)
    return (group.rows[0][n] for n in inner if n not in words)


def _loosen(groups: Sequence[_Group], known: frozenset[str]) -> None:
    """Let words vary that vary elsewhere and are not what holds several groups together."""
    seen: set[str] = set()
    holding: Counter[str] = Counter()
    for group in groups:
        for n in group.words:
            if n in group.varying:
                seen |= _words(group.column(n))
            else:
                holding.update(group.column(n))
    data = {word for word in seen if holding[word] < _HELD} | known
    for group in groups:
        group.varying |= {n for n in group.words if _words(group.column(n)) <= data}


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in text.split(" ")}


def _literals(group: _Group) -> tuple[str, ...]:
    row = group.rows[0]
    return tuple(t for n, t in enumerate(row) if n not in group.varying and not t.isspace())


def _aligned(
    literals: tuple[str, ...], groups: Sequence[_Group]
) -> tuple[list[str], list[list[str]]] | None:
    """One form for groups with the same fixed tokens: values may have several words."""
    loose = len(groups) > 1 or not literals
    cut = [_cut(row, group.varying, whole=loose) for group in groups for row in group.rows]
    if len({tuple(fixed) for fixed, _ in cut}) > 1:
        return None
    fixed = cut[0][0]
    gaps = [list(values) for values in zip(*(v for _, v in cut), strict=True)]
    if not literals and not all(slot_of("x", g).item in ("integer", "decimal") for g in gaps):
        return None
    return fixed, gaps


def _cut(row: Sequence[str], varying: set[int], *, whole: bool) -> tuple[list[str], list[str]]:
    """Fixed texts and values of a statement; ``whole`` joins values with only blanks between."""
    fixed, values = [""], list[str]()
    for n, token in enumerate(row):
        if n not in varying:
            fixed[-1] += token
        elif values and (not fixed[-1] or (whole and fixed[-1].isspace())):
            values[-1] += fixed[-1] + token
            fixed[-1] = ""
        else:
            values.append(token)
            fixed.append("")
    return fixed, values


def _phrase(slot: Slot) -> Slot:
    """A few words between fixed ones are a phrase ("Moby Dick"), not a list."""
    if slot.kind == "list" and slot.item == "word" and slot.separator == " ":
        return replace(slot, kind="text", item=None, separator=None)
    return slot


def gains(slot: Slot, values: Sequence[str]) -> bool:
    """Whether clauses say more than a list of texts does: typed values or words apart."""
    slots = [s for form in slot.clauses for s in form.slots]
    numbers = any(s.kind in ("integer", "decimal", "list") for s in slots)
    return numbers or any(c.isalpha() for v in values for c in v)


__all__ = ["SEPARATORS", "Run", "gains", "run_of"]
