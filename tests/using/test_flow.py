"""A question climbs the rungs until one answers, and the receipt says how it went."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from latm.errors import ModelUnavailableError, UnknownNameError
from latm.identity import version_of
from latm.models import Model
from latm.models.local import LocalModel
from latm.types import ChatRequest, Message, RungName, Tool, Usage
from latm.using.dispatcher import Dispatcher
from latm.using.flow import Flow
from latm.using.upstream import MAX_TOKENS

from .building import REVERSE, SORT, FakeModel, FakeSandbox, executor, tool

QUESTION = "Sort the words: pear apple"
OTHER_WORDING = "Bring into order: pear apple"
ARGUMENTS = '{"words": ["pear", "apple"]}'
LADDER: tuple[RungName, ...] = ("tool", "user", "upstream")


def flow(
    *tools: Tool,
    user: Model | None = None,
    upstream: Model | None = None,
    sandbox: FakeSandbox | None = None,
) -> Flow:
    return Flow(Dispatcher(tools or (tool(),)), executor(sandbox or FakeSandbox()), user, upstream)


# --- the tool rung ---------------------------------------------------------------------


async def test_the_tool_answers_at_no_tokens_and_no_cost() -> None:
    answer = await flow(upstream=FakeModel()).answer(QUESTION)
    receipt = answer.receipt
    assert answer.text == "apple pear"
    assert (receipt.rung, receipt.tool, receipt.version) == ("tool", "sorting", version_of(tool()))
    assert (receipt.usage, receipt.cost_usd) == (Usage(), Decimal(0))
    assert receipt.avoided_usd is None
    assert receipt.why == "tool: the template matches"


async def test_a_named_class_is_served_by_the_shape_that_matches() -> None:
    other = tool(shape=1, template=REVERSE, entry="reversed")
    answer = await flow(tool(), other).answer("Reverse the words: b c a please", name="sorting")
    assert answer.text == "a c b"
    assert answer.receipt.version == version_of(other)


async def test_an_unknown_class_is_an_error_of_the_caller() -> None:
    with pytest.raises(UnknownNameError, match="'nope'"):
        await flow().answer(QUESTION, name="nope")


async def test_a_miss_costs_a_lookup_and_goes_to_the_upstream() -> None:
    sandbox, user, upstream = FakeSandbox(), FakeModel(), FakeModel("Paris", name="fake:strong")
    asked = flow(sandbox=sandbox, user=user, upstream=upstream)
    answer = await asked.answer("What is the capital of France?")
    assert (answer.text, answer.receipt.rung, answer.receipt.tool) == ("Paris", "upstream", None)
    assert (sandbox.calls, user.requests) == (0, [])
    assert answer.receipt.why == (
        "tool: no template matches; user: no template matches; upstream: fake:strong answered"
    )


async def test_the_upstream_gets_the_bare_question_and_nothing_else() -> None:
    upstream = FakeModel("Paris")
    await flow(upstream=upstream).answer("What is  the capital?\n")
    assert upstream.requests == [
        ChatRequest((Message("user", "What is  the capital?\n"),), max_tokens=MAX_TOKENS)
    ]


@pytest.mark.parametrize("entry", ["nothing", "broken", "unavailable"])
async def test_a_tool_that_abstains_fails_or_has_no_sandbox_passes_the_question_on(
    entry: str,
) -> None:
    answer = await flow(tool(entry=entry), upstream=FakeModel("apple pear")).answer(QUESTION)
    assert (answer.text, answer.receipt.rung) == ("apple pear", "upstream")
    reasons = {
        "nothing": "tool: the tool returned None",
        "broken": "tool: raised: ValueError: no",
        "unavailable": "tool: monty is broken here",
    }
    assert answer.receipt.why.startswith(reasons[entry])


async def test_without_any_sandbox_and_any_model_the_answer_is_none_and_says_why() -> None:
    answer = await Flow(Dispatcher([tool()]), executor()).answer(QUESTION)
    assert (answer.text, answer.receipt.rung, answer.receipt.tool) == (None, None, None)
    assert "engine 'monty' is not available" in answer.receipt.why
    assert "upstream: not configured" in answer.receipt.why


# --- the user rung ---------------------------------------------------------------------


async def test_the_light_model_fills_in_what_no_template_parses() -> None:
    user = FakeModel(ARGUMENTS)
    answer = await flow(user=user).answer(OTHER_WORDING, name="sorting")
    assert (answer.text, answer.receipt.rung, answer.receipt.tool) == (
        "apple pear",
        "user",
        "sorting",
    )
    assert answer.receipt.usage == Usage(10, 0, 5)
    assert answer.receipt.cost_usd == Decimal("0.01")


async def test_a_tool_without_a_template_is_served_by_the_light_model() -> None:
    answer = await flow(tool(template=None), user=FakeModel(ARGUMENTS)).answer(
        OTHER_WORDING, name="sorting"
    )
    assert answer.receipt.rung == "user"


async def test_an_argument_that_the_question_does_not_say_goes_to_the_upstream() -> None:
    user, upstream = FakeModel('{"words": ["pear", "plum"]}'), FakeModel("apple pear")
    answer = await flow(user=user, upstream=upstream).answer(OTHER_WORDING, name="sorting")
    assert answer.receipt.rung == "upstream"
    assert "user: the question does not say" in answer.receipt.why
    assert answer.receipt.usage == Usage(20, 0, 10)
    assert answer.receipt.cost_usd == Decimal("0.02")


async def test_one_unknown_price_makes_the_cost_unknown_but_not_the_tokens() -> None:
    user, upstream = FakeModel("no", cost=None), FakeModel("apple pear")
    answer = await flow(user=user, upstream=upstream).answer(OTHER_WORDING, name="sorting")
    assert answer.receipt.cost_usd is None
    assert answer.receipt.usage.total == 30


async def test_the_next_tool_of_the_class_is_asked_when_the_first_takes_no_json() -> None:
    second = tool(shape=1, template=REVERSE)
    answer = await flow(tool(schema="{}"), second, user=FakeModel(ARGUMENTS)).answer(
        OTHER_WORDING, name="sorting"
    )
    assert answer.receipt.version == version_of(second)


async def test_no_tokens_are_spent_on_a_tool_whose_engine_is_missing_or_another() -> None:
    other = FakeSandbox()
    other.version = "fake-2"
    for runs in (executor(), executor(other)):
        user = FakeModel(ARGUMENTS)
        path = Flow(Dispatcher([tool()]), runs, user, FakeModel("apple pear"))
        answer = await path.answer(OTHER_WORDING, name="sorting")
        assert (answer.receipt.rung, user.requests) == ("upstream", [])


async def test_what_was_spent_before_the_sandbox_broke_is_in_the_receipt() -> None:
    path = flow(tool(entry="unavailable"), user=FakeModel(ARGUMENTS))
    answer = await path.answer(OTHER_WORDING, name="sorting")
    assert answer.text is None
    assert answer.receipt.usage.total == 15


async def test_in_code_mode_the_light_model_writes_the_call() -> None:
    user = FakeModel('```python\nans = sorted(["pear", "apple"])\n```')
    path = Flow(Dispatcher([tool()]), executor(FakeSandbox()), user, user_mode="code")
    answer = await path.answer(OTHER_WORDING, name="sorting", rungs=("user",))
    assert (answer.text, answer.receipt.rung) == ("from code", "user")
    assert user.requests[0].schema is None


async def test_a_light_model_that_cannot_be_reached_passes_the_question_on() -> None:
    user = FakeModel(ModelUnavailableError("the light model is down; start it"))
    answer = await flow(user=user, upstream=FakeModel("apple pear")).answer(
        OTHER_WORDING, name="sorting"
    )
    assert answer.receipt.rung == "upstream"
    assert "user: the light model is down" in answer.receipt.why


# --- the upstream rung -----------------------------------------------------------------


async def test_an_upstream_that_cannot_be_reached_is_an_answer_of_none() -> None:
    answer = await flow(upstream=FakeModel(ModelUnavailableError("down; wait"))).answer("Why?")
    assert answer.text is None
    assert answer.receipt.why.endswith("upstream: down; wait")


async def test_a_reply_that_was_cut_off_is_not_an_answer() -> None:
    answer = await flow(upstream=FakeModel("appl", finish="length")).answer("Why?")
    assert answer.text is None
    assert answer.receipt.usage.total == 15


async def test_an_empty_reply_is_not_an_answer() -> None:
    assert (await flow(upstream=FakeModel(" \n")).answer("Why?")).text is None


@pytest.mark.parametrize(("question", "sent"), [("", 1), ("x" * 200_001, 1), ("\ud800", 0)])
async def test_what_the_gate_refuses_goes_straight_to_the_upstream(
    question: str, sent: int
) -> None:
    sandbox, upstream = FakeSandbox(), FakeModel("indeed")
    answer = await flow(sandbox=sandbox, upstream=upstream).answer(question, name="sorting")
    assert len(upstream.requests) == sent
    assert sandbox.calls == 0
    assert (answer.text is not None) == bool(sent)


# --- rungs and receipts ----------------------------------------------------------------


@pytest.mark.parametrize("rung", LADDER)
async def test_only_the_rungs_that_were_asked_for_answer(rung: RungName) -> None:
    path = flow(user=FakeModel(ARGUMENTS), upstream=FakeModel("apple pear"))
    answer = await path.answer(QUESTION, name="sorting", rungs=(rung,))
    assert (answer.text, answer.receipt.rung) == ("apple pear", rung)


async def test_no_rungs_at_all_is_an_answer_of_none() -> None:
    answer = await flow().answer(QUESTION, rungs=())
    assert (answer.text, answer.receipt.why) == (None, "no rung was asked")


async def test_a_rung_that_is_not_built_abstains() -> None:
    answer = await flow().answer(QUESTION, rungs=("exact", "tool"))
    assert answer.receipt.why == "exact: not configured; tool: the template matches"


async def test_what_the_upstream_would_have_charged_is_known_only_from_a_price() -> None:
    priced = Flow(
        Dispatcher([tool(template=SORT)]),
        executor(FakeSandbox()),
        upstream=FakeModel("Paris"),
        price=lambda question, answer: Decimal(len(question) + len(answer)),
    )
    served = await priced.answer(QUESTION)
    assert served.receipt.avoided_usd == Decimal(len(QUESTION) + len("apple pear"))
    assert (await priced.answer("Capital?")).receipt.avoided_usd is None
    assert (await priced.answer("Capital?", rungs=("tool",))).receipt.avoided_usd is None


async def test_the_receipt_tells_how_long_it_took() -> None:
    assert (await flow().answer(QUESTION)).receipt.seconds > 0


async def test_a_light_model_whose_file_is_not_fetched_abstains_and_says_how_to_fetch_it(
    tmp_path: Path,
) -> None:
    absent = LocalModel("local:absent", tmp_path / "absent.gguf")
    asked = flow(tool(template=None), user=absent, upstream=absent)
    answer = await asked.answer(QUESTION, name="sorting")
    assert answer.text is None
    assert "latm models fetch" in answer.receipt.why
