"""The promoter: which state a judged tool starts in.

A verification and the user's bound flow in, a `State` flows out. Invariant: a tool goes
live by itself only when the exact upper bound of its wrong-answer rate, corrected for how
many candidates looked at the same held-out cases, is under the user's bound.
"""

from __future__ import annotations

from collections.abc import Callable

from latm.types import State, Verification

Bound = Callable[[int, int, float], float]
"""(wrong, cases, confidence) → upper bound of the wrong-answer rate."""


def error_upper_bound(verification: Verification, confidence: float, bound: Bound) -> float:
    """Upper bound of the wrong-answer rate at a confidence, from held-out cases answered.

    Looking k times at the same held-out cases costs a factor k in the error probability
    (Bonferroni).
    """
    answered = verification.held_out - verification.held_out_abstained
    wrong = answered - verification.held_out_passed
    corrected = 1 - (1 - confidence) / max(1, verification.looks)
    return bound(wrong, answered, corrected) if answered else 1.0


def starting_state(upper_bound: float, max_error: float) -> State:
    """Live when the bound is met, else shadow: named calls may use it, dispatch waits."""
    return "live" if upper_bound <= max_error else "shadow"
