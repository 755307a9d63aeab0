"""Making, as the picture in docs/structure.md: cases → shapes → maker → verifier → promoter.

Cases of one class flow in; verified tools flow out, or reasons why there are none.
Invariant: a tool leaves only after it was accepted on cases that no prompt of its maker held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from latm.execution import matcher_of
from latm.induction import Cluster, induce
from latm.making.budget import Budget
from latm.making.maker import Candidate, Maker
from latm.making.paper import MIN_SHOWN, Accepted, PaperMaker
from latm.making.parts import PATIENCE
from latm.making.plan import Terms
from latm.making.shape import MIN_HELD_OUT, Order, Shape, build_shape, unmakeable
from latm.making.toolable import Prospects, patience, prospects
from latm.making.verifier import Verifier
from latm.making.wrapper import wrap
from latm.types import Case, Provenance, Tool, Verdict


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


async def make(
    order: Order, maker: Maker, verifier: Verifier, paper: PaperMaker, budget: Budget
) -> Made:
    """Make one tool for each question shape of a class, and one for what has no shape.

    Raises:
        ModelError: the maker's model cannot be used.
        SandboxUnavailableError: no engine can run the candidates.
    """
    made = Made()
    outlook = prospects([(case.question, case.answer) for case in order.shown])
    if outlook.verdict == "hopeless" and PATIENCE not in order.without:
        made.reasons.append(f"not toolable: {outlook.reason}")
        return made
    known = tuple(tool.solver for tool in order.known)
    clusters = induce([case.question for case in order.shown])
    held_out = _deal(order.held_out, clusters)
    made.held_out_uncovered = len(held_out[-1])
    for index, cluster in enumerate(clusters):
        cases = [order.shown[i] for i in cluster.members]
        if made.reasons and not made.tools and _given_up(order, outlook):
            break
        if cluster.template is None:
            # Comes last: what is left of the budget is the paper's form to spend.
            rest = (len(made.tools), cases, held_out[-1])
            subject = f"no template covers {len(cases)} of {len(order.shown)} shown questions"
            if _given_up(order, outlook):
                result = "nothing in the cases says that the answers are computed"
            else:
                result = await _make_rest(order, rest, paper)
        else:
            shape = build_shape(len(made.tools), cluster.template, cases)
            subject = f"shape {index} ({len(cases)} shown cases)"
            part = budget.part(len(cases) / len(order.shown))
            terms = Terms(
                order.seed,
                (*(tool.solver for tool in made.tools), *known),
                order.without,
                order.won,
                patience=patience(outlook),
                chance=outlook.chance,
                slots=order.slots,
            )
            result = await _make_shape(
                order, (shape, terms), held_out[index], (maker, verifier, part)
            )
            budget.absorb(part)
        if isinstance(result, str):
            made.reasons.append(f"{subject}: {result}")
        else:
            made.tools.append(result[0])
            made.verdicts.append(result[1])
    return made


def _given_up(order: Order, outlook: Prospects) -> bool:
    """Whether the first shape without a tool is enough to leave the others alone."""
    return outlook.verdict != "computable" and PATIENCE not in order.without


async def _make_rest(
    order: Order,
    rest: tuple[int, Sequence[Case], Sequence[Case]],
    paper: PaperMaker,
) -> Accepted | str:
    """The tool for questions that no template covers, or the reason for none."""
    index, shown, held_out = rest
    if len(shown) < MIN_SHOWN or len(held_out) < MIN_HELD_OUT:
        return "they keep the light model for their arguments"
    return await paper.make(order, index, shown, held_out)


async def _make_shape(
    order: Order,
    job: tuple[Shape, Terms],
    held_out: Sequence[Case],
    parts: tuple[Maker, Verifier, Budget],
) -> Accepted | str:
    """The accepted tool with its verdicts, or the reason for none."""
    (shape, terms), (maker, verifier, budget) = job, parts
    reason = unmakeable(shape, held_out)
    if reason:
        return reason
    looks = 0
    shown = [e.case for e in shape.examples]
    reason = "no candidate passed the shown cases within the budget"
    async for candidate in maker.candidates(shape, budget, terms):
        looks += 1
        tool = wrap(order.name, candidate.shape, candidate.solver, _provenance(order, candidate))
        judgement = await verifier.judge(tool, shown, held_out, looks=looks)
        if judgement.accepted:
            return replace(tool, verification=judgement.verification), judgement.on_held_out
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


def _provenance(order: Order, candidate: Candidate) -> Provenance:
    return Provenance("made", order.maker, candidate.attempt.strategy, order.created_at)
