"""Refusals: what the gateway itself answers when a request goes nowhere.

A status and one line flow in, a response in the form of the API's own errors flows out.
Invariant: no text of an exception, no key and no address of the upstream is in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer.

    Attributes:
        message: one line: what happened, and what to do.
        kind: ``type`` of the API's error object.
        retry_after: seconds after which another try makes sense.
        close: whether the connection is of no use afterwards.
        unasked: whether nothing was asked of the upstream, so that it charges nothing.
    """

    status: int
    message: str
    kind: str = "invalid_request_error"
    code: str | None = None
    retry_after: float | None = None
    close: bool = False
    unasked: bool = False

    def body(self) -> bytes:
        """The error object of the API."""
        error = {"message": self.message, "type": self.kind, "param": None, "code": self.code}
        return json.dumps({"error": error}).encode()

    def headers(self) -> list[Header]:
        """The response's headers, without its length."""
        found = [(b"content-type", b"application/json")]
        if self.retry_after is not None:
            found.append((b"retry-after", b"%d" % max(1, round(self.retry_after))))
        if self.close:
            found.append((b"connection", b"close"))
        return found
