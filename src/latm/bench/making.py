"""Making, measured: families of questions in, one row a family out.

Families and a maker's model flow in; each family is made in a fresh store, tested on cases
of another seed and on decoys through the request path, and appended as a row to a results
file. Invariants: no question of a making is a question of its test; a test spends no token;
a row is written once it is known, and its key says all that decided it, so that a run that
is cut goes on where it stopped.
"""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import get_args

import latm
from latm.answers import same
from latm.bench.decoys import Decoy, edited, strangers
from latm.bench.families import Family
from latm.bench.made import (
    RESULTS,
    Admitted,
    Deceived,
    Row,
    Tally,
    Wrong,
    line_of,
    read_rows,
    tally,
)
from latm.cases import question_digest, sift
from latm.errors import CasesError, InputError
from latm.identity import canonical_json, digest
from latm.models import Model
from latm.runtime import MakeReport, Runtime, opened
from latm.settings import Settings
from latm.types import Answer, Case, ChatRequest, FailureKind, Reply, Usage, Verdict
from latm.using.flow import Flow

TEST_SEED = 10_000
"""What is added to the seed of a making for the cases of its test."""

DECOY_SEED = 20_000
STRANGERS = 200
EDITS = 50
_WRONG_SHOWN = 5
_AT_ONCE = 4
_DECIDES = {"making", "cases", "induction", "templates", "execution", "answers", "using"}
_SETTINGS = {
    *("maker", "user", "max_tokens", "max_cost_usd", "slots", "seed", "without"),
    *("sandbox_wall_seconds", "sandbox_cpu_seconds", "sandbox_memory_bytes"),
    *("sandbox_result_bytes", "sandbox_output_bytes"),
}

ABLATED = (
    *("add-vat", "clock-24-hours", "timesheet-hours", "order-mail-to-json"),
    *("camel-and-snake-case", "grade-from-points", "gym-number-sorting", "gym-gcd"),
    *("gym-spell-backward", "gym-time-intervals"),
)
"""Families to switch parts of the search off on: numbers, times, records, texts, rules."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make.

    Attributes:
        settings: of the maker and its budget.
        families: to make, in this order.
        pool: families whose questions are decoys for each other.
        seeds: of cases, split and samples; each family is made once with each.
        cases: for one making; ``tests`` fresh ones after it.
        without: sets of parts of the search to switch off, each a making of its own.
    """

    out: Path
    settings: Settings
    families: Sequence[Family]
    pool: Sequence[Family]
    seeds: Sequence[int] = (1,)
    cases: int = 60
    tests: int = 100
    without: Sequence[tuple[str, ...]] = ((),)


@dataclass(frozen=True, slots=True)
class _Job:
    """One family to make and to test."""

    key: str
    family: Family
    settings: Settings
    code: str
    cases: tuple[Case, ...]
    test: tuple[Case, ...]
    decoys: tuple[Decoy, ...]


async def run(
    plan: Plan, models: Mapping[str, Model], *, done: Callable[[Row], None] | None = None
) -> tuple[Row, ...]:
    """Make and test what is not known yet, one family at a time.

    Args:
        models: models that are open already, by full name; they stay open.
        done: told of every new row.

    Returns:
        The rows of the plan.

    Raises:
        ModelError, ModelFileError: the maker cannot be used; what is known stays, the next
            run goes on.
        SandboxUnavailableError: no engine can run candidates.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    path = plan.out / RESULTS
    known = {row.key: row for row in read_rows(path)}
    lent = {name: _Lent(model) for name, model in models.items()}
    rows: list[Row] = []
    with path.open("a+", encoding="utf-8") as results:
        _end_line(path, results.write)
        for job in _jobs(plan):
            row = known.get(job.key)
            if row is None:
                async with opened(job.settings, lent) as runtime:
                    row = await _row(job, runtime)
                results.write(line_of(row))
                results.flush()
                if done is not None:
                    done(row)
            rows.append(row)
    return tuple(rows)


def _end_line(path: Path, write: Callable[[str], object]) -> None:
    """Close a line that a kill left open, so that the next row stands on its own."""
    raw = path.read_bytes()
    if raw and not raw.endswith(b"\n"):
        write("\n")


# --- what is made ----------------------------------------------------------------------


def _jobs(plan: Plan) -> Iterator[_Job]:
    stock = _stock(plan)
    code = code_version()
    for family in plan.families:
        for seed in plan.seeds:
            cases, test = cases_of(family, seed, plan.cases, plan.tests)
            decoys = _decoys(family, test or cases, stock)
            for without in plan.without:
                changes = {"seed": seed, "db": ":memory:", "without": without}
                settings = plan.settings.model_copy(update=changes)
                parts = [
                    *(family.name, family.group, code),
                    settings.model_dump(mode="json", include=_SETTINGS),
                    *([[c.question, c.answer] for c in side] for side in (cases, test)),
                    [asdict(decoy) for decoy in decoys],
                ]
                key = digest(canonical_json(parts))
                yield _Job(key, family, settings, code, cases, test, decoys)


def cases_of(
    family: Family, seed: int, count: int, tests: int
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Cases for the making and fresh ones for the test, no question in both.

    A fixed stock is divided, five sixths for the making, for some of the paper's tasks tell
    five stories; what cannot be made into a tool needs no test and gives all.
    """
    if family.fresh:
        cases = family.generate(seed, count)
        fresh = family.generate(seed + TEST_SEED, tests + count)
    else:
        stock = family.generate(seed, count + tests)
        cut = len(stock) if family.group == "untoolable" else -(-5 * len(stock) // 6)
        cases, fresh = stock[: min(cut, count)], stock[cut:]
    used = {question_digest(case.question) for case in cases}
    unused = {d: case for case in fresh if (d := question_digest(case.question)) not in used}
    return tuple(cases), tuple(unused.values())[:tests]


def _stock(plan: Plan) -> dict[str, Sequence[Case]]:
    """Enough cases of each family for equal shares of the decoys.

    A family that is not to be had here, for want of a package, gives none.
    """
    share = -(-STRANGERS // max(1, len(plan.pool) - 1)) + 1
    stock: dict[str, Sequence[Case]] = {}
    for family in plan.pool:
        with suppress(InputError):
            stock[family.name] = family.generate(DECOY_SEED, share)
    return stock


def _decoys(
    family: Family, cases: Sequence[Case], stock: Mapping[str, Sequence[Case]]
) -> tuple[Decoy, ...]:
    others = {name: stocked for name, stocked in stock.items() if name != family.name}
    seed = int(digest(family.name)[:8], 16)
    own = edited(cases, seed=seed, count=EDITS)
    return (*strangers(others, seed=seed, count=STRANGERS), *own)


def code_version() -> str:
    """Digest of the source that makes and serves tools, less its comments and its form."""
    root = Path(latm.__file__).parent
    files = sorted(
        file
        for file in root.rglob("*.py")
        if file.relative_to(root).parts[0].removesuffix(".py") in _DECIDES
    )
    trees = [ast.dump(ast.parse(file.read_text(encoding="utf-8"))) for file in files]
    return digest("\n".join(trees))


# --- making and testing ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tested:
    """What the tools of a family made of questions."""

    shown: Tally = field(default_factory=Tally)
    held_out: Tally = field(default_factory=Tally)
    test: Tally = field(default_factory=Tally)
    false_admissions: tuple[Wrong, ...] = ()
    deceived: tuple[Deceived, ...] = ()
    wrong_decoys: tuple[Wrong, ...] = ()


async def _row(job: _Job, runtime: Runtime) -> Row:
    name, settings = job.family.name, job.settings
    tools: tuple[Admitted, ...] = ()
    usage, calls, seconds = Usage(), 0, 0.0
    try:
        report = await runtime.make(name, sift(name, job.cases).consistent())
    except CasesError as error:
        tested, reasons = _Tested(), (str(error),)
    else:
        tools, usage, seconds = _admitted(report), report.usage, report.seconds
        reasons = report.reasons
        calls = (await runtime.store.usage.total(name=name)).rows
        tested = await _tested(job, report, runtime)
    return Row(
        key=job.key,
        family=name,
        group=job.family.group,
        seed=settings.seed,
        maker=settings.maker,
        max_tokens=settings.max_tokens,
        without=settings.without,
        code=job.code,
        shown=tested.shown,
        held_out=tested.held_out,
        test=tested.test,
        tools=tools,
        false_admissions=tested.false_admissions,
        deceived=tested.deceived,
        wrong_decoys=tested.wrong_decoys,
        usage=usage,
        calls=calls,
        seconds=round(seconds, 3),
        reasons=reasons,
    )


def _admitted(report: MakeReport) -> tuple[Admitted, ...]:
    return tuple(
        Admitted(
            version=item.version,
            shape=item.tool.shape,
            strategy=item.tool.provenance.strategy,
            template=item.tool.template is not None,
            held_out=item.tool.verification.held_out,
            held_out_passed=item.tool.verification.held_out_passed,
            error_bound=bound,
        )
        for item, bound in zip(report.tools, report.bounds, strict=True)
    )


async def _tested(job: _Job, report: MakeReport, runtime: Runtime) -> _Tested:
    """All questions, through the request path, by the tools alone."""
    shown, held_out = report.split.shown, report.split.held_out
    if not report.tools:
        return _Tested(
            shown=Tally(abstained=len(shown)),
            held_out=Tally(abstained=len(held_out)),
            test=Tally(abstained=len(job.test)),
        )
    flow = await runtime.flow(report.name, rungs=("tool",))
    on_test = await _verdicts(flow, job.test)
    first: dict[str, Wrong] = {}
    for verdict, version in on_test:
        if verdict.outcome == "wrong" and verdict.got is not None:
            case = verdict.case
            wrong = Wrong(version, "fresh", case.question, case.answer, verdict.got)
            first.setdefault(version, wrong)
    deceived, wrong_decoys = await _deceived(flow, job.decoys)
    return _Tested(
        shown=_tally(await _verdicts(flow, shown)),
        held_out=_tally(await _verdicts(flow, held_out)),
        test=_tally(on_test),
        false_admissions=tuple(first.values()),
        deceived=deceived,
        wrong_decoys=wrong_decoys,
    )


def _tally(verdicts: Sequence[tuple[Verdict, str]]) -> Tally:
    return tally([verdict for verdict, _ in verdicts])


async def _verdicts(flow: Flow, cases: Sequence[Case]) -> list[tuple[Verdict, str]]:
    """How each case went, and which tool answered."""
    answers = await _answers(flow, [case.question for case in cases])
    return [
        (_verdict(case, answer), answer.receipt.version or "")
        for case, answer in zip(cases, answers, strict=True)
    ]


def _verdict(case: Case, answer: Answer) -> Verdict:
    if answer.text is None:
        why = answer.receipt.why.removeprefix("tool: ").partition(":")[0]
        failed = why in get_args(FailureKind)
        return Verdict(case, "failed" if failed else "abstained", None, answer.receipt.why)
    return Verdict(case, "right" if same(case.answer, answer.text) else "wrong", answer.text)


async def _deceived(
    flow: Flow, decoys: Sequence[Decoy]
) -> tuple[tuple[Deceived, ...], tuple[Wrong, ...]]:
    """Counts by kind, and the first wrong answers."""
    answers = await _answers(flow, [decoy.question for decoy in decoys])
    counts: dict[str, Tally] = {}
    wrong: list[Wrong] = []
    for decoy, answer in zip(decoys, answers, strict=True):
        verdict = _verdict(Case(decoy.question, decoy.right or ""), answer)
        if answer.text is not None and (decoy.right is None or verdict.outcome == "wrong"):
            version = answer.receipt.version or ""
            wrong.append(Wrong(version, decoy.kind, decoy.question, decoy.right, answer.text))
            count = Tally(wrong=1)
        else:
            count = tally([verdict])
        counts[decoy.kind] = counts.get(decoy.kind, Tally()) + count
    by_kind = tuple(Deceived(kind, count) for kind, count in counts.items())
    return by_kind, _assorted(wrong)


def _assorted(wrong: Sequence[Wrong]) -> tuple[Wrong, ...]:
    """A few, of as many kinds as there are."""
    seen: Counter[str] = Counter()
    ranked: list[tuple[int, int]] = []
    for place, one in enumerate(wrong):
        ranked.append((seen[one.kind], place))
        seen[one.kind] += 1
    return tuple(wrong[place] for _, place in sorted(ranked)[:_WRONG_SHOWN])


async def _answers(flow: Flow, questions: Sequence[str]) -> list[Answer]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(question: str) -> Answer:
        async with gate:
            return await flow.answer(question, rungs=("tool",))

    return list(await asyncio.gather(*map(ask, questions)))


class _Lent:
    """A model that outlives the runtime it is lent to: its server is started once."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    async def chat(self, request: ChatRequest) -> Reply:
        return await self._model.chat(request)

    async def aclose(self) -> None:
        """Whoever lent it closes it."""
