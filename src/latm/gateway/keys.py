"""Who asks: the headers of a request flow in, a `Tenant` or a `Refusal` flows out.

Invariants: without any key only this machine may ask, and no page that a browser shows;
keys are compared by their full SHA-256, in constant time, and never kept.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from latm.gateway.headers import one
from latm.gateway.refusal import Header, Refusal

_LONGEST_KEY = 512
_BEARER = re.compile(rb"bearer +([\x21-\x7e]+)", re.I)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A holder of a key; ``off``: no tool answers it."""

    name: str = ""
    off: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a gateway, by the SHA-256 of each, hexadecimal.

    Attributes:
        tenants: of each tenant's key.
        admin: of the administration's key.
        off: names of tenants that no tool answers.
    """

    tenants: Mapping[str, str]
    admin: str | None = None
    off: frozenset[str] = frozenset()

    def tenant(self, headers: Sequence[Header]) -> Tenant | Refusal:
        """Whose request it is."""
        if not self.tenants:
            return _foreign_page(headers) or Tenant()
        digest = _digest(headers)
        found = [name for name, known in self.tenants.items() if _same(known, digest)]
        if not found:
            return _unknown("latm gateway key")
        return Tenant(found[0], found[0] in self.off)

    def admitted_as_admin(self, headers: Sequence[Header]) -> Refusal | None:
        """None when a request may administer; without any key all of this machine may."""
        if self.admin is None and not self.tenants:
            return _foreign_page(headers)
        if self.admin is None or not _same(self.admin, _digest(headers)):
            return _unknown("latm admin key")
        return None


def new_key() -> tuple[str, str]:
    """A fresh key, and its SHA-256 for the settings."""
    key = f"latm-{secrets.token_urlsafe(32)}"
    return key, sha256(key.encode()).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine, as seen from itself."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _digest(headers: Iterable[Header]) -> str:
    """SHA-256 of the bearer key; of nothing when there is none, or more than one."""
    value = one(headers, b"authorization") or b""
    key = _BEARER.fullmatch(value) if len(value) <= _LONGEST_KEY else None
    return sha256(key[1]).hexdigest() if key else ""


def _same(known: str, digest: str) -> bool:
    return hmac.compare_digest(known, digest)


def _unknown(what: str) -> Refusal:
    return Refusal(
        401, f"no valid {what}; send it as 'Authorization: Bearer …'", code="invalid_api_key"
    )


def _foreign_page(headers: Sequence[Header]) -> Refusal | None:
    """A refusal when a web page, or a name that was bound to this machine, asks."""
    origin = one(headers, b"origin")
    named = [_hostname(b"//" + (one(headers, b"host") or b""))]
    if origin is not None or any(name == b"origin" for name, _ in headers):
        named.append(_hostname(origin or b""))
    if all(is_loopback(name) for name in named):
        return None
    return Refusal(403, "without a key only programs of this machine may ask; set LATM_SERVE_KEYS")


def _hostname(address: bytes) -> str:
    try:
        return urlsplit(address.decode("ascii")).hostname or ""
    except ValueError:
        return ""
