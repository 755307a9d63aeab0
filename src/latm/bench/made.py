"""Results of making: rows of a file in, counts and Markdown tables out.

Invariants: of each family, seed, maker and set of parts switched off the newest row counts
and no other; nothing is left out of a count; a tool with one wrong answer on fresh cases is
a false admission, whatever else it got right.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from latm.bench.cells import TASKS
from latm.bench.decoys import KINDS, OTHER
from latm.bench.solve import quantile
from latm.identity import canonical_json
from latm.types import Usage, Verdict

RESULTS = "results.jsonl"
GROUPS = ("paper", "everyday", "gym", "untoolable")

MADE_SHARE = 0.8
"""A family counts as made when its tools answer this share of the held-out cases right."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many questions went how."""

    right: int = 0
    wrong: int = 0
    abstained: int = 0
    failed: int = 0

    @property
    def asked(self) -> int:
        return self.right + self.wrong + self.abstained + self.failed

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.right + other.right,
            self.wrong + other.wrong,
            self.abstained + other.abstained,
            self.failed + other.failed,
        )


def tally(verdicts: Sequence[Verdict]) -> Tally:
    """Verdicts, counted."""
    return Tally(**Counter(verdict.outcome for verdict in verdicts))


@dataclass(frozen=True, slots=True)
class Admitted:
    """A tool that the verifier accepted.

    Attributes:
        template: whether it can answer without a light model.
        error_bound: upper bound of its wrong-answer rate, a share.
    """

    version: str
    shape: int
    strategy: str
    template: bool
    held_out: int
    held_out_passed: int
    error_bound: float


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong answer of a tool. ``expected`` is None where every answer is wrong."""

    version: str
    kind: str
    question: str
    expected: str | None
    got: str


@dataclass(frozen=True, slots=True)
class Deceived:
    """How a family's tools took the decoys of one kind; right: they happened to know."""

    kind: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Row:
    """One family, made once and tested.

    Attributes:
        key: digest of all that decided the row.
        without: parts of the search that were switched off.
        code: digest of the source that makes and serves.
        shown, held_out: the cases of the making, answered by the tools together.
        test: fresh cases, likewise.
        false_admissions: for each tool with a wrong answer on fresh cases, its first.
        wrong_decoys: the first wrong answers to decoys.
        calls: model calls of the making; ``seconds`` its wall time.
        reasons: what is not covered and why.
    """

    key: str
    family: str
    group: str
    seed: int
    maker: str
    max_tokens: int
    without: tuple[str, ...]
    code: str
    shown: Tally
    held_out: Tally
    test: Tally
    tools: tuple[Admitted, ...]
    false_admissions: tuple[Wrong, ...]
    deceived: tuple[Deceived, ...]
    wrong_decoys: tuple[Wrong, ...]
    usage: Usage
    calls: int
    seconds: float
    reasons: tuple[str, ...] = field(default=())

    @property
    def covered(self) -> float:
        """Share of the held-out cases that the tools answer right."""
        return self.held_out.right / self.held_out.asked if self.held_out.asked else 0.0

    @property
    def made(self) -> bool:
        """Whether the tools, all shapes together, serve the family."""
        return bool(self.tools) and self.covered >= MADE_SHARE and self.held_out.wrong == 0


_ROW = TypeAdapter(Row)


def line_of(row: Row) -> str:
    """A row as a line of the results file."""
    return canonical_json(asdict(row)) + "\n"


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of a results file; a line cut by a kill is passed over, its family made again."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield _ROW.validate_json(line)
        except ValidationError:
            continue


def newest(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that count, by group and family."""
    latest = {(r.family, r.seed, r.maker, r.without): r for r in rows}
    order = {group: n for n, group in enumerate(GROUPS)}
    return tuple(
        sorted(latest.values(), key=lambda r: (order.get(r.group, len(order)), r.family, r.seed))
    )


def summary(row: Row) -> str:
    """A row as a line for people."""
    held_out, test = row.held_out, row.test
    said = [
        f"{held_out.right} of {held_out.asked} held out",
        f"fresh: {test.right} right, {test.wrong} wrong, {test.abstained + test.failed} abstained",
        f"{row.usage.total} tokens",
        f"{row.seconds:.1f} s",
    ]
    less = f" without {', '.join(row.without)}" if row.without else ""
    end = ", ".join(said) if row.made else f"{'; '.join([*row.reasons, *said[2:]])}"
    return f"{row.family} seed {row.seed}{less}: {'made' if row.made else 'not made'}: {end}"


def as_json(rows: Sequence[Row]) -> dict[str, object]:
    """Rows as plain data, and how many are what."""
    whole = [row for row in newest(rows) if not row.without]
    return {
        "makings": len(whole),
        "made": sum(row.made for row in whole),
        "tools": sum(len(row.tools) for row in whole),
        "false_admissions": sum(len(row.false_admissions) for row in whole),
        "wrong_decoys": sum(d.tally.wrong for row in whole for d in row.deceived),
        "rows": [{**asdict(row), "made": row.made, "covered": row.covered} for row in rows],
    }


# --- report ----------------------------------------------------------------------------


def report(rows: Sequence[Row]) -> str:
    """Markdown: every maker's groups, false admissions, decoys, parts and families."""
    counted = newest(rows)
    makers = dict.fromkeys(row.maker for row in counted)
    return "\n".join(line for maker in makers for line in _of_maker(maker, counted)) + "\n"


def _of_maker(maker: str, counted: Sequence[Row]) -> Iterator[str]:
    own = [row for row in counted if row.maker == maker]
    whole = [row for row in own if not row.without]
    codes = sorted({row.code[:12] for row in whole})
    yield f"# Making with {maker}\n"
    yield f"{len(whole)} makings; code {', '.join(codes)}.\n"
    yield from _groups(whole)
    yield from _paper(whole)
    yield from _false_admissions(whole)
    yield from _decoys(whole)
    yield from _parts(own)
    yield from _families(whole)


def _groups(rows: Sequence[Row]) -> Iterator[str]:
    yield from _head(
        "group, makings, made, tools, false admissions, test right, wrong, abstained, failed, "
        "tokens a made one (quartiles), tokens not made, s a made one, strategies that won"
    )
    for group in GROUPS:
        of_group = [row for row in rows if row.group == group]
        if of_group:
            yield _line([group, *_group(of_group)])
    if len({row.group for row in rows}) > 1:
        yield _line(["all", *_group(rows)])
    yield ""


def _group(rows: Sequence[Row]) -> list[str]:
    made = [row for row in rows if row.made]
    test = sum((row.test for row in rows), Tally())
    won = Counter(tool.strategy for row in rows for tool in row.tools)
    return [
        str(len(rows)),
        f"{len(made)} ({len(made) / len(rows):.0%})",
        str(sum(len(row.tools) for row in rows)),
        str(sum(len(row.false_admissions) for row in rows)),
        *map(str, (test.right, test.wrong, test.abstained, test.failed)),
        quartiles([row.usage.total for row in made]),
        quartiles([row.usage.total for row in rows if not row.made]),
        quartiles([row.seconds for row in made]),
        ", ".join(f"{name} {n}" for name, n in won.most_common()) or "—",
    ]


def quartiles(values: Sequence[float]) -> str:
    """Median, and the quartiles in brackets."""
    if not values:
        return "—"
    low, middle, high = (quantile(sorted(values), share) for share in (0.25, 0.5, 0.75))
    return f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"


_TRIALS = 5
_GPT_4 = (3, 4, 5, 5, 5, 3)
_GPT_35 = (0, 0, 5, 5, 5, 0)
"""Verified tools out of five trials, in the order of `TASKS` (LATM, table 3)."""


def _paper(rows: Sequence[Row]) -> Iterator[str]:
    """The paper's own makers beside this one."""
    paper = [row for row in rows if row.group == "paper"]
    ours = [[r for r in paper if r.family.replace("-", "_").endswith(t.name)] for t in TASKS]
    if not any(ours):
        return
    yield "## The paper's tasks: tools made, of trials\n"
    yield from _head(", ".join(["maker", *(task.label for task in TASKS), "all"]))
    for name, counts in (("GPT-4 (paper)", _GPT_4), ("GPT-3.5 (paper)", _GPT_35)):
        cells = [f"{n} of {_TRIALS}" for n in counts]
        yield _line([name, *cells, f"{sum(counts)} of {_TRIALS * len(counts)}"])
    cells = [_of(sum(r.made for r in task), len(task)) for task in ours]
    flat = [row for task in ours for row in task]
    yield _line([flat[0].maker, *cells, _of(sum(r.made for r in flat), len(flat))])
    unseen = [sum((r.test for r in task if r.made), Tally()) for task in [*ours, flat]]
    yield _line(["its unseen cases, right", *(_of(t.right, t.asked) for t in unseen)])
    yield ""


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "—"


def _false_admissions(rows: Sequence[Row]) -> Iterator[str]:
    tools = sum(len(row.tools) for row in rows)
    found = [(row, wrong) for row in rows for wrong in row.false_admissions]
    yield f"## False admissions: {len(found)} of {tools} tools\n"
    if found:
        yield from _head("family, seed, tool, question, expected, got")
        for row, wrong in found:
            yield _line([row.family, str(row.seed), wrong.version[:12], *_example(wrong)])
        yield ""


def _decoys(rows: Sequence[Row]) -> Iterator[str]:
    counts = {kind: Tally() for kind in (OTHER, *KINDS)}
    for row in rows:
        for deceived in row.deceived:
            counts[deceived.kind] = counts.get(deceived.kind, Tally()) + deceived.tally
    total = sum(counts.values(), Tally())
    yield f"## Decoys: {total.wrong} wrong answers to {total.asked} questions\n"
    yield from _head("kind, asked, right, wrong, abstained")
    for kind, count in counts.items():
        abstained = count.abstained + count.failed
        yield _line([kind, *map(str, (count.asked, count.right, count.wrong, abstained))])
    yield ""
    wrong = [(row, example) for row in rows for example in row.wrong_decoys]
    if wrong:
        yield from _head("family, kind, question, right, got")
        for row, example in wrong:
            yield _line([row.family, example.kind, *_example(example)])
        yield ""


def _parts(rows: Sequence[Row]) -> Iterator[str]:
    """What each part of the search is worth: the same makings with and without it."""
    whole = {(row.family, row.seed): row for row in rows if not row.without}
    parts = sorted({row.without for row in rows if row.without})
    if not parts:
        return
    yield "## One part switched off\n"
    yield from _head("without, makings, made, made with it, tokens, tokens with it")
    for without in parts:
        less = [r for r in rows if r.without == without and (r.family, r.seed) in whole]
        with_it = [whole[row.family, row.seed] for row in less]
        made, tokens = (
            [f"{sum(r.made for r in side)}" for side in (less, with_it)],
            [f"{sum(r.usage.total for r in side):,}" for side in (less, with_it)],
        )
        yield _line([", ".join(without), str(len(less)), *made, *tokens])
    yield ""


def _families(rows: Sequence[Row]) -> Iterator[str]:
    yield "## Families\n"
    yield from _head(
        "family, group, seed, made, held out, error at most, test right, wrong, abstained, "
        "failed, decoys wrong, tokens in, cached, out, calls, s, strategies, why not"
    )
    for row in rows:
        test, usage = row.test, row.usage
        wrong = sum(deceived.tally.wrong for deceived in row.deceived)
        bound = max((tool.error_bound for tool in row.tools), default=None)
        yield _line(
            [
                *(row.family, row.group, str(row.seed), "yes" if row.made else "no"),
                _of(row.held_out.right, row.held_out.asked),
                "—" if bound is None else f"{bound:.1%}",
                *map(str, (test.right, test.wrong, test.abstained, test.failed, wrong)),
                *map(str, (usage.input, usage.cached_input, usage.output, row.calls)),
                f"{row.seconds:.1f}",
                ", ".join(dict.fromkeys(tool.strategy for tool in row.tools)) or "—",
                "—" if row.made else _quoted("; ".join(row.reasons)),
            ]
        )


# --- Markdown --------------------------------------------------------------------------

_LONGEST = 160


def _example(wrong: Wrong) -> list[str]:
    expected = "none" if wrong.expected is None else _quoted(wrong.expected)
    return [_quoted(wrong.question), expected, _quoted(wrong.got)]


def _quoted(text: str) -> str:
    """A text as one line of code: whatever stands in it is no markup."""
    line = json.dumps(text, ensure_ascii=False)[1:-1].replace("`", "'").replace("|", "¦")
    return f"`{line if len(line) <= _LONGEST else line[: _LONGEST - 1] + '…'}`" if line else "—"


def _head(columns: str) -> Iterator[str]:
    names = [name.strip() for name in columns.split(", ")]
    yield _line(names)
    yield _line(["---"] * len(names))


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"
