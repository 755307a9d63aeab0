"""Headers on their way: which go on to the upstream, and which come back to the client.

Raw headers flow in, filtered ones flow out in their order. Invariant: what belongs to one
connection stays there, and a credential of ours never meets one of the client's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from latm.gateway.refusal import Header, Refusal

OURS = b"x-latm"
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
# The client of the upstream writes these itself.
_REWRITTEN = frozenset([b"host", b"content-length", b"expect"])
_CREDENTIALS = frozenset([b"authorization", b"api-key", b"x-api-key", b"cookie"])


def one(headers: Iterable[Header], name: bytes) -> bytes | None:
    """The value of a header that stands there once; None when absent or given twice."""
    found = [value for key, value in headers if key == name]
    return found[0] if len(found) == 1 else None


def to_upstream(
    headers: Sequence[Header], key: str | None, *, keep_credentials: bool
) -> list[tuple[str, str]] | Refusal:
    """The headers of a request as they go on.

    Args:
        headers: names in lower case.
        key: of the upstream; replaces what the client sent.
        keep_credentials: whether the client's credentials are meant for the upstream.
    """
    dropped = _named_in_connection(headers) | _HOP_BY_HOP | _REWRITTEN
    if key is not None or not keep_credentials:
        dropped |= _CREDENTIALS
    try:
        passed = [
            (name.decode("ascii"), value.decode("utf-8"))
            for name, value in headers
            if name not in dropped and not name.startswith(OURS)
        ]
    except UnicodeDecodeError:
        return Refusal(400, "a header is not UTF-8; send header values as ASCII")
    if key is not None:
        passed.append(("authorization", f"Bearer {key}"))
    return passed


def to_client(headers: Iterable[Header]) -> list[Header]:
    """The headers of an upstream's answer as they come back."""
    lowered = [(name.lower(), value) for name, value in headers]
    dropped = _named_in_connection(lowered) | _HOP_BY_HOP
    return [
        (name, value)
        for name, value in lowered
        if name not in dropped and not name.startswith(OURS)
    ]


def _named_in_connection(headers: Iterable[Header]) -> frozenset[bytes]:
    return frozenset(
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    )
