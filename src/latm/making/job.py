"""The making job: a file's cases and what is stored of their class in, a `MakeReport` out.

The class's tools are judged first, at no tokens; only what they get wrong, or do not cover,
is made. Invariants: nothing is stored before the job ends, and then all of it in one
transaction, so a job that was killed begins again where its journal ends; no state of a tool
changes without a line in the report.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

from latm.cases import Split, question_digest, sift, split
from latm.cases.sifting import shorten
from latm.errors import CasesError, UnknownNameError
from latm.execution import Executor
from latm.identity import version_of
from latm.induction import strata
from latm.making.budget import Budget
from latm.making.made import Made
from latm.making.maker import Attempt, Report
from latm.making.parts import PARTS
from latm.making.promoter import ErrorBound, Promoter, is_exercised
from latm.making.report import MakeReport, Upgrade
from latm.making.shape import Order
from latm.making.upgrade import Admission, Book, Judged, Taken, admit, failing, plan, served
from latm.making.verifier import Verifier
from latm.settings import Settings
from latm.store import Addition, Comparison, Move, Result, Store, StoredTool
from latm.types import Case, Tool, Verdict


class Search(Protocol):
    """The making itself, with models and engines wired in."""

    async def __call__(self, order: Order, budget: Budget, report: Report, /) -> Made: ...


async def error_bound(store: Store, promoter: Promoter, item: StoredTool) -> ErrorBound:
    """The bound of a stored tool, from all answers that were compared since it was made.

    A tool that was imported brings its verification, but no comparisons.
    """
    counts = await store.evidence.counts(item.version)
    verified = promoter.verified_bound(item.tool.verification)
    if counts.doubtful == 0 and counts.compared < verified.compared:
        return verified
    return promoter.error_bound(counts.doubtful, counts.compared, item.tool.verification.looks)


@dataclass(slots=True)
class MakingJob:
    """One making of one class; a job runs once.

    Attributes:
        executor: opens the engines, when they are needed.
        search: makes tools of an order.
        report: hears of every attempt.
        created_at: UTC, ISO 8601.
        fingerprint: class key of the requests that the tools are for; empty: as the class's
            tools have it, and without any, questions that stand alone.
    """

    name: str
    settings: Settings
    store: Store
    promoter: Promoter
    executor: Callable[[], Awaitable[Executor]]
    search: Search
    report: Report
    created_at: str
    fingerprint: str = ""
    _attempts: list[Attempt] = field(default_factory=list[Attempt])

    async def run(self, cases: Sequence[Case], *, fresh: bool = False) -> MakeReport:
        """Make, or mend, the tools of the class.

        Args:
            fresh: leave the class's stored cases and tools out of account, and behind.

        Raises:
            UnknownNameError: a part of the search that is to be left out does not exist.
            CasesError: too few cases, or one contradicts another.
            ModelError, ModelFileError: the maker cannot be used.
            SandboxUnavailableError: no engine can run candidates.
        """
        started = time.perf_counter()
        _check_parts(self.settings.without)
        present = [i for i in await self.store.toolbox.current() if i.tool.name == self.name]
        if present and not self.fingerprint:
            self.fingerprint = present[0].tool.fingerprint
        book = await self._book(cases, fresh=fresh)
        mending = present and not fresh
        done = await (self._mend(present, book) if mending else self._first(book, fresh=fresh))
        return replace(done, seconds=time.perf_counter() - started)

    async def _book(self, cases: Sequence[Case], *, fresh: bool) -> Book:
        """The class's cases: the stored ones, then the file's new ones."""
        stored = () if fresh else await self.store.cases.of(self.name)
        sides = {} if fresh else await self.store.cases.sides(self.name)
        merged = sift(self.name, [*stored, *cases])
        if merged.contradictions:
            raise CasesError(
                f"{merged.contradictions[0]}; correct one of the two, or leave the stored cases "
                f"of {self.name!r} behind with --fresh"
            )
        dealt = [sides.get(question_digest(case.question)) for case in merged.cases]
        return Book(
            merged.cases,
            frozenset(n for n, side in enumerate(dealt) if side == "shown"),
            frozenset(n for n, side in enumerate(dealt) if side is None),
        )

    async def _made(self, parts: Split, budget: Budget, known: Sequence[StoredTool] = ()) -> Made:
        def heard(attempt: Attempt) -> None:
            self._attempts.append(attempt)
            self.report(attempt)

        earlier = await self.store.toolbox.current()
        order = Order(
            self.name,
            parts.shown,
            parts.held_out,
            self.settings.maker,
            self.created_at,
            seed=self.settings.seed,
            known=tuple(item.tool for item in known),
            without=frozenset(self.settings.without),
            earlier=tuple(item.tool for item in earlier),
            slots=self.settings.slots,
        )
        made = await self.search(order, budget, heard)
        made.tools = [replace(tool, fingerprint=self.fingerprint) for tool in made.tools]
        return made

    # --- the first tools of a class --------------------------------------------------------

    async def _first(self, book: Book, *, fresh: bool) -> MakeReport:
        shapes = strata([case.question for case in book.cases])
        dealt = split(book.cases, self.settings.seed, strata=shapes).shown
        parts = book.parts(book.shown | {n for n, c in enumerate(book.cases) if c in dealt})
        budget = self._budget()
        made = await self._made(parts, budget)
        old = await self._versions() if fresh and made.tools else ()
        result = Result(
            self.name,
            parts.shown,
            parts.held_out,
            tuple(self._addition(tool, "verified on held-out cases") for tool in made.tools),
            tuple(Move(item.version, "retired", "the class was made anew") for item in old),
            tuple(c for t, v in zip(made.tools, made.verdicts, strict=True) for c in _on(t, v)),
            anew=fresh,
        )
        stored = await self.store.settle(result) if made.tools else ()
        report = await self._reported(stored, parts, made, budget)
        return replace(report, uncovered=made.held_out_uncovered, changes=_told(result))

    def _budget(self) -> Budget:
        return Budget(self.settings.max_tokens, self.settings.max_cost_usd)

    # --- a class that has tools ------------------------------------------------------------

    async def _mend(self, present: Sequence[StoredTool], book: Book) -> MakeReport:
        verifier = Verifier(await self.executor())
        judged = [Judged(i.tool, await verifier.verdicts(i.tool, book.cases)) for i in present]
        fails = failing(judged)
        budget, made = self._budget(), Made()
        admission, parts = Admission((), tuple(range(len(present))), ()), book.parts(book.shown)
        if fails:
            planned = plan(judged, book, fails, self.settings.seed)
            known = [present[place] for place in sorted(planned.touched)]
            made, parts = await self._made(planned.ordered, budget, known), planned.split
            others = [
                Judged(tool, await _judged(verifier, tool, verdicts, book.cases))
                for tool, verdicts in zip(made.tools, made.verdicts, strict=True)
            ]
            admission = admit(judged, planned.touched, others)
            made.reasons += admission.refused
        after = [*(judged[p] for p in admission.kept), *(t.judged for t in admission.taken)]
        result = Result(
            self.name,
            parts.shown,
            parts.held_out,
            tuple(self._addition(*_mending(one, fails)) for one in admission.taken),
            tuple(await self._moves(present, judged, admission)),
            (*_on_new(judged, book), *_on_held_out(admission, parts)),
        )
        await self.store.settle(result)
        promoted = await self._promote(after)
        stored = [i for i in await self.store.toolbox.current() if i.tool.name == self.name]
        report = await self._reported(stored, parts, made, budget)
        return replace(
            report,
            uncovered=_uncovered(after, parts),
            upgrade=_upgraded(book, fails, after),
            changes=(*_told(result), *promoted),
        )

    def _addition(self, tool: Tool, reason: str) -> Addition:
        state = self.promoter.starting_state(tool.verification)
        return Addition(tool, state, reason, asdict(tool.verification))

    async def _versions(self) -> tuple[StoredTool, ...]:
        """All versions of the class that are not retired; older ones may wait behind newer."""
        states = await self.store.toolbox.by_state("candidate", "shadow", "live")
        return tuple(item for item in states if item.tool.name == self.name)

    async def _moves(
        self, present: Sequence[StoredTool], judged: Sequence[Judged], admission: Admission
    ) -> list[Move]:
        """Replaced tools retire; kept ones with a wrong answer no longer serve by themselves."""
        versions = await self._versions()
        moves: list[Move] = []
        for one in admission.taken:
            shapes = {present[place].tool.shape for place in one.replaces}
            reason = f"superseded by {version_of(one.judged.tool)[:12]}"
            moves += [
                Move(i.version, "retired", reason) for i in versions if i.tool.shape in shapes
            ]
        for place in admission.kept:
            wrong = [v for v in judged[place].verdicts if v.outcome == "wrong"]
            shape = present[place].tool.shape
            live = [i for i in versions if i.tool.shape == shape and i.state == "live"]
            if wrong:
                reason, evidence = _wrong(wrong), [question_digest(v.case.question) for v in wrong]
                moves += [Move(i.version, "shadow", reason, [*evidence]) for i in live]
        return moves

    async def _promote(self, after: Sequence[Judged]) -> list[str]:
        """Let tools answer by themselves whose bound is met by now."""
        sound = {version_of(one.tool) for one in after if not one.those("wrong")}
        told: list[str] = []
        for item in await self._versions():
            bound = await error_bound(self.store, self.promoter, item)
            used = is_exercised(item.tool.verification)
            met = used and bound.rate <= self.promoter.max_error
            if item.state == "shadow" and item.version in sound and met:
                reason = f"the bound is met: at most {bound.rate:.2%} wrong"
                evidence = {"wrong": bound.wrong, "compared": bound.compared}
                await self.store.toolbox.set_state(item.version, "live", reason, {**evidence})
                told.append(f"{_label(item.tool)} is live: {reason}")
        return told

    async def _reported(
        self, stored: Sequence[StoredTool], parts: Split, made: Made, budget: Budget
    ) -> MakeReport:
        bounds = [await error_bound(self.store, self.promoter, item) for item in stored]
        together = [
            self.promoter.error_bound(b.wrong, b.compared, b.looks, len(bounds)) for b in bounds
        ]
        return MakeReport(
            name=self.name,
            tools=tuple(stored),
            evidence=tuple(bounds),
            error_upper_bound=max((b.rate for b in together), default=None),
            more_cases=sum(b.more_cases for b in together),
            split=parts,
            uncovered=0,
            attempts=tuple(self._attempts),
            reasons=tuple(made.reasons),
            warnings=tuple(dict.fromkeys(made.warnings)),
            usage=budget.usage,
            cost_usd=budget.cost_usd,
            seconds=0.0,
        )


def _check_parts(without: Sequence[str]) -> None:
    for part in without:
        if part not in PARTS:
            known = ", ".join(PARTS)
            raise UnknownNameError(f"the search has no part {part!r} to leave out; it has {known}")


# --- comparisons -----------------------------------------------------------------------


def _on(tool: Tool, verdicts: Sequence[Verdict]) -> Iterator[Comparison]:
    version = version_of(tool)
    for v in verdicts:
        digest = question_digest(v.case.question)
        yield Comparison(version, digest, v.outcome, "held_out", v.got)


def _on_new(judged: Sequence[Judged], book: Book) -> Iterator[Comparison]:
    """To the authors of today's tools every new case is held out, whoever sees it next."""
    for one in judged:
        yield from _on(one.tool, [one.verdicts[n] for n in sorted(one.taken & book.new)])


def _on_held_out(admission: Admission, parts: Split) -> Iterator[Comparison]:
    held_out = set(parts.held_out)
    for one in admission.taken:
        taken = [one.judged.verdicts[n] for n in sorted(one.judged.taken)]
        yield from _on(one.judged.tool, [v for v in taken if v.case in held_out])


async def _judged(
    verifier: Verifier, tool: Tool, verdicts: Sequence[Verdict], cases: Sequence[Case]
) -> tuple[Verdict, ...]:
    """A made tool on all cases of its class; without a template only the maker's verdicts
    are there, of the light model's calls."""
    if tool.template is not None:
        return await verifier.verdicts(tool, cases)
    known = {v.case: v for v in verdicts}
    return tuple(known.get(case, Verdict(case, "abstained")) for case in cases)


# --- words -----------------------------------------------------------------------------


def _label(tool: Tool) -> str:
    return f"{tool.name}/{tool.shape} {version_of(tool)[:12]}"


def _mending(taken: Taken, fails: frozenset[int]) -> tuple[Tool, str]:
    mended = len(taken.judged.those("right") & fails)
    return taken.judged.tool, f"right on {mended} of {len(fails)} cases that were not"


def _wrong(wrong: Sequence[Verdict]) -> str:
    first = wrong[0]
    return (
        f"wrong on {len(wrong)} cases, first {shorten(first.case.question)}: "
        f"{shorten(first.got or '')} instead of {shorten(first.case.answer)}"
    )


def _told(result: Result) -> tuple[str, ...]:
    added = (f"{_label(a.tool)} is added as {a.state}: {a.reason}" for a in result.added)
    moved = (f"{result.name} {m.version[:12]} is {m.state}: {m.reason}" for m in result.moved)
    return (*added, *moved)


def _upgraded(book: Book, fails: frozenset[int], after: Sequence[Judged]) -> Upgrade:
    verdicts, remains = served(after), failing(after)
    mended = fails - remains
    bad = any(verdicts[n].outcome != "abstained" for n in remains)
    return Upgrade(
        new_cases=len(book.new),
        failing=len(fails),
        mended=len(mended),
        remaining=tuple(verdicts[n] for n in sorted(remains)),
        done=not bad and (bool(mended) or not remains & book.new),
    )


def _uncovered(after: Sequence[Judged], parts: Split) -> int:
    held_out = set(parts.held_out)
    return sum(v.outcome == "abstained" and v.case in held_out for v in served(after))
