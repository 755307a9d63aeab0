"""The sampler: which answers of a live tool are audited.

A request's id and what is known of the tool flow in, yes or no flows out. Invariants: pure
and seeded, so the same request is always treated alike; the rate falls as audits
come out right, never under its floor, and is full again after a wrong answer.
"""

from __future__ import annotations

from latm.identity import digest

ALL = 10
"""Audits that are made of every answer before the rate falls."""

_FRACTION_DIGITS = 13
"""Hexadecimal digits of a hash that a float holds exactly."""


def rate(audits: int, floor: float) -> float:
    """The share of answers to audit.

    After t answers about √(2 · `ALL` · t) were audited: 140 of the first 1,000.

    Args:
        audits: since the tool went live or was last wrong.
        floor: least share, however many audits there were.
    """
    return max(floor, ALL / max(ALL, audits))


def chosen(request_id: str, share: float, seed: int) -> bool:
    """Whether a request is in the sample."""
    fraction = int(digest(f"{seed}:{request_id}")[:_FRACTION_DIGITS], 16) / 16**_FRACTION_DIGITS
    return fraction < share
