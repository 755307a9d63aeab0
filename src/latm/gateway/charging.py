"""Charging: the bytes of an upstream's answer flow in, what it costs flows out.

Invariants: what is not understood costs an unknown amount, never nothing; numbers are
bounded before they are believed; the text of an answer is not read.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel, Field, ValidationError

from latm.gateway.observing import decoded
from latm.gateway.pricing import PriceList, tokens
from latm.gateway.reading import Incoming
from latm.types import Usage

_EVENT = b"\ndata:"
_LAST_EVENTS = 4
_MOST_TOKENS = 10**9
_LARGE = 256 * 1024
"""Bytes; a larger answer is no chat completion, and parsing it would hold others up."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one answer of the upstream costs.

    Attributes:
        cost_usd: None when the usage or the price is unknown.
        model: as the answer names it; ``id`` likewise; both empty when it does not.
        finish: why each choice ended.
    """

    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    model: str = ""
    id: str = ""
    finish: tuple[str, ...] = ()


UNKNOWN = Charge()
NOTHING = Charge(cost_usd=Decimal(0))


@dataclass(frozen=True, slots=True)
class Charging:
    """Reads charges off answers."""

    prices: PriceList

    def of_whole(self, incoming: Incoming | None, body: bytes, encoding: str) -> Charge:
        """The charge of an answer that came in one piece."""
        said = _said(body, encoding) if len(body) <= _LARGE else None
        return self._charge(incoming, said, None)

    def of_stream(self, incoming: Incoming | None, body: bytes, encoding: str) -> Charge:
        """The charge of an answer that streamed, as much of it as came.

        Where the client did not ask for usage, each event counts as one token, which is
        what the APIs send, and the request is counted by its bytes.
        """
        try:
            events = b"\n" + decoded(body, encoding)
        except (ValueError, zlib.error):
            return UNKNOWN
        count = events.count(_EVENT)
        estimate = None
        if incoming is not None and count:
            asked = tokens(message.content for message in incoming.request.messages)
            estimate = Usage(input=asked, output=count) if asked else None
        return self._charge(incoming, _last_said(events), estimate)

    def _charge(
        self, incoming: Incoming | None, said: _Said | None, estimate: Usage | None
    ) -> Charge:
        told = said or _Said()
        usage = told.usage.counted() if told.usage else estimate
        finish = tuple(choice.finish_reason for choice in told.choices if choice.finish_reason)
        if usage is None:
            return Charge(model=told.model, id=told.id, finish=finish)
        asked = incoming.request.model if incoming else ""
        cost = self.prices.cost(asked, usage) if asked else None
        if cost is None and told.model:
            cost = self.prices.cost(told.model, usage)
        return Charge(usage, cost, told.model, told.id, finish)


# --- what the APIs say -----------------------------------------------------------------


class _Details(BaseModel):
    cached_tokens: int | None = Field(default=None, ge=0, le=_MOST_TOKENS)


class _Usage(BaseModel):
    """Tokens under the names of any of the APIs."""

    prompt_tokens: int | None = Field(default=None, ge=0, le=_MOST_TOKENS)
    input_tokens: int | None = Field(default=None, ge=0, le=_MOST_TOKENS)
    completion_tokens: int | None = Field(default=None, ge=0, le=_MOST_TOKENS)
    output_tokens: int | None = Field(default=None, ge=0, le=_MOST_TOKENS)
    prompt_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None

    def counted(self) -> Usage | None:
        """The usage; None when it does not even say what went in."""
        asked = self.prompt_tokens if self.prompt_tokens is not None else self.input_tokens
        if asked is None:
            return None
        details = self.prompt_tokens_details or self.input_tokens_details or _Details()
        return Usage(
            asked,
            min(details.cached_tokens or 0, asked),
            self.completion_tokens or self.output_tokens or 0,
        )


class _Choice(BaseModel):
    finish_reason: str | None = Field(default=None, max_length=64)


class _Said(BaseModel):
    id: str = Field(default="", max_length=256)
    model: str = Field(default="", max_length=256)
    usage: _Usage | None = None
    choices: list[_Choice] = []
    response: _Said | None = None


def _said(body: bytes, encoding: str) -> _Said | None:
    try:
        return _parsed(decoded(body, encoding))
    except (ValueError, zlib.error):
        return None


def _parsed(text: bytes) -> _Said | None:
    try:
        said = _Said.model_validate_json(text)
    except ValidationError:
        return None
    return said.response or said


def _last_said(events: bytes) -> _Said | None:
    """What the last events of a stream say about its usage."""
    end = len(events)
    for _ in range(_LAST_EVENTS):
        start = events.rfind(_EVENT, 0, end)
        if start < 0:
            return None
        line = events[start + len(_EVENT) : end].split(b"\n", 1)[0]
        said = _parsed(line) if b'"usage"' in line else None
        if said is not None and said.usage is not None:
            return said
        end = start
    return None
