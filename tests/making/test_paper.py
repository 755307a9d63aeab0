"""Making in the paper's form through the runtime, with a scripted maker and light model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from latm.cli.make import make as make_command
from latm.models.scripted import Script, ScriptedModel
from latm.runtime import MakeReport, opened
from latm.settings import load
from latm.store import UsageSum
from latm.types import Case, ChatRequest
from latm.using.ladder import UserMode

MAKER, USER = "scripted:maker", "scripted:user"
ADD = "```python\ndef solve(a, b):\n    return a + b\n```"
WORDINGS = (
    "What do you get when {a} and {b} are added?",
    "Sum of {a}, {b} please",
    "Tell me {a} plus {b}",
    "I own {a} pens, a friend gives me {b} more; my total?",
    "Starting at {a}, move up by {b}. Where am I?",
    "{a} birds sit on a wire until {b} others join them. Count all birds!",
    "Our team scored {a} goals, later another {b}. How many altogether?",
    "If a box holds {a} nuts plus a bag with {b}, name their number.",
    "Combine {a} with {b}",
    "Yesterday: {a} km. Today: {b} km. Distance overall?",
    "Put {a} coins beside {b} coins - how rich does that make you?",
    "Add the second to the first: {a}; {b}.",
    "Compute {a}+{b}",
    "Anna is {a} cm tall standing on a {b} cm stool; her head reaches which height?",
    "Increase {a} by {b}",
    "Pour {b} ml into the jug which already contains {a} ml. New content?",
    "From floor {a} the lift rises {b} floors. Which floor?",
    "He paid {a} euros, then {b} more. Sum up his bill.",
    "{a} sheep meet {b} goats: size of that herd?",
    "Merge stacks of {a} cards and {b} cards",
    "Temperature was {a}, it climbed {b} degrees; now?",
    "Library: {a} novels, {b} atlases. Give the grand total.",
    "Between us we have {a} (mine) and {b} (yours) marbles, so overall",
    "Train length {a} wagons, coupled with {b} extra wagons makes",
)


def adding(count: int = 24) -> list[Case]:
    numbers = [(100 + 7 * n, 13 + 3 * n) for n in range(count)]
    return [
        Case(WORDINGS[n % len(WORDINGS)].format(a=a, b=b), str(a + b))
        for n, (a, b) in enumerate(numbers)
    ]


def numbers_of(question: str) -> tuple[int, int]:
    a, b = re.findall(r"\d+", question)
    return int(a), int(b)


# --- scripts ---------------------------------------------------------------------------


def block(question: str) -> str:
    a, b = numbers_of(question)
    return f"```python\na = {a}\nb = {b}\nret = solve(a, b)\nans = str(ret)\n```"


def blocks(request: ChatRequest, block: Callable[[str], str] = block) -> str:
    """Calls for the questions of the second stage, wherever it stands in the history."""
    asked = next(m.content for m in request.messages if "Use the function" in m.content)
    return "\n\n".join(block(q) for q in re.findall(r"^Question: (.*)$", asked, re.MULTILINE))


def proposes(request: ChatRequest) -> bool:
    return not any("Use the function" in m.content for m in request.messages)


def maker(request: ChatRequest) -> str:
    return ADD if proposes(request) else blocks(request)


def asked_of(request: ChatRequest) -> str:
    return request.messages[-1].content.removeprefix("Question: ")


def filling(request: ChatRequest) -> str:
    a, b = numbers_of(asked_of(request))
    return json.dumps({"a": a, "b": b})


def coding(request: ChatRequest) -> str:
    a, b = numbers_of(asked_of(request))
    return f"```python\nans = solve({a}, {b})\n```"


async def make(
    script: Script,
    light: Script | None,
    home: Path,
    *,
    cases: list[Case] | None = None,
    user_mode: UserMode = "schema",
    seed: int = 0,
    max_tokens: int = 50_000,
    fresh: bool = False,
) -> tuple[MakeReport, ScriptedModel, ScriptedModel]:
    models = ScriptedModel(script, name=MAKER), ScriptedModel(light or [], name=USER)
    opening = {MAKER: models[0]} if light is None else {MAKER: models[0], USER: models[1]}
    user = "local:qwen2.5-coder-0.5b" if light is None else USER
    loaded = load(home=home, maker=MAKER, user=user, seed=seed, max_tokens=max_tokens)
    async with opened(loaded, opening) as runtime:
        chosen = cases or adding()
        report = await runtime.make("adding", chosen, user_mode=user_mode, fresh=fresh)
    return report, *models


async def solve(home: Path, light: Script, mode: UserMode, question: str) -> str | None:
    user = ScriptedModel(light, name=USER)
    async with opened(load(home=home, maker=MAKER, user=USER), {USER: user}) as runtime:
        flow = await runtime.flow("adding", rungs=("tool", "user"), user_mode=mode)
        answer = await flow.answer(question, name="adding", rungs=("tool", "user"))
        assert answer.receipt.rung == "user"
        return answer.text


# --- a class becomes a tool ------------------------------------------------------------


async def test_a_class_that_no_template_covers_becomes_a_tool_for_the_light_model(
    home: Path,
) -> None:
    report, asked, light = await make(maker, filling, home)
    (stored,) = report.tools
    tool, verification = stored.tool, stored.tool.verification
    assert tool.template is None
    assert tool.provenance.strategy == "paper+schema"
    assert json.loads(tool.schema)["required"] == ["a", "b"]
    assert verification.held_out == verification.held_out_passed == len(light.asked) == 16
    assert f"light-model {USER}" in verification.checks
    assert len(asked.asked) == 2
    assert stored.state == "shadow"
    assert report.bounds[0] == pytest.approx(1 - 0.05 ** (1 / 16))
    assert await solve(home, filling, "schema", "Please join 40 and 2 for me") == "42"


async def test_no_held_out_case_enters_a_prompt_of_the_maker(home: Path) -> None:
    report, asked, _ = await make(maker, filling, home)
    said = "\n".join(m.content for request in asked.asked for m in request.messages)
    assert all(case.question not in said for case in report.split.held_out)
    assert sum(case.question in said for case in report.split.shown) == 6


async def test_a_tool_is_judged_on_twenty_held_out_cases_at_most(home: Path) -> None:
    wordings = adding(24)
    more = [Case(f"{c.question} ({n})", c.answer) for n, c in enumerate(wordings)]

    def fill(request: ChatRequest) -> str:
        a, b = re.findall(r"\d+", asked_of(request))[:2]
        return json.dumps({"a": int(a), "b": int(b)})

    def calls(request: ChatRequest) -> str:
        return ADD if proposes(request) else blocks(request, lambda q: block(q.split(" (")[0]))

    report, _, light = await make(calls, fill, home, cases=[*wordings, *more], seed=1)
    assert len(light.asked) <= 20
    assert all(item.tool.verification.held_out <= 20 for item in report.tools)


async def test_in_code_mode_the_light_model_is_judged_on_the_code_that_it_writes(
    home: Path,
) -> None:
    report, _, light = await make(maker, coding, home, user_mode="code")
    (stored,) = report.tools
    assert stored.tool.provenance.strategy == "paper+code"
    assert all(request.schema is None for request in light.asked)
    assert await solve(home, coding, "code", "Please join 40 and 2 for me") == "42"


async def test_calls_without_a_common_form_make_a_tool_for_code_only(home: Path) -> None:
    def uneven(request: ChatRequest) -> str:
        if proposes(request):
            return ADD
        first, *rest = blocks(request).split("\n\n")
        return "\n\n".join([first.replace("a, b)", "a, b) + 0"), *rest])

    in_code, _, _ = await make(uneven, coding, home, user_mode="code")
    in_schema, _, light = await make(uneven, filling, home / "other")
    assert in_code.tools[0].tool.schema == "{}"
    assert in_schema.tools == ()
    assert "one form" in in_schema.reasons[0]
    assert light.asked == []


@pytest.mark.parametrize("joined", [False, True])
async def test_calls_in_one_block_or_beside_the_function_are_understood(
    joined: bool, home: Path
) -> None:
    def chatty(request: ChatRequest) -> str:
        if proposes(request):
            return ADD
        if joined:
            return "```python\n" + re.sub(r"```(python\n)?", "", blocks(request)) + "\n```"
        calls = blocks(request).replace("ans = str(ret)", "ans = str(ret)\nprint(ans)")
        return f"The function:\n{ADD}\n\n{calls}\n"

    report, _, _ = await make(chatty, filling, home)
    assert len(report.tools) == 1


# --- refusals --------------------------------------------------------------------------


async def test_a_wrong_function_ends_with_reasons_after_three_retries_of_its_calls(
    home: Path,
) -> None:
    def wrong(request: ChatRequest) -> str:
        return ADD.replace("+", "-") if proposes(request) else blocks(request)

    report, asked, light = await make(wrong, filling, home)
    assert report.tools == ()
    assert "no template covers 8 of 8 shown questions: calls: " in report.reasons[0]
    assert "should give" in report.reasons[0]
    assert [a.strategy for a in report.attempts] == ["paper-propose", *["paper-calls"] * 4]
    assert len(asked.asked) == 5
    assert light.asked == []


async def test_the_calls_cannot_change_the_function_that_they_test(home: Path) -> None:
    def cheating(request: ChatRequest) -> str:
        if proposes(request):
            return ADD.replace("+", "-")
        return blocks(request, lambda q: ADD.removesuffix("```") + block(q)[len("```python\n") :])

    report, _, _ = await make(cheating, filling, home)
    assert report.tools == ()


async def test_an_answer_that_was_copied_is_replaced_by_what_the_function_returned(
    home: Path,
) -> None:
    def copied(request: ChatRequest, function: str = ADD) -> str:
        def block_of(question: str) -> str:
            return block(question).replace("str(ret)", str(sum(numbers_of(question))))

        return function if proposes(request) else blocks(request, block_of)

    def wrong(request: ChatRequest) -> str:
        return copied(request, ADD.replace("+", "-"))

    right, _, _ = await make(copied, filling, home)
    refused, _, light = await make(wrong, filling, home / "other")
    (stored,) = right.tools
    assert all((d.code or "").endswith("ans = ret") for d in stored.tool.demonstrations)
    assert "should give" in refused.reasons[0]
    assert light.asked == []


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("ans = '5'", "does not call 'solve'"),
        ("ret = solve(1, 2)", "does not save the answer"),
        ("import os\nans = solve(1, 2)", "imports 'os'"),
        ("latm_finish = solve\nans = solve(1, 2)", "begins with 'latm_'"),
        ("ans = solve(1, ", "is not Python"),
    ],
)
async def test_calls_that_prove_nothing_are_never_run(block: str, error: str, home: Path) -> None:
    def call(request: ChatRequest) -> str:
        return ADD if proposes(request) else blocks(request, lambda _: f"```python\n{block}\n```")

    report, _, _ = await make(call, filling, home)
    assert report.tools == ()
    assert error in report.reasons[0]


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("I cannot.", "syntax"),
        ("def solve():\n    return 3", "takes no arguments"),
        ("def solve(a, b):\n    return eval(a + b)", "forbidden"),
        ("def solve(a, b):\n    return a + b\n\nprobe = solve(1, 'x')", "raised"),
        ("def latm_finish(a):\n    return a\n\ndef solve(a, b):\n    return a + b", "'latm_'"),
    ],
)
async def test_a_function_that_is_unsound_is_told_to_the_maker_and_not_called(
    function: str, error: str, home: Path
) -> None:
    report, asked, _ = await make(lambda _: function, filling, home)
    assert error in report.reasons[0]
    assert len(asked.asked) == 4
    assert error in asked.asked[-1].messages[-1].content


async def test_the_first_wrong_held_out_answer_refuses_the_tool(home: Path) -> None:
    def swapped(request: ChatRequest) -> str:
        a, b = numbers_of(asked_of(request))
        return json.dumps({"a": a, "b": b + 1})

    # Free code is not compared with the question, so the verdict itself must refuse.
    def confused(request: ChatRequest) -> str:
        a, b = numbers_of(asked_of(request))
        return f"```python\nans = solve({a}, {b + 1})\n```"

    report, _, light = await make(maker, confused, home, user_mode="code")
    assert report.tools == ()
    assert "held-out question 1 is wrong" in report.reasons[0]
    assert len(light.asked) == 1
    foreign, _, light = await make(maker, swapped, home / "other")
    assert foreign.tools == ()
    assert "the question does not say $.b" in foreign.reasons[0]
    assert len(light.asked) == 4


async def test_a_light_model_that_answers_four_in_five_is_enough_and_fewer_is_not(
    home: Path,
) -> None:
    def failing(most: int) -> Callable[[ChatRequest], str]:
        asked: list[str] = []

        def light(request: ChatRequest) -> str:
            asked.append(asked_of(request))
            return "no idea" if len(asked) <= most else filling(request)

        return light

    enough, _, _ = await make(maker, failing(3), home)
    fewer, _, _ = await make(maker, failing(4), home / "other")
    verification = enough.tools[0].tool.verification
    assert (verification.held_out_passed, verification.held_out_abstained) == (13, 3)
    assert enough.bounds[0] == pytest.approx(1 - 0.05 ** (1 / 13))
    assert fewer.tools == ()
    assert "answered only 0 of 4" in fewer.reasons[0]


async def test_code_of_the_light_model_that_breaks_counts_as_no_answer(home: Path) -> None:
    broken = iter((True, False) + (False,) * 30)

    def light(request: ChatRequest) -> str:
        return "```python\nans = solve(1)\n```" if next(broken) else coding(request)

    report, _, _ = await make(maker, light, home, user_mode="code")
    verification = report.tools[0].tool.verification
    assert (verification.held_out, verification.held_out_abstained) == (16, 1)


async def test_without_the_file_of_the_light_model_the_maker_is_not_paid(home: Path) -> None:
    report, asked, _ = await make([], None, home)
    assert report.tools == ()
    assert "no light model to judge a tool with" in report.reasons[0]
    assert asked.asked == []


async def test_a_handful_of_questions_without_a_template_is_left_to_the_light_model(
    home: Path,
) -> None:
    report, asked, _ = await make([], [], home, cases=adding(7))
    assert "they keep the light model" in report.reasons[0]
    assert asked.asked == []


# --- retries and budget ----------------------------------------------------------------


async def test_an_error_goes_back_to_the_maker_with_the_whole_history(home: Path) -> None:
    def slow(request: ChatRequest) -> str:
        if len(request.messages) == 1:
            return "def solve(a, b:"
        if proposes(request):
            return ADD
        failed = sum("Failed due to" in m.content for m in request.messages)
        return blocks(request) if failed == 2 else "```python\nans = 1\n```"

    report, asked, _ = await make(slow, filling, home)
    assert len(report.tools) == 1
    assert [len(request.messages) for request in asked.asked] == [1, 3, 5, 7]
    assert [a.result.partition(":")[0] for a in report.attempts] == [
        "syntax",
        "passed",
        "calls",
        "passed",
    ]
    last = asked.asked[-1].messages
    assert last[:5] == asked.asked[2].messages
    assert "expected 3 blocks" in last[-1].content


async def test_tokens_of_the_light_model_count_as_making(home: Path) -> None:
    report, asked, light = await make(maker, filling, home)
    calls = len(asked.asked) + len(light.asked)
    assert report.cost_usd == Decimal("0.001") * calls
    total = await spent(home)
    assert total.cost.usd == report.cost_usd
    assert total.usage.total == report.usage.total


async def test_a_budget_that_ends_while_judging_leaves_what_was_judged(home: Path) -> None:
    whole, _, _ = await make(maker, filling, home)
    some, _, _ = await make(maker, filling, home / "some", max_tokens=whole.usage.total // 2)
    few, _, _ = await make(maker, filling, home / "few", max_tokens=310)
    none, asked, _ = await make(maker, filling, home / "none", max_tokens=100)
    assert some.usage.total <= whole.usage.total // 2 + 100
    assert 3 <= some.tools[0].tool.verification.held_out < 16
    assert few.tools == none.tools == ()
    assert "budget" in few.reasons[0]
    assert "budget" in none.reasons[0]
    assert asked.asked == []


async def test_a_second_run_pays_neither_the_maker_nor_the_light_model_again(home: Path) -> None:
    first, _, _ = await make(maker, filling, home)
    second, asked, light = await make([], [], home, fresh=True)
    assert (asked.asked, light.asked) == ([], [])
    assert second.replayed == 18
    assert [t.tool.solver for t in second.tools] == [t.tool.solver for t in first.tools]


async def spent(home: Path) -> UsageSum:
    async with opened(load(home=home, maker=MAKER, user=USER), {}) as runtime:
        return await runtime.store.usage.total(name="adding")


# --- the command -----------------------------------------------------------------------


def test_the_command_hands_the_mode_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def record(*_: object, user_mode: str, fresh: bool) -> MakeReport:
        assert not fresh
        seen.append(user_mode)
        raise InterruptedError

    monkeypatch.setattr("latm.runtime.Runtime.make", record)
    file = home.parent / "cases.jsonl"
    rows = [{"question": c.question, "answer": c.answer} for c in adding(6)]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for mode in ("schema", "code"):
        with pytest.raises(InterruptedError):
            make_command(file, name="adding", maker=MAKER, user_mode=mode, json=True)
    assert seen == ["schema", "code"]
