"""Making, as the picture in docs/structure.md: cases → shapes → maker → verifier → promoter.

Cases of one class flow in; verified tools flow out, or reasons why there are none.
Invariant: a tool leaves only after the verifier accepted it on cases that no prompt held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from latm.execution import matcher_of
from latm.induction import Cluster, induce
from latm.making.budget import Budget
from latm.making.maker import Candidate, Maker
from latm.making.shape import Shape, build_shape
from latm.making.verifier import Judgement, Verifier
from latm.making.wrapper import wrap
from latm.types import Case, Provenance, Tool, Verdict

MIN_HELD_OUT = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    Attributes:
        name: of the class.
        shown, held_out: the split cases; the maker sees only the shown ones.
        maker: full name of the model, for the record.
        created_at: UTC, ISO 8601; the clock is read at the edge.
    """

    name: str
    shown: tuple[Case, ...]
    held_out: tuple[Case, ...]
    maker: str
    created_at: str
    seed: int = 0


@dataclass(slots=True)
class Made:
    """What came of it; also with tools, ``reasons`` tells what is not covered and why.

    Attributes:
        verdicts: of each tool, on its held-out cases.
        held_out_uncovered: held-out questions that no template takes.
    """

    tools: list[Tool] = field(default_factory=list[Tool])
    verdicts: list[tuple[Verdict, ...]] = field(default_factory=list[tuple[Verdict, ...]])
    reasons: list[str] = field(default_factory=list[str])
    held_out_uncovered: int = 0


async def make(order: Order, maker: Maker, verifier: Verifier, budget: Budget) -> Made:
    """Make one tool for each question shape of a class, within the budget.

    Raises:
        ModelError: the maker's model cannot be used.
        SandboxUnavailableError: no engine can run the candidates.
    """
    made = Made()
    clusters = induce([case.question for case in order.shown])
    held_out = _deal(order.held_out, clusters)
    made.held_out_uncovered = len(held_out[-1])
    for index, cluster in enumerate(clusters):
        cases = [order.shown[i] for i in cluster.members]
        if cluster.template is None:
            made.reasons.append(
                f"no template covers {len(cases)} of {len(order.shown)} shown questions: "
                "they keep the light model for their arguments"
            )
            continue
        shape = build_shape(len(made.tools), cluster.template, cases)
        part = budget.part(len(cases) / len(order.shown))
        judged = await _make_shape(order, shape, held_out[index], (maker, verifier, part))
        budget.absorb(part)
        if isinstance(judged, str):
            made.reasons.append(f"shape {index} ({len(cases)} shown cases): {judged}")
        else:
            made.tools.append(judged[0])
            made.verdicts.append(judged[1].on_held_out)
    return made


async def _make_shape(
    order: Order, shape: Shape, held_out: Sequence[Case], parts: tuple[Maker, Verifier, Budget]
) -> tuple[Tool, Judgement] | str:
    """The accepted tool with its judgement, or the reason for none."""
    maker, verifier, budget = parts
    reason = _unmakeable(shape, held_out)
    if reason:
        return reason
    looks = 0
    shown = [e.case for e in shape.examples]
    reason = "no candidate passed the shown cases within the budget"
    async for candidate in maker.candidates(shape, budget, order.seed):
        looks += 1
        tool = wrap(order.name, candidate.shape, candidate.solver, _provenance(order, candidate))
        judgement = await verifier.judge(tool, shown, held_out, looks=looks)
        if judgement.accepted:
            return replace(tool, verification=judgement.verification), judgement
        reason = f"the verifier refused: {', '.join(judgement.reasons)}"
    return reason


def _deal(cases: Sequence[Case], clusters: Sequence[Cluster]) -> list[list[Case]]:
    """Held-out cases by the cluster whose template takes them; the last list takes the rest."""
    hands: list[list[Case]] = [[] for _ in range(len(clusters) + 1)]
    for case in cases:
        home = next(
            (
                n
                for n, c in enumerate(clusters)
                if c.template and matcher_of(c.template).match(case.question) is not None
            ),
            len(clusters),
        )
        hands[home].append(case)
    return hands


def _unmakeable(shape: Shape, held_out: Sequence[Case]) -> str:
    """Why no model needs to be asked, or nothing."""
    if not shape.template.slots:
        return "the questions do not differ: there is nothing to compute"
    if not shape.answer.slots:
        return "all answers are the same: a tool would only repeat it"
    if len(shape.examples) < MIN_HELD_OUT:
        return f"only {len(shape.examples)} shown cases fit the form of the answers"
    if len(held_out) < MIN_HELD_OUT:
        return f"only {len(held_out)} held-out cases are of this shape, at least {MIN_HELD_OUT}"
    return ""


def _provenance(order: Order, candidate: Candidate) -> Provenance:
    return Provenance("made", order.maker, candidate.attempt.strategy, order.created_at)
