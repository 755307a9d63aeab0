"""The work of a job, in three steps: begin, carry out, settle.

A `Task` flows in; a `Brief`, then an `Outcome`, then a state of the class flow out.
Invariant: each step may be killed and run again, and comes to the same: a tool is stored
once, and no model is asked twice for the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from latm.cases import question_digest
from latm.errors import InputError, OperationError, UnknownNameError
from latm.jobs.classes import Classes
from latm.jobs.job import Brief, Outcome, Result, Task
from latm.making.commission import Commission
from latm.making.report import MakeReport
from latm.models import Model
from latm.runtime import Runtime, opened
from latm.settings import Settings
from latm.store import Store, StoredTool
from latm.store.observed import ClassState
from latm.types import Case

_log = logging.getLogger(__name__)

_STATES: Mapping[Result, ClassState] = {
    "made": "made",
    "refused": "refused",
    "failed": "refused",
    "postponed": "open",
    "unavailable": "making",
}


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a day's budget; ``usd`` None for no bound."""

    tokens: int
    usd: Decimal | None

    @property
    def any(self) -> bool:
        return self.tokens > 0 and (self.usd is None or self.usd > 0)


async def left_today(store: Store, settings: Settings, now: datetime) -> Left:
    """What background makings may still use on this day, of UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spent = await store.usage.since(midnight.isoformat(timespec="microseconds"), "making")
    tokens = settings.making_tokens_a_day - spent.usage.total
    usd = settings.making_usd_a_day
    return Left(max(0, tokens), None if usd is None else max(Decimal(0), usd - spent.cost.known))


@dataclass(frozen=True, slots=True)
class Work:
    """How jobs are done here.

    Attributes:
        classes: opens the observed classes over a store.
        models: models of one's own, by the full names that the settings use.
    """

    settings: Settings
    classes: Callable[[Store], Classes]
    now: Callable[[], datetime]
    models: Mapping[str, Model] | None = None

    async def begin(self, task: Task) -> Brief | Outcome:
        """What the job is bound to, or why there is nothing to do."""
        async with await Store.open(self.settings.database) as store:
            left = await left_today(store, self.settings, self.now())
            if not left.any:
                return Outcome("postponed", "the day's budget of making is used up")
            brief = self._brief(left)
            if task.kind == "upgrade":
                return brief
            classes = self.classes(store)
            found = await classes.observed(task.name)
            if found is None:  # without its fingerprint a tool would serve everybody
                return Outcome("refused", "the class is no longer on record")
            await classes.set_state(task.name, "making", "a tool is being made")
            cases = await classes.cases_of(task.name)
            return replace(
                brief,
                cases=tuple(question_digest(case.question) for case in cases),
                fingerprint=found.fingerprint,
                seen=found.traffic.cases,
            )

    def _brief(self, left: Left) -> Brief:
        most = self.settings.max_cost_usd
        bounds = [usd for usd in (most, left.usd) if usd is not None]
        return Brief(
            created_at=self.now().astimezone(UTC).isoformat(timespec="microseconds"),
            max_tokens=min(self.settings.max_tokens, left.tokens),
            max_usd=min(bounds, default=None),
        )

    async def carry_out(self, job: str, task: Task, brief: Brief) -> Outcome:
        """Make or mend the tools; what cannot be used now is ``unavailable``."""
        async with opened(self.settings, self.models) as runtime:
            result, reason = await self._tried(runtime, job, task, brief)
            spent = await runtime.store.usage.total(job=job)
        return Outcome(result, reason, brief.seen, spent.rows, spent.usage.total, spent.cost.usd)

    async def _tried(
        self, runtime: Runtime, job: str, task: Task, brief: Brief
    ) -> tuple[Result, str]:
        if await _has_settled(runtime.store, task, brief):
            return "made", "its tools were stored before the process was killed"
        bound = Commission(
            job, brief.created_at, brief.max_tokens, brief.max_usd, brief.fingerprint
        )
        try:
            cases = await self._cases(runtime.store, task, brief)
            report = await runtime.make(task.name, cases, commission=bound)
        except InputError as error:
            return "refused", str(error)
        except OperationError as error:
            return "unavailable", str(error)
        except Exception as error:  # noqa: BLE001 - a process edge: the queue goes on
            _log.exception("job %s failed", job)
            return "failed", f"{type(error).__name__}: {error}"
        return _judged(report)

    async def _cases(self, store: Store, task: Task, brief: Brief) -> Sequence[Case]:
        """The cases of the brief, in its order; what is no longer kept is left out."""
        if not brief.cases:
            return ()
        kept = await self.classes(store).cases_of(task.name)
        found = {question_digest(case.question): case for case in kept}
        return [found[digest] for digest in brief.cases if digest in found]

    async def settle(self, job: str, task: Task, outcome: Outcome) -> None:
        """Put on record how the class stands; the replies of models are dropped."""
        _log.info("job %s: %s, %s", job, outcome.result, outcome.reason)
        async with await Store.open(self.settings.database) as store:
            if task.kind == "make":
                state = _STATES[outcome.result]
                await self.classes(store).set_state(task.name, state, outcome.reason)
            await store.journal.forget(job)


async def _has_settled(store: Store, task: Task, brief: Brief) -> bool:
    """Whether an earlier run of the job stored its tools: they carry the job's time."""

    def of_job(item: StoredTool) -> bool:
        return item.tool.provenance.created_at == brief.created_at

    try:
        return any(of_job(item) for item in await store.toolbox.versions(task.name))
    except UnknownNameError:
        return False


def _judged(report: MakeReport) -> tuple[Result, str]:
    if not report.tools:
        return "refused", "; ".join(report.reasons) or "no tool"
    if report.upgrade is not None and not report.upgrade.done:
        return "refused", f"{len(report.upgrade.remaining)} cases do not come out right"
    states = ", ".join(sorted({item.state for item in report.tools}))
    return "made", f"{len(report.tools)} tools, {states}"
