"""The sampler: which answers of a live tool are audited.

A request's id and what is known of the tool flow in, yes or no flows out. Invariants: pure
and seeded, so the same request is always treated alike; the rate falls as audits
come out right, never under its floor, and is full again after a wrong answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from latm.identity import digest

ALL = 10
"""Audits that are made of every answer before the rate falls."""

_FRACTION_DIGITS = 13
"""Hexadecimal digits of a hash that a float holds exactly."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """The sample of one installation.

    Attributes:
        floor: least share of answers that is audited, however many audits there were.
    """

    floor: float
    seed: int

    def wants(self, request_id: str, audits: int) -> bool:
        """Whether the answer to a request is audited.

        Args:
            audits: since the tool went live or was last wrong.
        """
        fraction = int(digest(f"{self.seed}:{request_id}")[:_FRACTION_DIGITS], 16)
        return fraction < self.rate(audits) * 16**_FRACTION_DIGITS

    def rate(self, audits: int) -> float:
        """The share of answers to audit.

        After t answers about √(2 · `ALL` · t) were audited: 140 of the first 1,000.
        """
        return max(self.floor, ALL / max(ALL, audits))
