"""What the monitor is told of a request.

Values only; nothing flows in. Invariant: how the reference is asked again is
the caller's business, who alone has the client's whole request and the right to repeat it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from latm.types import Reply

Source: TypeAlias = Literal["shadow", "audit"]
Reference: TypeAlias = Callable[[], Awaitable[Reply]]
"""Asks the reference model what the client asked, once more; raises `OperationError`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that a tool may serve, and that has its answer.

    Attributes:
        fingerprint, bare: as the gate found them: only tools of this fingerprint, or tools
            without one where nothing stands around the question, are concerned.
        again: None where the reference cannot, or may not, be asked again.
    """

    request_id: str
    tenant: str
    question: str
    fingerprint: str
    bare: bool
    again: Reference | None = None
