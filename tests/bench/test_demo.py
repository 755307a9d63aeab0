"""The demonstration's arithmetic and its picture."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path

from latm.bench.demo import ModelAsked, ask_directly, rates
from latm.bench.pictures import draw_costs
from latm.ledger import break_even
from latm.models.prices import list_price
from latm.models.scripted import ScriptedModel
from latm.types import Case, Usage


def price(usage: Usage) -> Decimal | None:
    return Decimal(2 * usage.input + 8 * usage.output) / 1_000_000


def test_tokens_become_dollars_at_the_named_list_price() -> None:
    asked = ModelAsked(questions=10, right=3, usage=Usage(1000, 0, 500), seconds=1.0)
    costs = rates(Usage(400, 0, 100), asked, price)
    assert costs.making == Decimal("0.0016")
    assert costs.without_tool == Decimal("0.0006")
    assert break_even(costs) == 3


async def test_the_model_is_asked_the_bare_questions_and_its_answers_are_judged() -> None:
    cases = [Case("One and one?", "2"), Case("Two and two?", "4")]
    model = ScriptedModel(["2", "5"])
    ticks = itertools.count()
    asked = await ask_directly(model, cases, lambda: float(next(ticks)))
    assert (asked.questions, asked.right, asked.seconds) == (2, 1, 1.0)
    assert all("2" not in r.messages[-1].content for r in model.asked)


def test_the_cost_curve_is_drawn_as_a_picture(tmp_path: Path) -> None:
    asked = ModelAsked(questions=10, right=3, usage=Usage(1000, 0, 500), seconds=1.0)
    path = draw_costs(rates(Usage(400, 0, 100), asked, price), "a list", tmp_path / "new" / "c.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_prices_come_from_the_maintained_list_and_may_be_unknown() -> None:
    usage = Usage(1000, 0, 1000)
    assert list_price("openai:gpt-4.1", usage) == Decimal("0.01")
    assert list_price("openai:no-such-model", usage) is None
