"""The ledger: what was spent, what was avoided, and when a tool has paid for itself.

Usage rows and sums flow in, amounts of US dollars flow out. Invariant: pure and exact
arithmetic; amounts are added first and rounded last, and where a price is unknown the
result is unknown, never smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from functools import reduce
from operator import add
from typing import Literal, TypeAlias, TypeVar

from latm.store import Money, UsageGroup, UsageRow, UsageSum
from latm.types import Purpose

K = TypeVar("K", bound=Hashable)

BreakEven: TypeAlias = int | Literal["never", "unknown"]
"""Number of requests after which a tool has repaid its making."""

_CENT = Decimal("0.01")
# Wide enough for any product and sum of amounts here to be exact.
_EXACT = Context(prec=100)
_NOTHING = Money()


def total(items: Iterable[UsageRow | UsageSum]) -> UsageSum:
    """Rows and sums, added up; the order and the grouping do not matter."""
    return reduce(add, map(_as_sum, items), UsageSum())


def grouped(rows: Iterable[UsageRow], key: Callable[[UsageRow], K]) -> dict[K, UsageSum]:
    """Rows added up by a key, such as purpose, class or tool."""
    sums: dict[K, UsageSum] = {}
    for row in rows:
        group = key(row)
        sums[group] = sums.get(group, UsageSum()) + UsageSum.of(row)
    return sums


@dataclass(frozen=True, slots=True)
class Ledger:
    """Money by what it was for.

    Attributes:
        using: spent on answering requests.
        making: spent on making tools.
        shadow: spent on answers of tools that the client does not get.
        audit: spent on asking the upstream what a tool has answered.
        avoided: what the upstream would have charged for what it was not asked.
    """

    using: Money = _NOTHING
    making: Money = _NOTHING
    shadow: Money = _NOTHING
    audit: Money = _NOTHING
    avoided: Money = _NOTHING

    @classmethod
    def of(cls, by_purpose: Mapping[Purpose, UsageSum]) -> Ledger:
        """The ledger of sums by purpose; benchmarks are nobody's savings and left out."""

        def cost(purpose: Purpose) -> Money:
            return by_purpose[purpose].cost if purpose in by_purpose else _NOTHING

        serving: tuple[Purpose, ...] = ("using", "shadow", "audit")
        avoided = (by_purpose[p].avoided for p in serving if p in by_purpose)
        return cls(
            cost("using"), cost("making"), cost("shadow"), cost("audit"), sum(avoided, _NOTHING)
        )

    @property
    def spent(self) -> Money:
        """All that was paid."""
        return self.using + self.making + self.shadow + self.audit

    @property
    def saved_usd(self) -> Decimal | None:
        """Avoided less spent, negative before a tool has paid for itself; None when unknown."""
        avoided, spent = self.avoided.usd, self.spent.usd
        return None if avoided is None or spent is None else avoided - spent


@dataclass(frozen=True, slots=True)
class Rates:
    """What a class of requests costs with a tool and without, in US dollars; None: unknown.

    Attributes:
        making: once, for the tool.
        with_tool: per request that the tool serves.
        without_tool: per request that goes upstream.
    """

    making: Decimal | None
    with_tool: Decimal | None
    without_tool: Decimal | None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Total cost after a number of requests, in US dollars; None: unknown."""

    requests: int
    with_tool: Decimal | None
    without_tool: Decimal | None


_NO_ROWS = UsageSum()
_NO_MONEY = Ledger()


@dataclass(frozen=True, slots=True)
class Account:
    """What one tool, tenant or rung came to.

    Attributes:
        answered: all requests that were answered, by whichever rung.
        served: those of them that tools answered.
    """

    money: Ledger = _NO_MONEY
    answered: UsageSum = _NO_ROWS
    served: UsageSum = _NO_ROWS

    @classmethod
    def of(cls, sums: Iterable[tuple[UsageGroup, UsageSum]]) -> Account:
        """The account of sums, whatever they are of."""
        by_purpose: dict[Purpose, UsageSum] = {}
        served = UsageSum()
        for key, summed in sums:
            by_purpose[key.purpose] = by_purpose.get(key.purpose, UsageSum()) + summed
            if key.purpose == "using" and key.rung not in (None, "upstream"):
                served += summed
        return cls(Ledger.of(by_purpose), by_purpose.get("using", UsageSum()), served)

    @property
    def break_even(self) -> BreakEven:
        """Requests after which what tools cost once is repaid by what they go on saving.

        Making and shadow runs are paid once, audits go on; without any served request
        there is nothing to reckon with.
        """
        money, served = self.money, self.served
        return break_even(
            Rates(
                (money.making + money.shadow).usd,
                per_request(served, served.cost + money.audit),
                per_request(served, served.avoided),
            )
        )


def accounts(
    sums: Mapping[UsageGroup, UsageSum], by: Callable[[UsageGroup], K]
) -> dict[K, Account]:
    """An account for each value of ``by``, in the order of the sums."""
    groups: dict[K, list[tuple[UsageGroup, UsageSum]]] = {}
    for key, summed in sums.items():
        groups.setdefault(by(key), []).append((key, summed))
    return {group: Account.of(items) for group, items in groups.items()}


def per_request(summed: UsageSum, amount: Money) -> Decimal | None:
    """The mean of an amount over the rows of a sum; None when unknown or without rows."""
    usd = amount.usd
    return None if usd is None or summed.rows == 0 else usd / summed.rows


def break_even(rates: Rates) -> BreakEven:
    """The least number of requests at which the tool has cost no more than the upstream."""
    making, with_tool, without_tool = rates.making, rates.with_tool, rates.without_tool
    if making is None or with_tool is None or without_tool is None:
        return "unknown"
    if making == 0 and with_tool <= without_tool:
        return 0
    saving = _EXACT.subtract(without_tool, with_tool)
    if saving <= 0:
        return "never"
    whole, rest = _EXACT.divmod(making, saving)
    return int(whole) + (rest > 0)


def cost_curve(rates: Rates, counts: Iterable[int]) -> tuple[CurvePoint, ...]:
    """Total cost with and without the tool after each number of requests."""
    return tuple(
        CurvePoint(n, _after(n, rates.with_tool, rates.making), _after(n, rates.without_tool))
        for n in counts
    )


def cents(amount: Decimal | None) -> Decimal | None:
    """An amount rounded to the cent, half to even; None stays None."""
    if amount is None:
        return None
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN, context=_EXACT)


def dollars(amount: Decimal | None) -> str:
    """An amount for people: to the cent, below a cent to two digits, or ``unknown``."""
    if amount is None:
        return "unknown"
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    if size == 0 or size >= _CENT:
        return f"{sign}${size.quantize(_CENT, rounding=ROUND_HALF_EVEN, context=_EXACT):,}"
    # Rounded up, so that something small does not read as nothing.
    digits = Decimal(1).scaleb(size.adjusted() - 1)
    return f"{sign}${size.quantize(digits, rounding=ROUND_UP, context=_EXACT):f}"


def _after(
    requests: int, each: Decimal | None, once: Decimal | None = Decimal(0)
) -> Decimal | None:
    if each is None or once is None:
        return None
    return _EXACT.add(once, _EXACT.multiply(each, Decimal(requests)))


def _as_sum(item: UsageRow | UsageSum) -> UsageSum:
    return UsageSum.of(item) if isinstance(item, UsageRow) else item
