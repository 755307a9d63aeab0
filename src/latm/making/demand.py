"""Demand: is a class worth a making?

What was observed of a class and what makings cost flow in, a `Forecast` flows out.
Invariants: pure; money is compared where both amounts are known, else tokens, never one
with the other; a class without enough cases is never worth it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

DAY = 86_400
"""Seconds. A rate is taken over at least a day: a burst of a minute says little of a month."""

_MOST_REFUSALS = 16

Unit: TypeAlias = Literal["usd", "tokens"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was observed of one class.

    Attributes:
        cases: different questions with answers, all that ever were, kept or not.
        requests: in ``seconds``, from the first of them until now.
        tokens: that the upstream used for one request, input and output, the mean.
        usd: that it charged for one, the mean; None when a price is unknown.
    """

    name: str
    cases: int
    requests: int
    seconds: float
    tokens: Decimal
    usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """What a making takes. ``usd`` is None when a price is unknown."""

    tokens: Decimal
    usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Makings of a class in a row that came to nothing.

    Attributes:
        times: how many.
        cases: of the class, when the last of them began.
    """

    times: int = 0
    cases: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """When a making is worth it.

    Attributes:
        cases: fewer show too little to make a tool from.
        seconds: the horizon of the forecast.
    """

    cases: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Whether a class is worth a making, and why.

    Attributes:
        saving: what the upstream would charge for the class until the horizon.
        cost: what the making is expected to take, in the same unit.
    """

    worth: bool
    reason: str
    saving: Decimal
    cost: Decimal
    unit: Unit

    @property
    def gain(self) -> Decimal:
        """How many times over the making pays for itself; what comes first is worth most."""
        return self.saving / self.cost if self.cost else self.saving


def forecast(traffic: Traffic, effort: Effort, refused: Refused, terms: Terms) -> Forecast:
    """Weigh what a tool would save until the horizon against what it costs to make."""
    seconds = Decimal(terms.seconds)
    requests = traffic.requests * seconds / Decimal(max(traffic.seconds, DAY))
    saving, cost, unit = requests * traffic.tokens, effort.tokens, "tokens"
    if traffic.usd is not None and effort.usd is not None:
        saving, cost, unit = requests * traffic.usd, effort.usd, "usd"
    needed = cases_needed(refused, terms.cases)
    if traffic.cases < needed:
        after = f" after {refused.times} makings without a tool" if refused.times else ""
        reason = f"{traffic.cases} of {needed} cases{after}"
    elif saving <= cost:
        reason = f"saves {_said(saving, unit)} until the horizon, making costs {_said(cost, unit)}"
    else:
        reason = f"saves {_said(saving, unit)} until the horizon for {_said(cost, unit)}"
        return Forecast(True, reason, saving, cost, unit)
    return Forecast(False, reason, saving, cost, unit)


def cases_needed(refused: Refused, least: int) -> int:
    """How many cases a class needs before it is tried: each refusal doubles what has to be new."""
    if not refused.times:
        return least
    return refused.cases + least * 2 ** (min(refused.times, _MOST_REFUSALS) - 1)


def expected(earlier: Sequence[Effort], tools: int, whole: Effort) -> Effort:
    """What one tool may be expected to cost: all makings so far, over the tools that came of them.

    Args:
        earlier: what each making took, with or without a tool at its end.
        tools: how many of them came to a tool.
        whole: a making that uses its whole budget; counts as one of them, so that the first
            making is not thought free, nor one that follows many refusals cheap.
    """
    tokens = sum((one.tokens for one in earlier), whole.tokens) / (tools + 1)
    known = [one.usd for one in earlier if one.usd is not None]
    if len(known) < len(earlier):
        return Effort(tokens)
    if whole.usd is not None:
        return Effort(tokens, sum(known, whole.usd) / (tools + 1))
    return Effort(tokens, sum(known, Decimal(0)) / tools if tools else None)


def _said(amount: Decimal, unit: Unit) -> str:
    return f"${amount:.4f}" if unit == "usd" else f"{amount:.0f} tokens"
