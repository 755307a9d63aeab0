"""Whether a class is worth a making."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from latm.making.demand import (
    DAY,
    Effort,
    Refused,
    Terms,
    Traffic,
    cases_needed,
    expected,
    forecast,
)

TERMS = Terms(cases=40, seconds=30 * DAY)
BUSY = Traffic("c", cases=40, requests=100, seconds=DAY, tokens=Decimal(200), usd=Decimal("0.001"))
CHEAP = Effort(Decimal(6000), Decimal("0.05"))
NEVER = Refused()


def test_a_class_that_saves_more_than_its_making_costs_is_worth_it() -> None:
    weighed = forecast(BUSY, CHEAP, NEVER, TERMS)
    assert weighed.worth
    assert (weighed.saving, weighed.cost, weighed.unit) == (Decimal(3), Decimal("0.05"), "usd")
    assert not forecast(BUSY, Effort(Decimal(1), Decimal(3)), NEVER, TERMS).worth


def test_a_class_with_too_few_cases_is_not_worth_it_however_busy() -> None:
    weighed = forecast(replace(BUSY, cases=39, requests=10**9), CHEAP, NEVER, TERMS)
    assert not weighed.worth
    assert "39 of 40 cases" in weighed.reason


def test_where_a_price_is_unknown_tokens_are_compared_with_tokens() -> None:
    for traffic, effort in ((replace(BUSY, usd=None), CHEAP), (BUSY, Effort(Decimal(6000)))):
        weighed = forecast(traffic, effort, NEVER, TERMS)
        assert (weighed.unit, weighed.saving, weighed.cost) == ("tokens", 600_000, 6000)
        assert weighed.worth
    rare = replace(BUSY, usd=None, requests=1)
    assert not forecast(rare, CHEAP, NEVER, TERMS).worth


def test_a_maker_that_costs_nothing_is_worth_it_for_any_saving_but_none() -> None:
    free = Effort(Decimal(6000), Decimal(0))
    assert forecast(replace(BUSY, requests=1), free, NEVER, TERMS).worth
    assert not forecast(replace(BUSY, usd=Decimal(0)), free, NEVER, TERMS).worth


def test_a_burst_is_not_taken_for_a_months_rate_and_a_class_gone_quiet_loses_its_worth() -> None:
    burst = forecast(replace(BUSY, seconds=60), CHEAP, NEVER, TERMS)
    assert burst.saving == forecast(BUSY, CHEAP, NEVER, TERMS).saving
    assert not forecast(replace(BUSY, seconds=365 * DAY), CHEAP, NEVER, TERMS).worth


def test_each_refusal_doubles_the_new_cases_that_another_try_needs() -> None:
    needed = [cases_needed(Refused(times, 100 if times else 0), 40) for times in range(5)]
    assert needed == [40, 140, 180, 260, 420]
    refused = Refused(2, 100)
    assert not forecast(replace(BUSY, cases=179), CHEAP, refused, TERMS).worth
    assert forecast(replace(BUSY, cases=180), CHEAP, refused, TERMS).worth


def test_a_tool_is_expected_to_cost_what_all_makings_cost_for_each_tool() -> None:
    whole = Effort(Decimal(6000))
    assert expected([], 0, whole) == whole
    spent = [Effort(Decimal(1000), Decimal("0.01"))] * 4
    assert expected(spent, 4, whole).tokens == 2000
    assert expected(spent, 4, whole).usd == Decimal("0.01")
    assert expected(spent, 1, whole).tokens == 5000, "makings without a tool are paid, too"
    assert expected([*spent, Effort(Decimal(10))], 4, whole).usd is None
    assert expected(spent, 0, whole).usd is None
    assert expected(spent, 3, Effort(Decimal(0), Decimal("0.04"))).usd == Decimal("0.02")


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.floats(0, 1e9),
    st.integers(0, 40),
)
def test_more_cases_or_more_requests_never_make_a_class_less_worth(
    cases: int, requests: int, seconds: float, times: int
) -> None:
    traffic = replace(BUSY, cases=cases, requests=requests, seconds=seconds)
    more = replace(traffic, cases=cases + 1, requests=requests + 1)
    refused = Refused(times, 40 * times)
    now = forecast(traffic, CHEAP, refused, TERMS)
    assert forecast(more, CHEAP, refused, TERMS).worth or not now.worth
    assert now.worth == (cases >= cases_needed(refused, TERMS.cases) and now.saving > now.cost)
