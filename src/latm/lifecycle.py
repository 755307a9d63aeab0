"""The states of a tool and the only moves between them.

A state and an event flow in, the next state flows out. Invariant: pure, total over
`State` × `Event`, and nothing leaves ``retired``: a retired tool only stays on record.

```
candidate ──verify──▶ shadow ──promote──▶ live
    │  └────────promote────────────────▶  │ │
    │                    ◀──────demote────┘ │
    └──────retire────▶ retired ◀───retire───┘   (and from shadow)
```
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, TypeAlias

from latm.errors import InputError
from latm.types import State

Event: TypeAlias = Literal["verify", "promote", "demote", "retire"]
"""verify: passed its held-out cases · promote: bound met or approved by hand ·
demote: bound broken · retire: superseded or withdrawn."""

_MOVES: MappingProxyType[tuple[State, Event], State] = MappingProxyType(
    {
        ("candidate", "verify"): "shadow",
        ("candidate", "promote"): "live",
        ("candidate", "retire"): "retired",
        ("shadow", "promote"): "live",
        ("shadow", "retire"): "retired",
        ("live", "demote"): "shadow",
        ("live", "retire"): "retired",
    }
)


def transition(state: State, event: Event) -> State:
    """The state after an event.

    Raises:
        InputError: the event is not possible in this state; names what is.
    """
    after = _MOVES.get((state, event))
    if after is None:
        raise InputError(f"cannot {event} a tool in state {state!r}: {_possible(state)}")
    return after


def event_between(state: State, target: State) -> Event:
    """The event that leads from one state to another.

    Raises:
        InputError: no event does; names the states that can be reached.
    """
    for (before, event), after in _MOVES.items():
        if before == state and after == target:
            return event
    raise InputError(f"a tool cannot go from {state!r} to {target!r}: {_possible(state)}")


def state_after_verification(error_upper_bound: float, max_error: float) -> State:
    """Where a freshly verified tool starts.

    Parameters:
        error_upper_bound: exact upper bound on its wrong-answer rate (`latm.monitor.bound`).
        max_error: the bound that the user set; both are shares from 0 to 1.
    """
    return "live" if error_upper_bound <= max_error else "shadow"


def _possible(state: State) -> str:
    moves = [
        f"{event} (to {after!r})" for (before, event), after in _MOVES.items() if before == state
    ]
    return f"possible: {', '.join(moves)}" if moves else "it is final, make the tool again"
