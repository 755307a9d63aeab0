"""Budgets: whether a tenant's request may still go to the upstream today.

A tenant and what the books say of its day flow in, None or a `Refusal` flows out.
Invariants: deciding takes the same short time for each request; tools are not asked about;
what no price is known for is refused where a budget is in dollars.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from latm.gateway.books import Books
from latm.gateway.pricing import PriceList
from latm.gateway.refusal import Refusal
from latm.gateway.visits import Visit
from latm.settings import DayBudget
from latm.store import UsageSum

_DAY_SECONDS = 86_400


@dataclass(slots=True)
class Budgets:
    """The budgets of the day, by tenant.

    Other processes' requests are seen once they are in the store. Requests under way are
    counted as requests, but their tokens and money only when they are known, so a budget
    can be exceeded by what is under way when it runs out.

    Attributes:
        now: Unix time, in seconds; days are those of UTC.
    """

    limits: Mapping[str, DayBudget]
    books: Books
    prices: PriceList
    now: Callable[[], float]
    _under_way: dict[str, int] = field(default_factory=dict[str, int])

    def admit(self, visit: Visit) -> Refusal | None:
        """None when the request may go on; then `release` it afterwards."""
        limit = self.limits.get(visit.tenant.name)
        # Lists of models and the like cost nothing.
        if limit is None or visit.call.method != "POST":
            return None
        if limit.usd is not None and (refusal := self._unpriced(visit)) is not None:
            return refusal
        tenant = visit.tenant.name
        spent = self._spent(limit, self.books.today(tenant), self._under_way.get(tenant, 0))
        if spent is not None:
            left = _DAY_SECONDS - self.now() % _DAY_SECONDS
            return Refusal(
                429,
                f"the budget of this key is spent: {spent} a day; what tools answer is still "
                "served, the rest from midnight UTC on",
                "insufficient_quota",
                "insufficient_quota",
                # Rounded up, so that a client does not come back a moment too early.
                retry_after=math.ceil(left),
            )
        self._under_way[tenant] = self._under_way.get(tenant, 0) + 1
        return None

    def release(self, visit: Visit) -> None:
        """A request that was admitted is over."""
        tenant = visit.tenant.name
        if self._under_way.get(tenant):
            self._under_way[tenant] -= 1

    def _unpriced(self, visit: Visit) -> Refusal | None:
        model = visit.incoming.request.model if visit.incoming else ""
        if not model or self.prices.knows(model):
            return None
        return Refusal(
            403,
            f"the budget of this key is in dollars, and no price is known for {model[:64]!r}; "
            "ask for another model, or have its price set in LATM_PRICES",
            code="unknown_price",
        )

    def _spent(self, limit: DayBudget, today: UsageSum, under_way: int) -> str | None:
        """The part of a budget that is spent, in words."""
        if limit.requests is not None and today.rows + under_way >= limit.requests:
            return f"{limit.requests} requests"
        if limit.tokens is not None and today.usage.total >= limit.tokens:
            return f"{limit.tokens} tokens"
        if limit.usd is not None and today.cost.known >= limit.usd:
            return f"${limit.usd:f}"
        return None
