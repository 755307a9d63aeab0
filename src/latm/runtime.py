"""Settings in, wired objects out: the only place that names concrete adapters.

Invariant: what is opened here is closed here, and nothing heavy (a provider library, the
embedded model, an interpreter's processes) is loaded before it is used.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from latm.cases import question_digest
from latm.embedding import Embedding
from latm.embedding.words import WordNeighbours
from latm.errors import ModelFileError, SandboxUnavailableError
from latm.execution import Execution, Executor
from latm.making.budget import Budget
from latm.making.commission import Commission, Journaled, by_hand
from latm.making.flow import make
from latm.making.job import MakingJob, error_bound
from latm.making.made import Made
from latm.making.maker import Attempt, Maker, Report
from latm.making.paper import Answering, BudgetedModel, LightModel, PaperMaker
from latm.making.promoter import ErrorBound, Promoter, is_exercised
from latm.making.report import MakeReport
from latm.making.shape import Order
from latm.making.transcripts import import_transcript, read_transcript
from latm.making.verifier import Judgement, Verifier
from latm.models import Model, names
from latm.models.catalog import find, path_of
from latm.models.recorded import RecordedModel
from latm.monitor.allowance import Allowance
from latm.monitor.bound import cases_needed, upper_bound
from latm.monitor.flow import Monitor
from latm.monitor.rules import Rules
from latm.monitor.sampler import Sampler
from latm.monitor.watch import Route, Watch
from latm.sandbox import Sandbox
from latm.sandbox.engines import ENGINES, open_engines
from latm.settings import Settings
from latm.store import Comparison, Store, StoredTool
from latm.store.toolbox import check_name
from latm.types import Case, EngineName, RungName, Tool, Verdict
from latm.using.dispatcher import Dispatcher, Hit, Served
from latm.using.flow import RUNGS, Flow
from latm.using.ladder import UserMode, by_user
from latm.using.semantic import semantic_of

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Runtime:
    """The open parts of one process."""

    settings: Settings
    store: Store
    _models: dict[str, Model] = field(default_factory=dict[str, Model])
    _sandboxes: dict[EngineName, Sandbox] = field(default_factory=dict[EngineName, Sandbox])

    @property
    def promoter(self) -> Promoter:
        return Promoter(
            self.settings.max_error, self.settings.confidence, upper_bound, cases_needed
        )

    async def executor(self, engines: Iterable[EngineName] = ENGINES) -> Executor:
        """An executor over the engines that this machine gives.

        Raises:
            SandboxUnavailableError: none of them works here.
        """
        missing: list[EngineName] = [e for e in engines if e not in self._sandboxes]
        opened = await open_engines(len(os.sched_getaffinity(0)), missing)
        self._sandboxes.update(opened.sandboxes)
        refused = [report for report in opened.reports if not report.usable]
        for report in refused:
            _log.warning("engine %s is not available: %s", report.engine, report.reason)
        if not self._sandboxes:
            reasons = "; ".join(f"{r.engine}: {r.reason}" for r in refused)
            raise SandboxUnavailableError(f"no sandbox works on this machine: {reasons}")
        return Executor(self._sandboxes, self.settings.limits)

    def model(self, name: str) -> Model:
        """The model of a full name; opened once.

        Raises:
            UnknownNameError: no such provider or embedded model.
            ModelFileError: the embedded model's file is not there.
        """
        if name not in self._models:
            self._models[name] = _open_model(name, self.settings)
        return self._models[name]

    @property
    def embedding(self) -> Embedding | None:
        """What finds the nearest class of a question; None where that is switched off."""
        name = self.settings.embedding
        return None if name == "off" else embedding_of(name)

    async def flow(
        self,
        name: str | None = None,
        *,
        rungs: Sequence[RungName] = RUNGS,
        user_mode: UserMode = "schema",
        shadow: bool = False,
    ) -> Flow:
        """The request path over one class, or over all tools that serve.

        Args:
            name: of a class: its newest tools, live or not, because it was named.
            shadow: let tools that are not proven yet serve as well.

        Raises:
            UnknownNameError: no such class.
        """
        toolbox = self.store.toolbox
        stored = await toolbox.get(name) if name else await toolbox.serving(shadow=shadow)
        # A tool with a fingerprint serves requests with instructions around the question.
        tools = [item.tool for item in stored if name or not item.tool.fingerprint]
        engines: set[EngineName] = {t.solver.engine for t in tools} or {"monty"}
        upstream = self.settings.upstream
        dispatcher = Dispatcher(tools)
        user = self.model(self.settings.user) if "user" in rungs else None
        return Flow(
            dispatcher,
            await self.executor([e for e in ENGINES if e in engines]),
            user=user,
            upstream=self.model(upstream) if upstream and "upstream" in rungs else None,
            user_mode=user_mode,
            semantic=semantic_of(dispatcher.served, self.embedding, user),
        )

    async def monitor(self, *, keeps: bool = True) -> Monitor:
        """The flow that lets tools gain and lose trust; one is enough for a process.

        Args:
            keeps: whether questions of clients may be stored as cases.

        Raises:
            SandboxUnavailableError: no engine works here.
        """
        settings = self.settings
        return Monitor(
            self.store,
            await self.executor(),
            Watch(self.store, _routed, time.monotonic),
            Rules(settings.max_error, settings.confidence, is_exercised),
            Sampler(settings.audit_share, settings.seed),
            Allowance(self.store, settings.audit_calls, settings.audit_usd, _clock),
            keeps,
        )

    async def make(
        self,
        name: str,
        cases: Sequence[Case],
        report: Callable[[Attempt], None] | None = None,
        *,
        user_mode: UserMode = "schema",
        fresh: bool = False,
        commission: Commission | None = None,
    ) -> MakeReport:
        """Make the tools of a class, or mend those that it has, and store them with evidence.

        Tools that are right on all cases stay as they are, and no model is asked. A second
        run replays the model calls that returned in the first.

        Args:
            user_mode: how the light model calls a tool without a template when it is judged.
            fresh: make anew, without the class's stored cases and tools, and retire these.
            commission: of a making in the background, which asks no model the same twice.

        Raises:
            InputError: the name is malformed.
            CasesError: too few cases, or one contradicts another, stored ones included.
            ModelError, ModelFileError: the maker cannot be used.
            SandboxUnavailableError: no engine can run candidates.
        """
        check_name(name)
        bound = commission or by_hand(name, self.settings, _now())
        models = Journaled(name, bound.job, self.store, once=commission is not None)

        async def search(order: Order, budget: Budget, report: Report) -> Made:
            return await self._search(models, order, budget, report, user_mode)

        limits = {"max_tokens": bound.max_tokens, "max_cost_usd": bound.max_usd}
        job = MakingJob(
            name,
            self.settings.model_copy(update=limits),
            self.store,
            self.promoter,
            self.executor,
            search,
            report or (lambda _: None),
            bound.created_at,
            bound.fingerprint,
        )
        done = await job.run(cases, fresh=fresh)
        return replace(done, replayed=models.replayed)

    async def _search(
        self, models: Journaled, order: Order, budget: Budget, report: Report, mode: UserMode
    ) -> Made:
        """The making itself, with both of its models."""
        settings = self.settings
        maker_model = models.journaled(self.model(settings.maker))
        executor = await self.executor()

        def light() -> Answering:
            if settings.user not in self._models:
                _require_file(settings.user, settings)
            model = models.journaled(self.model(settings.user))
            return _answering(executor, BudgetedModel(model, budget), mode)

        chosen = LightModel(settings.user, mode, light)
        paper = PaperMaker(BudgetedModel(maker_model, budget), executor, report, chosen)
        maker = Maker(maker_model, executor, report)
        return await make(order, maker, Verifier(executor), paper, budget)

    async def error_bound(self, item: StoredTool) -> ErrorBound:
        """The bound of a stored tool's wrong-answer rate, from all evidence on record."""
        return await error_bound(self.store, self.promoter, item)

    async def verify(self, item: StoredTool, cases: Sequence[Case]) -> Judgement:
        """Judge a stored tool again, here.

        A tool whose engine has another version here is judged in this one; accepted, it
        becomes a new version that keeps the state. Cases that an author was shown are judged
        too, but are no evidence.

        Raises:
            SandboxUnavailableError: its engine is not to be had here.
        """
        executor = await self.executor([item.tool.solver.engine])
        version = executor.engine_version(item.tool.solver.engine)
        tool = replace(item.tool, solver=replace(item.tool.solver, engine_version=version))
        sides = await self.store.cases.sides(tool.name)
        parts: dict[bool, list[Case]] = {True: [], False: []}
        for case in cases:
            parts[sides.get(question_digest(case.question)) == "shown"].append(case)
        looks = tool.verification.looks
        judgement = await Verifier(executor).judge(tool, parts[True], parts[False], looks=looks)
        if tool == item.tool:
            await self.record(item.version, judgement.on_held_out)
        elif judgement.accepted:
            moved = replace(
                tool,
                verification=judgement.verification,
                provenance=replace(tool.provenance, parent=item.version, created_at=_now()),
            )
            stored = await self.store.toolbox.add(
                moved,
                item.state,
                f"verified in {version}, was in {item.tool.solver.engine_version}",
            )
            await self.record(stored.version, judgement.on_held_out)
        return judgement

    async def import_transcript(self, name: str, path: Path) -> StoredTool:
        """Verify a published LATM transcript here and store its tool.

        Raises:
            ImportFileError: the file is no such transcript.
            NotToolableError: its cases do not come out right here.
        """
        tool = await import_transcript(
            read_transcript(path), await self.executor(), name=name, created_at=_now()
        )
        state = self.promoter.starting_state(tool.verification)
        return await self.store.toolbox.add(tool, state, f"imported from {path.name}")

    async def record(self, version: str, verdicts: Sequence[Verdict]) -> None:
        """Put verdicts on held-out cases on record."""
        await self.store.evidence.append(
            Comparison(version, question_digest(v.case.question), v.outcome, "held_out", v.got)
            for v in verdicts
        )

    async def aclose(self) -> None:
        """Close models, engines and the store, in this order."""
        for model in self._models.values():
            await model.aclose()
        for sandbox in self._sandboxes.values():
            await sandbox.aclose()
        await self.store.aclose()


def _answering(executor: Executor, model: Model, mode: UserMode) -> Answering:
    """The user rung of the request path, for judging a tool as it will serve."""

    async def answer(tool: Tool, question: str) -> Execution:
        tried = await by_user(executor, model, [Served(tool)], question, mode)
        if tried.text is None:
            return Execution(None, "abstained", tried.reason)
        return Execution(tried.text, "answered")

    return answer


@asynccontextmanager
async def opened(
    settings: Settings, models: Mapping[str, Model] | None = None
) -> AsyncGenerator[Runtime]:
    """An open runtime.

    Args:
        models: models of one's own, by the full names that the settings use.

    Raises:
        StoreError: the database cannot be opened.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    runtime = Runtime(settings, await Store.open(settings.database), dict(models or {}))
    try:
        yield runtime
    finally:
        await runtime.aclose()


# --- adapters --------------------------------------------------------------------------


def embedding_of(name: Literal["words", "minilm"]) -> Embedding:
    """The embedding of a name in the settings."""
    if name == "words":
        return WordNeighbours
    from latm.embedding.minilm import MiniLMNeighbours  # noqa: PLC0415 - an extra

    return MiniLMNeighbours


def _open_model(name: str, settings: Settings) -> Model:
    parsed = names.parse(name)
    if parsed.provider == names.LOCAL:
        from latm.models.local import LocalModel  # noqa: PLC0415 - only when used

        path = path_of(find(parsed.model), settings.home)
        return LocalModel(
            name,
            path,
            threads=settings.threads,
            slots=settings.slots,
            timeout=settings.request_seconds,
        )
    if parsed.provider == names.RECORDED:
        return RecordedModel(Path(parsed.model), name=name)
    from latm.models.remote import RemoteModel  # noqa: PLC0415 - only when used

    key = settings.api_key(parsed.provider)
    return RemoteModel(
        parsed.provider,
        parsed.model,
        api_key=key.get_secret_value() if key else None,
        base_url=settings.base_url(parsed.provider),
        timeout=settings.request_seconds,
        price=settings.prices.get(name),
    )


def _require_file(name: str, settings: Settings) -> None:
    """Raise `ModelFileError` for an embedded model that would not start, before one is paid."""
    parsed = names.parse(name)
    if parsed.provider == names.LOCAL and not path_of(find(parsed.model), settings.home).is_file():
        raise ModelFileError(
            f"the file of {name!r} is not there; run 'latm models fetch {parsed.model}'"
        )


def _routed(items: Sequence[StoredTool]) -> Route:
    """The dispatcher over tools of one fingerprint, shadow tools as if they were live."""
    dispatcher = Dispatcher(item.tool for item in items)
    by_version = {item.version: item for item in items}

    def route(question: str) -> Sequence[StoredTool]:
        found = dispatcher.route(question)
        return [by_version[s.version] for s in found.tools] if isinstance(found, Hit) else ()

    return route


def _clock() -> datetime:
    return datetime.now(UTC)


def _now() -> str:
    return _clock().isoformat(timespec="seconds")
