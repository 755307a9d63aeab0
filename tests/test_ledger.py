"""Money adds up to the last digit, and unknown prices stay unknown."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.ledger import (
    Account,
    CurvePoint,
    Ledger,
    Rates,
    accounts,
    break_even,
    cents,
    cost_curve,
    dollars,
    grouped,
    per_request,
    total,
)
from latm.store import Money, Store, UsageGroup, UsageRow, UsageSum
from latm.types import Purpose, Usage

AMOUNTS = st.decimals(0, 1000, places=12)
ROWS = st.builds(
    UsageRow,
    purpose=st.sampled_from(["making", "using", "shadow", "audit", "benchmark"]),
    name=st.sampled_from([None, "a", "b"]),
    usage=st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
    cost_usd=st.none() | AMOUNTS,
    avoided_usd=st.none() | AMOUNTS,
)


def usd(text: str) -> Decimal:
    return Decimal(text)


# --- sums ------------------------------------------------------------------------------------


@given(st.lists(ROWS, max_size=30), st.data())
def test_a_sum_does_not_hang_on_order_or_grouping(
    rows: list[UsageRow], data: st.DataObject
) -> None:
    shuffled = list(rows)
    data.draw(st.randoms(use_true_random=False)).shuffle(shuffled)
    cut = data.draw(st.integers(0, len(rows)))
    whole = total(rows)
    assert total([total(shuffled[:cut]), *shuffled[cut:]]) == whole
    assert total(grouped(shuffled, lambda row: (row.name, row.purpose)).values()) == whole


@given(st.lists(ROWS, max_size=30))
def test_a_sum_is_known_exactly_when_every_amount_is(rows: list[UsageRow]) -> None:
    cost = total(rows).cost
    amounts = [row.cost_usd for row in rows]
    known = [amount for amount in amounts if amount is not None]
    assert cost.unknown == len(amounts) - len(known)
    assert cost.known == sum(known, Decimal(0))
    assert (cost.usd is None) == (len(known) < len(amounts))


async def test_the_database_adds_up_as_memory_does() -> None:
    random = Random(1)
    rows = [
        UsageRow(
            purpose="using",
            name=random.choice(["a", "b", None]),
            usage=Usage(random.randrange(1000), 1, 2),
            cost_usd=random.choice([None, Decimal(random.randrange(10**12)).scaleb(-12)]),
            avoided_usd=Decimal(random.randrange(10**14)).scaleb(-12),
        )
        for _ in range(500)
    ]
    async with await Store.open(":memory:") as store:
        for start in range(0, 500, 70):
            await store.usage.append(rows[start : start + 70])
        by_name = await store.usage.sums(["name"])
        assert by_name == {(k,): v for k, v in grouped(rows, lambda row: row.name).items()}
        assert await store.usage.total() == total(rows)


# --- the ledger ------------------------------------------------------------------------------


def test_money_is_told_apart_by_what_it_was_for() -> None:
    sums: dict[Purpose, UsageSum] = {
        "making": UsageSum(1, cost=Money(usd("0.30"))),
        "using": UsageSum(9, cost=Money(usd("0.05")), avoided=Money(usd("1.00"))),
        "shadow": UsageSum(2, cost=Money(usd("0.01"))),
        "audit": UsageSum(2, cost=Money(usd("0.02")), avoided=Money(usd("0.07"))),
        "benchmark": UsageSum(9, cost=Money(usd("100")), avoided=Money(usd("100"))),
    }
    ledger = Ledger.of(sums)
    assert ledger.making.usd == usd("0.30")
    assert (ledger.shadow.usd, ledger.audit.usd) == (usd("0.01"), usd("0.02"))
    assert ledger.spent.usd == usd("0.38")
    assert ledger.avoided.usd == usd("1.07")
    assert ledger.saved_usd == usd("0.69")
    assert Ledger.of({}) == Ledger()


# --- accounts --------------------------------------------------------------------------------

GROUPED = st.builds(
    UsageRow,
    purpose=st.sampled_from(["making", "using", "shadow", "audit", "benchmark"]),
    rung=st.sampled_from([None, "exact", "tool", "user", "upstream"]),
    name=st.sampled_from([None, "a", "b"]),
    tenant=st.sampled_from([None, "x", "y"]),
    cost_usd=st.none() | AMOUNTS,
    avoided_usd=st.none() | AMOUNTS,
)


@given(st.lists(GROUPED, max_size=30))
def test_accounts_of_any_kind_add_up_to_the_whole(rows: list[UsageRow]) -> None:
    sums = grouped(rows, UsageGroup.of)
    whole = Account.of(sums.items())
    kinds: list[Callable[[UsageGroup], str | None]] = [
        lambda group: group.name,
        lambda group: group.tenant,
        lambda group: group.rung,
    ]
    for kind in kinds:
        parts = accounts(sums, kind).values()
        assert sum((part.money.spent for part in parts), Money()) == whole.money.spent
        assert sum((part.money.avoided for part in parts), Money()) == whole.money.avoided
        assert total(part.answered for part in parts) == whole.answered
        assert total(part.served for part in parts) == whole.served
    assert whole.money.spent.unknown == sum(
        row.cost_usd is None and row.purpose != "benchmark" for row in rows
    )


async def test_sums_are_the_same_after_a_restart_and_read_bit_by_bit(tmp_path: Path) -> None:
    random = Random(2)
    path = tmp_path / "latm.db"
    rows: list[UsageRow] = []
    seen: dict[UsageGroup, UsageSum] = {}
    last = 0
    for _ in range(5):
        batch = [
            UsageRow(
                random.choice(["using", "making"]),
                rung=random.choice(["tool", "upstream"]),
                name=random.choice(["a", None]),
                tenant=random.choice(["x", None]),
                cost_usd=random.choice([None, Decimal(random.randrange(10**12)).scaleb(-12)]),
                avoided_usd=Decimal(random.randrange(10**12)).scaleb(-12),
            )
            for _ in range(40)
        ]
        rows += batch
        async with await Store.open(path) as store:
            await store.usage.append(batch)
            news = await store.usage.news(last, since="2026")
            assert (await store.usage.news(news.last, since="2026")).sums == {}
        last = news.last
        for group, summed in news.sums.items():
            seen[group] = seen.get(group, UsageSum()) + summed
    async with await Store.open(path) as store:
        assert (await store.usage.news(0, since="2026")).sums == seen
    assert seen == grouped(rows, UsageGroup.of)


async def test_what_is_of_today_is_added_up_apart(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "latm.db") as store:
        times = ["2026-01-01T23:59:59.999999+00:00", "2026-01-02T00:00:00.000000+00:00"]
        await store.usage.append([UsageRow("using", tenant="x", at=at) for at in times])
        news = await store.usage.news(0, since="2026-01-02")
    group = UsageGroup("using", tenant="x")
    assert (news.sums[group].rows, news.since[group].rows) == (2, 1)


def served(rows: int, cost: str, avoided: str) -> tuple[UsageGroup, UsageSum]:
    money = (Money(usd(cost)), Money(usd(avoided)))
    return UsageGroup("using", "tool", "a"), UsageSum(rows, Usage(), *money)


def paid(purpose: Purpose, cost: str) -> tuple[UsageGroup, UsageSum]:
    return UsageGroup(purpose, None, "a"), UsageSum(1, Usage(), Money(usd(cost)))


@pytest.mark.parametrize(
    ("sums", "after"),
    [
        ([served(10, "0", "0.10"), paid("making", "0.05")], 5),
        ([served(10, "0", "0.10"), paid("making", "0.05"), paid("shadow", "0.05")], 10),
        ([served(10, "0", "0.10"), paid("making", "0.05"), paid("audit", "0.05")], 10),
        ([served(10, "0.10", "0.10"), paid("making", "0.05")], "never"),
        ([paid("making", "0.05")], "unknown"),
        ([served(10, "0", "0.10"), (UsageGroup("making"), UsageSum(1, cost=Money(unknown=1)))],
         "unknown"),
    ],
)  # fmt: skip
def test_a_tool_breaks_even_when_making_and_shadow_are_repaid(
    sums: list[tuple[UsageGroup, UsageSum]], after: int | str
) -> None:
    assert Account.of(sums).break_even == after


def test_what_the_upstream_answered_is_not_served() -> None:
    upstream = (UsageGroup("using", "upstream"), UsageSum(4, cost=Money(usd("1"))))
    account = Account.of([served(3, "0", "0.3"), upstream])
    assert (account.answered.rows, account.served.rows) == (7, 3)
    assert account.money.spent.usd == usd("1")


@pytest.mark.parametrize("part", ["using", "making", "shadow", "audit", "avoided"])
def test_what_is_saved_is_unknown_when_a_part_is(part: str) -> None:
    assert Ledger(**{part: Money(usd("1"), unknown=1)}).saved_usd is None


def test_the_mean_cost_of_a_request_is_unknown_without_requests() -> None:
    summed = UsageSum(4, cost=Money(usd("0.02")))
    assert per_request(summed, summed.cost) == usd("0.005")
    assert per_request(summed, Money(usd("1"), unknown=1)) is None
    assert per_request(UsageSum(), Money()) is None


# --- break-even ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("making", "with_tool", "without_tool", "expected"),
    [
        ("0.10", "0", "0.01", 10),
        ("0.101", "0", "0.01", 11),
        ("0.10", "0.004", "0.01", 17),
        ("0", "0", "0.01", 0),
        ("0", "0", "0", 0),
        ("0.10", "0", "0", "never"),
        ("0.10", "0.02", "0.01", "never"),
        ("0", "0.02", "0.01", "never"),
        (None, "0", "0.01", "unknown"),
        ("0.10", None, "0.01", "unknown"),
        ("0.10", "0", None, "unknown"),
    ],
)
def test_a_tool_breaks_even_when_it_has_repaid_its_making(
    making: str | None, with_tool: str | None, without_tool: str | None, expected: int | str
) -> None:
    rates = Rates(*(None if a is None else Decimal(a) for a in (making, with_tool, without_tool)))
    assert break_even(rates) == expected


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_at_break_even_the_curves_cross(
    making: Decimal, with_tool: Decimal, without_tool: Decimal
) -> None:
    rates = Rates(making, with_tool, without_tool)
    least = break_even(rates)
    if not isinstance(least, int):
        assert least == "never"
        (far,) = cost_curve(rates, [10**9])
        assert far.with_tool is not None
        assert far.without_tool is not None
        assert far.with_tool > far.without_tool
        return
    before, at = cost_curve(rates, [least - 1, least])
    assert at.with_tool is not None
    assert at.without_tool is not None
    assert at.with_tool <= at.without_tool
    if least > 0:
        assert before.with_tool is not None
        assert before.without_tool is not None
        assert before.with_tool > before.without_tool


def test_the_cost_curve_starts_with_the_making_cost_and_unknown_stays_unknown() -> None:
    rates = Rates(usd("0.10"), usd("0.001"), None)
    assert cost_curve(rates, [0, 100]) == (
        CurvePoint(0, usd("0.10"), None),
        CurvePoint(100, usd("0.20"), None),
    )


# --- for people ------------------------------------------------------------------------------


def test_amounts_are_rounded_to_the_cent_half_to_even() -> None:
    assert cents(usd("0.125")) == usd("0.12")
    assert cents(usd("0.135")) == usd("0.14")
    assert cents(None) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"),
        (usd("0"), "$0.00"),
        (usd("1234.567"), "$1,234.57"),
        (usd("0.01"), "$0.01"),
        (usd("0.0012345"), "$0.0013"),
        (usd("0.000000000001"), "$0.0000000000010"),
        (usd("-0.002"), "-$0.0020"),
        (usd("-3"), "-$3.00"),
    ],
)
def test_amounts_are_shown_so_that_little_is_not_nothing(amount: Decimal | None, text: str) -> None:
    assert dollars(amount) == text
