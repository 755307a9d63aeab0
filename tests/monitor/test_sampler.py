"""Which answers of live tools are audited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from latm.monitor.sampler import ALL, Sampler

SAMPLER = Sampler(floor=0.02, seed=7)


@given(st.text(), st.integers(0, 10_000))
def test_the_same_request_is_always_treated_alike(request_id: str, audits: int) -> None:
    assert SAMPLER.wants(request_id, audits) == SAMPLER.wants(request_id, audits)


@given(st.integers(0, 10**6))
def test_the_rate_falls_with_every_audit_but_not_under_its_floor(audits: int) -> None:
    assert SAMPLER.rate(audits) >= SAMPLER.rate(audits + 1) >= 0.02


def test_the_first_answers_of_a_live_tool_are_all_audited() -> None:
    assert all(SAMPLER.wants(f"request-{n}", ALL) for n in range(1000))


def test_a_long_record_is_audited_at_the_floor() -> None:
    audited = sum(SAMPLER.wants(f"request-{n}", 10_000) for n in range(20_000))
    assert 300 < audited < 500


def test_after_a_thousand_answers_about_a_seventh_was_audited() -> None:
    audits = 0
    for n in range(1000):
        audits += SAMPLER.wants(f"request-{n}", audits)
    assert 100 < audits < 180


def test_another_seed_takes_another_sample() -> None:
    other = Sampler(floor=0.02, seed=8)
    ids = [f"request-{n}" for n in range(1000)]
    assert [SAMPLER.wants(i, 100) for i in ids] != [other.wants(i, 100) for i in ids]
