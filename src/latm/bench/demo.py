"""The demonstration: what one class costs with a tool, and what it costs without.

Measured usage flows in, `Rates` for the ledger flow out. Invariant: tokens are measured;
money is those tokens at a named list price, never a price of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from latm.answers import same
from latm.ledger import Rates
from latm.models import Model
from latm.types import Case, ChatRequest, Message, Usage

MOST_REPLY_TOKENS = 300

Clock = Callable[[], float]
Price = Callable[[Usage], Decimal | None]
"""What a usage costs, in US dollars; None when the price is unknown."""


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """A model asked the bare questions, without any tool."""

    questions: int
    right: int
    usage: Usage
    seconds: float


def rates(making: Usage, asked: ModelAsked, price: Price) -> Rates:
    """Both ways side by side; the tool rung answers at zero tokens."""
    direct = price(asked.usage)
    return Rates(
        making=price(making),
        with_tool=Decimal(0),
        without_tool=None if direct is None else direct / asked.questions,
    )


async def ask_directly(model: Model, cases: Sequence[Case], clock: Clock) -> ModelAsked:
    """Ask a model the bare questions, one after the other.

    Raises:
        ModelError: the model cannot be used.
    """
    started, right, usage = clock(), 0, Usage()
    for case in cases:
        prompt = f"{case.question}\nReply with the answer only."
        reply = await model.chat(
            ChatRequest((Message("user", prompt),), max_tokens=MOST_REPLY_TOKENS)
        )
        right += same(case.answer, reply.text)
        usage += reply.usage
    return ModelAsked(len(cases), right, usage, clock() - started)
