"""Asking again: a request that was answered flows in, what asks its upstream again flows out.

Invariants: the very same request goes out, with no other credential than before; what the
answer cost is told even where its text is of no use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from latm.errors import ModelUnavailableError
from latm.gateway.charging import Charging
from latm.gateway.headers import one
from latm.gateway.observing import Observed, heard
from latm.gateway.refusal import Header, Refusal
from latm.gateway.upstream import Call, Upstream
from latm.monitor.seen import Reference
from latm.types import Reply

# A client's own retry would be one request to the upstream; this is another one.
_ONCE = frozenset({"idempotency-key", "x-idempotency-key"})


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks the upstream behind the gateway."""

    upstream: Upstream
    charging: Charging

    def again(self, seen: Observed) -> Reference | None:
        """What repeats a request; None where the client wants no part of it."""
        call = seen.call
        if call is None or seen.opted_out:
            return None
        headers = tuple(header for header in call.headers if header[0].lower() not in _ONCE)

        async def ask() -> Reply:
            return await self._ask(seen, replace(call, headers=headers))

        return ask

    async def _ask(self, seen: Observed, call: Call) -> Reply:
        whole = await self.upstream.whole(call)
        if isinstance(whole, Refusal):
            raise ModelUnavailableError(f"{whole.message}; the audit is left out")
        if whole.status != 200:
            raise ModelUnavailableError(
                f"the upstream answered with status {whole.status}; the audit is left out"
            )
        media, coding = (
            _plain(whole.headers, b"content-type"),
            _plain(whole.headers, b"content-encoding"),
        )
        media = media.partition(";")[0].strip()
        answer = replace(
            seen,
            served=None,
            status=200,
            media_type=media,
            encoding=coding,
            body=whole.body,
            complete=True,
        )
        read = self.charging.of_stream if media == "text/event-stream" else self.charging.of_whole
        charge = read(seen.incoming, whole.body, coding)
        said = heard(answer)
        return Reply(
            said.text if said else "",
            charge.model or seen.incoming.request.model,
            charge.usage,
            charge.cost_usd,
            None,
            "stop" if said is not None and said.finish == "stop" else "other",
        )


def _plain(headers: tuple[Header, ...], name: bytes) -> str:
    return (one(headers, name) or b"").decode("latin-1").lower()
