"""The rules of trust: a version's standing flows in, the move it deserves flows out.

Invariants: pure; a tool goes live only at a planned look at its error bound, and only a
confirmed wrong answer takes a live tool's place away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from latm.monitor.bound import cases_needed, upper_bound
from latm.monitor.drift import Drift, drifted
from latm.monitor.looks import newest_look
from latm.monitor.merits import Merits, mark_of, merits_of
from latm.store import Move, OnRecord, Standing
from latm.types import Json, Verification

_TWICE = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """The user's bound, and how it is kept.

    Attributes:
        max_error: greatest wrong-answer rate of a live tool, a share.
        confidence: at which it must hold, a share.
        is_exercised: whether the held-out cases used enough of a solver to count.
    """

    max_error: float
    confidence: float
    is_exercised: Callable[[Verification], bool]

    def promotion(self, standing: Standing) -> Move | None:
        """Let a shadow tool answer, when the bound is met at the look that is due.

        Each demotion halves the doubt that the next stay in shadow may spend.
        """
        if standing.item.state != "shadow":
            return None
        merits = self._merits(standing)
        doubt = self._doubt(standing) / 2**merits.demotions
        look = newest_look(merits.marks, self.max_error, doubt)
        if look is None or look.rate > self.max_error:
            return None
        evidence: dict[str, Json] = {
            **self._stated("bound met"),
            "look": look.number,
            "wrong": look.wrong,
            "compared": look.compared,
            "error_upper_bound": look.rate,
            "at_confidence": look.confidence,
        }
        reason = (
            f"the bound is met: at most {look.rate:.2%} wrong, from {look.wrong} of {look.compared}"
        )
        return Move(standing.item.version, "live", reason, evidence)

    def demotion(self, standing: Standing) -> Move | None:
        """Take a live tool's place, when its record or its recent answers break the bound.

        To be asked after a confirmed wrong answer: without one nothing breaks a bound, and a
        tool that an operator let answer keeps its place until then.
        """
        if standing.item.state != "live":
            return None
        merits = self._merits(standing)
        confidence = 1 - self._doubt(standing)
        rate = upper_bound(merits.wrong, merits.settled, confidence)
        if merits.wrong and rate > self.max_error:
            evidence: dict[str, Json] = {
                **self._stated("bound broken"),
                "wrong": merits.wrong,
                "compared": merits.settled,
                "error_upper_bound": rate,
                "at_confidence": confidence,
            }
            of = f"{merits.wrong} of {merits.settled}"
            reason = f"the bound is broken: {of} wrong, so up to {rate:.2%}"
            return Move(standing.item.version, "shadow", reason, evidence)
        return self._drift(standing, merits)

    def repetition(self, standing: Standing, case_digest: str) -> Move | None:
        """Take a live tool's place that is asked again what it answers wrongly.

        To be asked when the second time is on record.
        """
        since = merits_of(standing).since_live
        times = sum(one.case_digest == case_digest and one.outcome == "wrong" for one in since)
        if times < _TWICE:
            return None
        evidence: dict[str, Json] = {**self._stated("wrong again"), "case": case_digest}
        reason = "it was asked again a question that it answers wrongly"
        return Move(standing.item.version, "shadow", reason, evidence)

    def _drift(self, standing: Standing, merits: Merits) -> Move | None:
        wrong = {one.case_digest for one in merits.since_live if one.outcome == "wrong"}
        recent = [one.case_digest in wrong for one in _once(merits.since_live)]
        window = cases_needed(self.max_error, self.confidence)
        found = drifted(recent, self.max_error, window=window, confidence=self.confidence)
        if found is None:
            return None
        reason = f"the recent answers break the bound: {_told(found)}"
        evidence: dict[str, Json] = {
            **self._stated("drift"),
            "wrong": found.wrong,
            "compared": found.compared,
            "error_lower_bound": found.rate,
        }
        return Move(standing.item.version, "shadow", reason, evidence)

    def _merits(self, standing: Standing) -> Merits:
        verification = standing.item.tool.verification
        return merits_of(standing, held_out=self.is_exercised(verification))

    def _doubt(self, standing: Standing) -> float:
        """Less for a tool that is one of several that were judged on its held-out cases."""
        return (1 - self.confidence) / max(1, standing.item.tool.verification.looks)

    def _stated(self, rule: str) -> dict[str, Json]:
        return {"rule": rule, "max_error": self.max_error, "confidence": self.confidence}


def known_wrong(standing: Standing) -> frozenset[str]:
    """Digests of the questions that a live tool was found wrong on since it went live."""
    since = merits_of(standing).since_live
    return frozenset(one.case_digest for one in since if one.outcome == "wrong")


def audits(standing: Standing) -> int:
    """Audits since the tool went live or was last wrong: what the sample's rate follows."""
    count = 0
    for one in reversed(merits_of(standing).since_live):
        if one.outcome == "wrong":
            break
        count += one.source == "audit"
    return count


def _once(records: tuple[OnRecord, ...]) -> list[OnRecord]:
    """Questions that were answered, each where it came last."""
    last = {one.case_digest: n for n, one in enumerate(records) if mark_of(one) is not None}
    return [records[n] for n in sorted(last.values())]


def _told(found: Drift) -> str:
    return f"{found.wrong} of the last {found.compared} wrong"
