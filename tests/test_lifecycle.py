"""The state machine of tools."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.errors import InputError
from latm.lifecycle import Event, event_between, state_after_verification, transition
from latm.types import State

STATES: tuple[State, ...] = get_args(State)
EVENTS: tuple[Event, ...] = get_args(Event)


def test_a_tool_rises_through_shadow_to_live_and_falls_back_when_its_bound_breaks() -> None:
    assert transition("candidate", "verify") == "shadow"
    assert transition("shadow", "promote") == "live"
    assert transition("live", "demote") == "shadow"


def test_a_tool_with_enough_evidence_goes_live_at_once() -> None:
    assert transition("candidate", "promote") == "live"


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_leaves_retired(event: Event) -> None:
    with pytest.raises(InputError, match="'retired': it is final"):
        transition("retired", event)


def test_an_impossible_event_names_the_possible_ones() -> None:
    with pytest.raises(
        InputError, match=r"cannot verify .* 'live': possible: demote \(to 'shadow'"
    ):
        transition("live", "verify")


@given(st.sampled_from(STATES), st.sampled_from(STATES))
def test_a_move_exists_exactly_when_an_event_makes_it(state: State, target: State) -> None:
    reachable: set[State] = set()
    for event in EVENTS:
        try:
            reachable.add(transition(state, event))
        except InputError:
            continue
    if target in reachable:
        assert transition(state, event_between(state, target)) == target
    else:
        with pytest.raises(InputError, match="cannot go from"):
            event_between(state, target)


def test_a_verified_tool_is_live_only_when_its_bound_is_met() -> None:
    assert state_after_verification(0.009, 0.01) == "live"
    assert state_after_verification(0.01, 0.01) == "live"
    assert state_after_verification(0.0101, 0.01) == "shadow"
