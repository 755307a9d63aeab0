"""Making, as the picture in docs/structure.md: cases → shapes → maker → verifier → promoter.

Cases of one class flow in; verified tools flow out, or reasons why there are none.
Invariant: a tool leaves only after it was accepted on cases that no prompt of its maker held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from latm.induction import induce
from latm.making.budget import Budget
from latm.making.experience import similar, won
from latm.making.made import Made, Work
from latm.making.maker import Candidate, Maker
from latm.making.paper import MIN_SHOWN, PaperMaker
from latm.making.parts import PATIENCE
from latm.making.plan import Terms
from latm.making.shape import MIN_HELD_OUT, Order, Shape, build_shape, deal, unmakeable
from latm.making.toolable import Prospects, patience, prospects
from latm.making.verifier import Verifier
from latm.making.wrapper import wrap
from latm.types import Provenance, Tool, Verdict


async def make(
    order: Order, maker: Maker, verifier: Verifier, paper: PaperMaker, budget: Budget
) -> Made:
    """Make one tool for each question shape of a class, and one for what has no shape.

    Raises:
        ModelError: the maker's model cannot be used.
        SandboxUnavailableError: no engine can run the candidates.
    """
    outlook = prospects([(case.question, case.answer) for case in order.shown])
    making = _Making(order, maker, verifier, budget, outlook)
    made = making.made
    if outlook.verdict == "hopeless" and PATIENCE not in order.without:
        made.reasons.append(f"not toolable: {outlook.reason}")
        return made
    clusters = induce([case.question for case in order.shown])
    hands = deal(order.held_out, clusters)
    made.held_out_uncovered = len(hands[-1])
    works: list[Work] = []
    for n, cluster in enumerate(clusters):
        shown = [order.shown[i] for i in cluster.members]
        if cluster.template is None:
            works.append(Work(None, shown, hands[-1]))
        else:
            works.append(Work(build_shape(n, cluster.template, shown), shown, hands[n]))
    again = await making.shapes([work for work in works if work.shape])
    if made.tools:  # what one shape has found may serve another
        again = await making.shapes(again)
    made.reasons += [work.said for work in again]
    for work in works:
        if work.shape is None and (made.tools or not again or making.computable):
            await making.rest(paper, work)
    return made


@dataclass(slots=True)
class _Making:
    """The parts of one making."""

    order: Order
    maker: Maker
    verifier: Verifier
    budget: Budget
    outlook: Prospects
    made: Made = field(default_factory=Made)

    @property
    def computable(self) -> bool:
        return self.outlook.verdict == "computable" or PATIENCE in self.order.without

    async def shapes(self, works: Sequence[Work]) -> list[Work]:
        """Make the shapes' tools, each with its share of the budget; those without come back."""
        failed: list[Work] = []
        left = sum(len(work.shown) for work in works)
        for n, work in enumerate(works):
            part = self.budget.part(len(work.shown) / left)
            left -= len(work.shown)
            reason = await self._shape(work, part)
            self.budget.absorb(part)
            if reason:
                subject = f"{len(work.shown)} shown cases of one shape"
                failed.append(replace(work, said=f"{subject}: {reason}"))
                if not self.computable and not self.made.tools:
                    return [*failed, *works[n + 1 :]]
        return failed

    async def _shape(self, work: Work, budget: Budget) -> str:
        """Make a shape's tool; why there is none, or nothing."""
        shape = work.shape
        assert shape is not None
        if reason := unmakeable(shape, work.held_out):
            return reason
        looks, order = 0, self.order
        reason = "no candidate passed the shown cases within the budget"
        shown = [e.case for e in shape.examples]
        async for candidate in self.maker.candidates(shape, budget, self._terms(shape)):
            looks += 1
            tool = wrap(order.name, candidate.shape, candidate.solver, _source(order, candidate))
            judged = await self.verifier.judge(tool, shown, work.held_out, looks=looks)
            if judged.accepted:
                self._take(replace(tool, verification=judged.verification), judged.on_held_out)
                self.made.warnings += judged.warnings
                return ""
            reason = f"the verifier refused: {', '.join(judged.reasons)}"
        return reason

    async def rest(self, paper: PaperMaker, work: Work) -> None:
        """The tool for questions that no template covers, or the reason for none."""
        subject = f"no template covers {len(work.shown)} of {len(self.order.shown)} shown questions"
        few = len(work.shown) < MIN_SHOWN or len(work.held_out) < MIN_HELD_OUT
        if few or not self.computable:
            self.made.reasons.append(f"{subject}: they keep the light model for their arguments")
            return
        done = await paper.make(self.order, len(self.made.tools), work.shown, work.held_out)
        if isinstance(done, str):
            self.made.reasons.append(f"{subject}: {done}")
        else:
            self._take(*done)

    def _take(self, tool: Tool, verdicts: tuple[Verdict, ...]) -> None:
        self.made.tools.append(replace(tool, shape=len(self.made.tools)))
        self.made.verdicts.append(verdicts)

    def _terms(self, shape: Shape) -> Terms:
        known = (*self.made.tools, *self.order.known)
        return Terms(
            self.order.seed,
            tuple(tool.solver for tool in known),
            self.order.without,
            won(self.order.earlier, shape),
            similar(self.order.earlier, shape),
            patience=patience(self.outlook),
            slots=self.order.slots,
        )


def _source(order: Order, candidate: Candidate) -> Provenance:
    return Provenance("made", order.maker, candidate.attempt.strategy, order.created_at)
