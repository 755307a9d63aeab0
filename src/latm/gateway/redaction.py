"""Redaction: texts flow in, whether they hold what must not be kept flows out.

Invariant: a text is kept as it is or not at all; a case with a hole in it would teach a
wrong answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from latm.settings.fields import RedactionName

_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.]\d)")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PHONE = re.compile(r"(?<!\w)(?:\+\d{1,3}[ .-]?)(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}(?!\w)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_SECRET = re.compile(
    r"""
      \b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{16,}   # keys of APIs
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,} | \bglpat-[\w-]{20,}
    | \bxox[abeprs]-[\w-]{10,} | \bhf_[A-Za-z0-9]{20,} | \bAIza[\w-]{30,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
    | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                         # tokens (JWT)
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY
    | \bBearer\ [\w.~+/-]{20,}
    | (?i:\b(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?token)\b
        ["']?\s*[:=]\s*["']?[^\s"']{6,})
    | \b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@                 # passwords in addresses
    """,
    re.VERBOSE,
)


def _has(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


def _has_card(text: str) -> bool:
    return any(_luhn(re.sub(r"\D", "", found[0])) for found in _CARD.finditer(text))


def _luhn(digits: str) -> bool:
    doubled = (int(d) * (1 + n % 2) for n, d in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


_FINDERS: Mapping[RedactionName, Callable[[str], bool]] = {
    "card": _has_card,
    "email": _has(_EMAIL),
    "iban": _has(_IBAN),
    "phone": _has(_PHONE),
    "secret": _has(_SECRET),
}


@dataclass(frozen=True, slots=True)
class Redaction:
    """What must not be kept, by the names of the setting ``redact``."""

    names: Sequence[RedactionName] = ()

    def withholds(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts holds something that must not be kept."""
        finders = [_FINDERS[name] for name in self.names]
        return any(finder(text) for text in texts for finder in finders)
