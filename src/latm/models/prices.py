"""List prices, for what would have been charged.

A model's name and usage flow in, dollars flow out, or None. Invariant: an unknown price is
None, never 0; prices come from the maintained list of genai-prices, not from us.
"""

from __future__ import annotations

from decimal import Decimal

from latm.models.names import parse
from latm.types import Usage


def list_price(model: str, usage: Usage) -> Decimal | None:
    """What the provider's price list asks for a usage, in US dollars.

    Args:
        model: full name, ``provider:model``.
    """
    import genai_prices  # noqa: PLC0415 - its list takes a moment to load

    name = parse(model)
    tokens = genai_prices.Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached_input or None,
        output_tokens=usage.output,
    )
    try:
        return genai_prices.calc_price(
            tokens, model_ref=name.model, provider_id=name.provider
        ).total_price
    except LookupError:
        return None
