"""The promoter: what a judged tool's evidence is worth, and which state it starts in.

A verification and the user's bound flow in, an upper bound and a `State` flow out.
Invariant: a tool goes live by itself only when the exact upper bound of its wrong-answer
rate, corrected for how many candidates looked at the same held-out cases, is under the
user's bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from latm.lifecycle import state_after_verification
from latm.types import State, Verification

Bound = Callable[[int, int, float], float]
"""(wrong, compared, confidence) → upper bound of the wrong-answer rate."""


@dataclass(frozen=True, slots=True)
class Promoter:
    """The user's bound, and the statistics it is judged by (`latm.monitor.bound`).

    Attributes:
        max_error: greatest wrong-answer rate of a live tool, a share.
        confidence: at which it must hold, a share.
    """

    max_error: float
    confidence: float
    bound: Bound

    def error_upper_bound(self, verification: Verification) -> float:
        """Upper bound of the wrong-answer rate from the held-out cases that were answered.

        Looking k times at the same held-out cases costs a factor k in the error
        probability (Bonferroni).
        """
        answered = verification.held_out - verification.held_out_abstained
        wrong = answered - verification.held_out_passed
        corrected = 1 - (1 - self.confidence) / max(1, verification.looks)
        return self.bound(wrong, answered, corrected) if answered else 1.0

    def starting_state(self, verification: Verification) -> State:
        """Live when the bound is met, else shadow: named calls may use it, dispatch waits."""
        return state_after_verification(self.error_upper_bound(verification), self.max_error)
