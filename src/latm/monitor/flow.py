"""Trust on one screen.

    upstream answered → shadow tools that match answer too → compared ─┐
    a tool answered   → sampler → the reference is asked   → compared ─┤
                                                                      ▼
          right · disagreement → judge (majority of three) → evidence → rules → state
                                                              └ wrong: counterexample → making

What was asked and answered flows in, evidence and moves of the lifecycle flow out.
Invariants: the client has its answer before anything here begins; a broken sandbox, a
truncated reference and an unsettled dispute never count against a tool; this flow imports
neither `latm.using` nor `latm.making`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from latm.cases import question_digest
from latm.errors import SandboxUnavailableError
from latm.execution import Execution, Executor
from latm.monitor.allowance import Allowance
from latm.monitor.judge import ruled
from latm.monitor.rules import Rules
from latm.monitor.sampler import Sampler
from latm.monitor.seen import Seen, Source
from latm.monitor.watch import Watch
from latm.store import Comparison, Decide, Outcome, Store, StoredTool, ToolEvent
from latm.types import Case, Origin

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Monitor:
    """The flow; one in each process, over one store.

    Attributes:
        keeps: whether questions of clients may be stored as cases.
    """

    store: Store
    executor: Executor
    watch: Watch
    rules: Rules
    sampler: Sampler
    allowance: Allowance
    keeps: bool = True

    async def shadow(self, seen: Seen, reference: str) -> tuple[ToolEvent, ...]:
        """Compare the shadow tools that match with the answer that the client got.

        Args:
            reference: the upstream's whole answer.

        Raises:
            StoreError: the store is not to be had.
        """
        events: list[ToolEvent] = []
        for item in await self.watch.shadows(seen.question, seen.fingerprint, bare=seen.bare):
            if question_digest(seen.question) in (await self.watch.known(item.version)).wrong:
                continue
            try:
                execution = await self.executor.answer(item.tool, seen.question)
            except SandboxUnavailableError as error:
                # It says nothing of the tool.
                _log.warning("no shadow run of %s: %s", item.tool.name, error)
                continue
            event = await self._compared(item, seen, execution, reference)
            events += [event] if event else []
        return tuple(events)

    async def audit(self, seen: Seen, version: str, given: str) -> ToolEvent | None:
        """Compare, on a sample, what a live tool answered with the reference model.

        Raises:
            StoreError: the store is not to be had.
            UnknownNameError: no such version.
        """
        known = await self.watch.known(version)
        case = question_digest(seen.question)
        if case in known.wrong_live:
            again = Comparison(version, case, "wrong", "audit", given)
            return await self._weigh(again, lambda now: self.rules.repetition(now, case))
        if not self.sampler.wants(seen.request_id, known.audits):
            return None
        reference = await self.allowance.ask("audit", known.item, seen)
        if reference is None:
            return None
        # A version in shadow behind the live one gets its evidence, too.
        await self.shadow(seen, reference)
        return await self._ruled(known.item, seen, given, reference, "audit")

    async def _compared(
        self, item: StoredTool, seen: Seen, execution: Execution, reference: str
    ) -> ToolEvent | None:
        if execution.outcome == "answered" and execution.text is not None:
            return await self._ruled(item, seen, execution.text, reference, "shadow")
        outcome: Outcome = "failed" if execution.outcome == "failed" else "abstained"
        digest = question_digest(seen.question)
        return await self._weigh(
            Comparison(item.version, digest, outcome, "shadow"), self.rules.promotion
        )

    async def _ruled(
        self, item: StoredTool, seen: Seen, given: str, reference: str, source: Source
    ) -> ToolEvent | None:
        """Put on record how an answer fared, and do what follows from it."""
        ruling = await ruled(given, reference, lambda: self.allowance.ask(source, item, seen))
        if ruling.mark is None:
            return None
        digest = question_digest(seen.question)
        compared = Comparison(item.version, digest, ruling.mark, source, given)
        if ruling.mark != "wrong" and source == "audit":
            await self.store.evidence.append([compared])
            self.watch.audited(item.version)
            return None
        if ruling.mark != "wrong":
            return await self._weigh(compared, self.rules.promotion)
        case = self._case(item, seen, ruling.answer, source)
        return await self._weigh(compared, self.rules.demotion, case)

    async def _weigh(
        self, compared: Comparison, decide: Decide, case: Case | None = None
    ) -> ToolEvent | None:
        event = await self.store.weigh(compared, decide, case)
        if event is not None or compared.outcome == "wrong":
            self.watch.forget(compared.version)
        if event is not None:
            _log.info("%s is %s: %s", compared.version[:12], event.after, event.reason)
        return event

    def _case(
        self, item: StoredTool, seen: Seen, answer: str | None, source: Source
    ) -> Case | None:
        """The counterexample, where it may be kept: no tenant's question in a shared class.

        A case that no making has seen is what starts an upgrade.
        """
        shared = not item.tool.fingerprint and seen.tenant
        if answer is None or shared or not self.keeps:
            return None
        return Case(seen.question, answer, Origin(source))
