"""Visits: one request, what came of it, and the row of usage that this makes.

Values only: the handler fills them in, and all who count requests read them. Invariant: a
request makes at most one row, and an amount that nobody knows is None in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from latm.gateway.charging import UNKNOWN, Charge
from latm.gateway.keys import Tenant
from latm.gateway.reading import Incoming
from latm.gateway.upstream import Call
from latm.store import UsageRow
from latm.types import Answer, Receipt, RungName
from latm.using.gate import Asked, Bypass

_LONGEST_NAME = 128
_NOBODY = Tenant()
NO_RECEIPT = Receipt(None)


@dataclass(slots=True)
class Outcome:
    """What came of a request, as far as it has come.

    Attributes:
        rung: who answered, or was asked last; None while nobody was.
        answer: of a tool.
        tried: what was spent on tools that did not answer.
        charge: of the upstream.
        avoided_usd: of the upstream, by sharing another request's answer.
        started: when the request was let in, on the gateway's clock; ``asked_at``: when the
            upstream was asked.
    """

    rung: RungName | None = None
    answer: Answer | None = None
    tried: Receipt = NO_RECEIPT
    charge: Charge = UNKNOWN
    avoided_usd: Decimal | None = field(default_factory=Decimal)
    started: float = 0.0
    asked_at: float | None = None

    @property
    def receipt(self) -> Receipt:
        """Rung, tool, tokens and money of the whole request."""
        if self.answer is not None:
            return self.answer.receipt
        return Receipt(
            self.rung,
            usage=self.charge.usage + self.tried.usage,
            cost_usd=_both(self.charge.cost_usd, self.tried.cost_usd),
            avoided_usd=self.avoided_usd,
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that was let in; ``asked`` is None where nothing is asked of a model."""

    tenant: Tenant
    call: Call
    incoming: Incoming | None
    asked: Asked | Bypass | None
    off: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Done:
    """One request that is over.

    Attributes:
        visit: None when it was not let in.
        status: as sent to the client; 0 when nothing was.
        began: Unix time, in seconds; ``started`` the same moment on the gateway's clock.
        complete: the client was given all of the answer.
        receipt: what it came to; without a rung when nobody was asked.
        traceparent: W3C trace context that the client sent, or empty.
    """

    request_id: str
    visit: Visit | None
    status: int
    complete: bool
    began: float
    started: float
    seconds: float
    receipt: Receipt = NO_RECEIPT
    traceparent: str = ""

    @property
    def tenant(self) -> str:
        """Whose request it was; empty without a key."""
        return (self.visit.tenant if self.visit else _NOBODY).name

    @property
    def model(self) -> str:
        """The model that the client asked for; bounded text, empty when not known."""
        incoming = self.visit.incoming if self.visit else None
        # A client writes what it likes; half a surrogate pair is not text for a database.
        name = (incoming.request.model if incoming else "")[:_LONGEST_NAME]
        return name.encode("utf-8", "replace").decode()

    def row(self) -> UsageRow | None:
        """The row of usage; None when nothing was asked of a model."""
        if self.visit is None or self.visit.outcome.rung is None:
            return None
        if self.visit.call.method != "POST":
            return None
        receipt = self.receipt
        return UsageRow(
            purpose="using",
            rung=receipt.rung,
            name=receipt.tool,
            version=receipt.version,
            model=self.model or None,
            usage=receipt.usage,
            cost_usd=receipt.cost_usd,
            avoided_usd=receipt.avoided_usd,
            at=datetime.fromtimestamp(self.began + self.seconds, UTC).isoformat(
                timespec="microseconds"
            ),
            tenant=self.tenant or None,
            request=self.request_id,
        )


def _both(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    return None if first is None or second is None else first + second
