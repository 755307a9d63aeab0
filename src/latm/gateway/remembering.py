"""Remembering: upstream's answers flow in, those that may be repeated go to the exact rung.

Invariant: only a sound answer that ended by itself and that its client has in full is kept,
and nothing of who opted out.
"""

from __future__ import annotations

from dataclasses import dataclass

from latm.gateway.observing import Observed, Observer, heard
from latm.using.exact import MOST_EACH, Exact
from latm.using.gate import Asked

# A stream says each word in an event of its own; longer bodies are not read for a short text.
_MOST_BODY = 64 * MOST_EACH


@dataclass(frozen=True, slots=True)
class Remembering:
    """An observer before another one."""

    exact: Exact
    then: Observer | None = None

    def observe(self, seen: Observed) -> None:
        asked = seen.asked
        if isinstance(asked, Asked) and asked.steering is not None and _may_be_kept(seen):
            said = heard(seen)
            if said is not None and said.finish == "stop":
                self.exact.keep(asked, said.text, said.usage)
        if self.then is not None:
            self.then.observe(seen)


def _may_be_kept(seen: Observed) -> bool:
    return seen.served is None and not seen.opted_out and len(seen.body) <= _MOST_BODY


def remembering(exact: Exact, then: Observer | None) -> Observer | None:
    """The observer to tell: the exact rung as well, where it is on."""
    return Remembering(exact, then) if exact.on else then
