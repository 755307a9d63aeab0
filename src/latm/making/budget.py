"""A budget of tokens and money for making one class.

Usage and cost flow in; whether another call is allowed flows out. Invariant: what was
spent is counted once, and an unknown cost is kept as unknown, never as 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from latm.types import ChatRequest, Reply, Usage


@dataclass(slots=True)
class Budget:
    """Bounds and what is spent of them.

    Attributes:
        max_tokens: input and output tokens together.
        max_usd: None for no bound on money.
        cost_usd: None as soon as one call had no known price.
    """

    max_tokens: int
    max_usd: Decimal | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = Decimal(0)

    def allows(self, request: ChatRequest) -> bool:
        """Whether a call may be made: its prompt must fit what is left of the tokens."""
        prompt = sum(len(m.content) for m in request.messages) // 4
        if self.usage.total + prompt >= self.max_tokens:
            return False
        spent = self.cost_usd if self.cost_usd is not None else Decimal(0)
        return self.max_usd is None or spent < self.max_usd

    def spend(self, reply: Reply) -> None:
        """Count a reply."""
        self.usage += reply.usage
        known = self.cost_usd is not None and reply.cost_usd is not None
        self.cost_usd = self.cost_usd + reply.cost_usd if known else None  # type: ignore[operator]

    def part(self, share: float) -> Budget:
        """A fresh budget of a share of what is left."""
        left = max(0, self.max_tokens - self.usage.total)
        usd = None
        if self.max_usd is not None:
            usd = (self.max_usd - (self.cost_usd or Decimal(0))) * Decimal(str(round(share, 6)))
        return Budget(round(left * share), usd)

    def absorb(self, part: Budget) -> None:
        """Count what a part has spent."""
        self.usage += part.usage
        known = self.cost_usd is not None and part.cost_usd is not None
        self.cost_usd = self.cost_usd + part.cost_usd if known else None  # type: ignore[operator]
