"""The promoter: what a judged tool's evidence is worth, and which state it starts in.

Counts of answers and the user's bound flow in, an `ErrorBound` and a `State` flow out.
Invariant: a tool goes live by itself only when the exact upper bound of its wrong-answer
rate, corrected for how many candidates looked at the same held-out cases, is under the
user's bound, and its cases notice most changes to its solver (`latm.making.mutation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from latm.lifecycle import state_after_verification
from latm.types import State, Verification

MIN_NOTICED = 0.6
"""Share of a solver's mutants that the cases must notice. With 60 cases that use every part of
it, 22 hand-written solvers of everyday classes came to 62 to 100 %; with cases that leave out
half of a table or most branches, 17 to 56 %."""

MOST_UNNOTICED = 3
"""So few unnoticed mutants never count against a tool: a change may change nothing."""

Bound = Callable[[int, int, float], float]
"""(wrong, compared, confidence) → upper bound of the wrong-answer rate."""

Needed = Callable[[float, float, int], int]
"""(max_error, confidence, wrong) → comparisons whose upper bound is under ``max_error``."""


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """The exact upper bound of a wrong-answer rate, and what it rests on.

    Attributes:
        rate: the upper bound, a share; 1.0 when nothing was compared.
        wrong, compared: cases that no author of the tool was shown; abstentions do not count.
        looks: how many candidates were judged on these cases; ``rate`` is corrected for it.
        more_cases: comparisons still missing for the user's bound, all right; 0: none.
    """

    rate: float
    wrong: int
    compared: int
    looks: int
    more_cases: int


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
    needed: Needed

    def error_bound(self, wrong: int, compared: int, looks: int = 1, tools: int = 1) -> ErrorBound:
        """Upper bound of the wrong-answer rate from the cases that were answered.

        Looking k times at the same held-out cases costs a factor k in the error
        probability (Bonferroni), and so does a statement about k tools at once.

        Args:
            tools: how many bounds are to hold together.
        """
        confidence = 1 - (1 - self.confidence) / (max(1, looks) * max(1, tools))
        rate = self.bound(wrong, compared, confidence)
        missing = self.needed(self.max_error, confidence, wrong) - compared
        return ErrorBound(rate, wrong, compared, looks, max(0, missing))

    def verified_bound(self, verification: Verification) -> ErrorBound:
        """The bound from the verifier's run alone."""
        answered = verification.held_out - verification.held_out_abstained
        return self.error_bound(
            answered - verification.held_out_passed, answered, verification.looks
        )

    def starting_state(self, verification: Verification) -> State:
        """Live when the bound is met, else shadow: named calls may use it, dispatch waits.

        A tool much of which no case has used stays in shadow, too.
        """
        if not is_exercised(verification):
            return "shadow"
        return state_after_verification(self.verified_bound(verification).rate, self.max_error)


def is_exercised(verification: Verification) -> bool:
    """Whether the cases used enough of the solver for it to go live by itself."""
    unnoticed = verification.mutants - verification.mutants_noticed
    enough = verification.mutants_noticed >= MIN_NOTICED * verification.mutants
    return enough or unnoticed <= MOST_UNNOTICED
