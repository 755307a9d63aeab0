"""Pricing: tokens of a model flow in, US dollars flow out, by one price list.

What the upstream charges and what a tool avoids are priced here, so that they compare.
Invariant: an unknown price is None, never 0, and pricing takes no time on the request path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from latm.models.prices import list_price
from latm.settings import Price
from latm.types import Usage

# English text and code have about four bytes a token with all current tokenizers.
_BYTES_PER_TOKEN = 4
# Longer inputs have another price per token with some models.
_SHORT = 30_000
_MILLION = 1_000_000
_THOUSAND = 1000
_MOST = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of the upstream's models: the operator's own first, then list prices.

    Attributes:
        own: by ``openai:model``.
    """

    own: Mapping[str, Price]

    def cost(self, model: str, usage: Usage) -> Decimal | None:
        """What the upstream charges for a usage, in US dollars; None when unknown."""
        each = self._each(model)
        if each is None:
            return None
        if usage.input > _SHORT and f"openai:{model}" not in self.own:
            return _plausible(list_price(f"openai:{model}", usage))
        cached = min(usage.cached_input, usage.input)
        fresh = usage.input - cached
        total = fresh * each.input + cached * each.cached + usage.output * each.output
        return _plausible(total / _MILLION)

    def knows(self, model: str) -> bool:
        """Whether there is a price for a model."""
        return self._each(model) is not None

    def _each(self, model: str) -> _Each | None:
        own = self.own.get(f"openai:{model}")
        if own is None:
            return _listed(model)
        return _Each(
            own.input, own.input if own.cached_input is None else own.cached_input, own.output
        )


def tokens(texts: Iterable[str]) -> int:
    """About how many tokens texts have, for what nobody counts."""
    return -(-sum(len(text.encode("utf-8", "replace")) for text in texts) // _BYTES_PER_TOKEN)


def warm_up() -> None:
    """Load the list of prices, which takes a moment; no request should wait for it."""
    _listed("gpt-4o")


@dataclass(frozen=True, slots=True)
class _Each:
    """US dollars per million tokens."""

    input: Decimal
    cached: Decimal
    output: Decimal


@lru_cache(maxsize=256)
def _listed(model: str) -> _Each | None:
    """List prices; kept, because looking one up takes as long as a tool."""
    if not model.strip():
        return None
    name = f"openai:{model}"
    # Asked for a thousand tokens, as some prices rise with the length of the input.
    fresh = list_price(name, Usage(input=_THOUSAND))
    cached = list_price(name, Usage(input=_THOUSAND, cached_input=_THOUSAND))
    output = list_price(name, Usage(output=_THOUSAND))
    if fresh is None or cached is None or output is None:
        return None
    return _Each(fresh * _THOUSAND, cached * _THOUSAND, output * _THOUSAND)


def _plausible(amount: Decimal | None) -> Decimal | None:
    """An amount that one request can cost; what an upstream says is only said."""
    return None if amount is None or amount > _MOST else amount
