"""The tool user: one greedy call a question, and an abstention on anything doubtful."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.errors import ModelUnavailableError
from latm.models.scripted import ScriptedModel
from latm.types import (
    ChatRequest,
    Demonstration,
    Json,
    Parameter,
    Provenance,
    Reply,
    Slot,
    Solver,
    Template,
    Tool,
    Usage,
    Verification,
)
from latm.using.user import (
    code_request,
    fill,
    fill_request,
    read_arguments,
    read_code,
    shown_source,
    takes_arguments,
    write_code,
)

_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "words": {"type": "array", "items": {"type": "string", "maxLength": 20}},
            "most": {"type": "integer"},
        },
        "required": ["words", "most"],
        "additionalProperties": False,
    }
)
_SOURCE = "def first(words, most):\n    return sorted(words)[:most]"
_GLUE = "\n\n\ndef latm_solve(words, most):\n    return first(words, most)\n"


def _demonstration(words: str, most: int) -> Demonstration:
    arguments = json.dumps({"words": words.split(), "most": most})
    code = f"words = {words.split()!r}\nans = first(words, {most})"
    return Demonstration(f"First {most} of: {words}", "x", arguments, code)


TOOL = Tool(
    name="first-words",
    shape=0,
    template=None,
    solver=Solver(
        _SOURCE + _GLUE,
        "latm_solve",
        (Parameter("words", ("words",)), Parameter("most", ("most",))),
        "jail",
        "1",
    ),
    answer=Template(("", ""), (Slot("answer", "text"),)),
    schema=_SCHEMA,
    demonstrations=tuple(
        _demonstration(*d) for d in (("pear fig", 1), ("b a c", 2), ("x y", 1), ("q r", 9))
    ),
    provenance=Provenance("made", "scripted:maker", "greedy", "2026-01-01T00:00:00Z"),
    verification=Verification(3, 3, 3, 3),
)
QUESTION = "First 2 of: owl ant bee"


def _reply(text: str, **changes: str) -> Reply:
    reply = Reply(text, "scripted:user", Usage(100, 90, 10), Decimal("0.001"), "own")
    return replace(reply, **changes) if changes else reply


# --- arguments -------------------------------------------------------------------------


async def test_arguments_come_in_the_solvers_order_with_what_they_cost() -> None:
    model = ScriptedModel(['{"most": 2, "words": ["owl", "ant", "bee"]}'])
    turn = await fill(model, TOOL, QUESTION)
    assert turn.arguments == (["owl", "ant", "bee"], 2)
    assert (turn.code, turn.reason) == (None, "")
    assert (turn.usage.output, turn.cost_usd) == (6, Decimal("0.001"))


async def test_one_greedy_call_under_the_tools_schema_is_made() -> None:
    model = ScriptedModel(["{}"])
    await fill(model, TOOL, QUESTION)
    (request,) = model.asked
    assert request.temperature == 0
    assert request.schema == TOOL.schema


@pytest.mark.parametrize("ask", [fill_request, code_request])
def test_only_the_end_of_the_prompt_depends_on_the_question(
    ask: Callable[[Tool, str], ChatRequest],
) -> None:
    one, other = ask(TOOL, "First 2 of: a b"), ask(TOOL, "First 1 of: c")
    assert one.messages[:-1] == other.messages[:-1]
    assert one.messages[-1].content == "Question: First 2 of: a b"
    assert [m.role for m in one.messages] == ["system", *["user", "assistant"] * 3, "user"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ('{"words": ["owl", "an', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"words": ["owl"], "most": NaN}', "not JSON"),
        ('["owl"]', "not a JSON object"),
        ('{"words": ["owl"]}', "do not fit the schema: $ breaks 'required'"),
        ('{"words": ["owl"], "most": "2"}', "$.most breaks 'type'"),
        ('{"words": ["owl"], "most": 2, "x": 1}', "breaks 'additionalProperties'"),
        ('{"words": ["owl", "cat", "bee"], "most": 2}', "does not say $.words[1]"),
        ('{"words": ["owl", "ant", "bee"], "most": 3}', "does not say $.most"),
        ('{"words": ["owl", "ant"], "most": 2}', "leave out or repeat 'bee'"),
    ],
)
async def test_a_bad_reply_is_an_abstention_with_its_reason(text: str, reason: str) -> None:
    turn = await fill(ScriptedModel([text]), TOOL, QUESTION)
    assert turn.arguments is None
    assert reason in turn.reason
    assert turn.usage.output > 0


def test_a_reply_cut_at_the_bound_says_so() -> None:
    arguments, reason = read_arguments(TOOL, QUESTION, _reply('{"words": [', finish="length"))
    assert arguments is None
    assert "cut" in reason


def test_a_broken_schema_is_an_abstention() -> None:
    tool = replace(TOOL, schema='{"type": "object", "required": 3}')
    arguments, reason = read_arguments(tool, QUESTION, _reply('{"words": [], "most": 2}'))
    assert arguments is None
    assert "schema" in reason


def test_several_slots_of_one_parameter_become_its_list() -> None:
    schema = '{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}}}'
    solver = replace(TOOL.solver, parameters=(Parameter("both", ("a", "b")),))
    tool = replace(TOOL, schema=schema, solver=solver, demonstrations=())
    assert read_arguments(tool, "add 2 to 3", _reply('{"b":2,"a":3}')) == (([3, 2],), "")
    assert read_arguments(tool, "add 2 to 3", _reply('{"b":2}'))[0] is None


async def test_a_tool_without_json_arguments_costs_no_call() -> None:
    model = ScriptedModel(["{}"])
    tool = replace(TOOL, schema="{}")
    turn = await fill(model, tool, QUESTION)
    assert not takes_arguments(tool)
    assert (turn.arguments, turn.usage, model.asked) == (None, Usage(), [])


async def test_a_very_long_question_costs_no_call() -> None:
    model = ScriptedModel(["{}"])
    assert (await fill(model, TOOL, "x" * 9000)).arguments is None
    assert (await write_code(model, TOOL, "x" * 9000)).code is None
    assert model.asked == []


async def test_a_model_out_of_reach_is_no_abstention() -> None:
    def fail(_: ChatRequest) -> str:
        raise ModelUnavailableError("gone")

    with pytest.raises(ModelUnavailableError):
        await fill(ScriptedModel(fail), TOOL, QUESTION)
    with pytest.raises(ModelUnavailableError):
        await write_code(ScriptedModel(fail), TOOL, QUESTION)


@given(
    text=st.text(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    ).map(json.dumps)
)
def test_no_reply_is_an_error(text: str) -> None:
    arguments, reason = read_arguments(TOOL, QUESTION, _reply(text))
    assert (arguments is None) == bool(reason)
    code, reason = read_code(_reply(text))
    assert (code is None) == bool(reason)


@given(words=st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=9))
def test_the_questions_own_words_are_always_accepted(words: list[str]) -> None:
    value: dict[str, Json] = {"words": list[Json](words), "most": 2}
    question = f"First 2 of: {' '.join(words)}"
    assert read_arguments(TOOL, question, _reply(json.dumps(value))) == ((words, 2), "")


# --- code ------------------------------------------------------------------------------


async def test_code_is_taken_out_of_its_fence() -> None:
    model = ScriptedModel(["Sure:\n```python\nans = first(['owl'], 2)\n```\nDone."])
    turn = await write_code(model, TOOL, QUESTION)
    assert turn.code == "ans = first(['owl'], 2)"
    assert turn.usage.output > 0
    (request,) = model.asked
    assert (request.temperature, request.schema) == (0, None)


def test_the_prompt_shows_the_function_and_its_use_cases_but_not_our_glue() -> None:
    request = code_request(TOOL, QUESTION)
    assert shown_source(TOOL.solver.source) == _SOURCE
    assert _SOURCE in request.messages[0].content
    assert "latm_" not in "".join(m.content for m in request.messages)
    assert request.messages[2].content.startswith("```python\nwords = ['pear', 'fig']\n")


def test_source_that_does_not_parse_is_shown_as_it_is() -> None:
    assert shown_source("def f(:") == "def f(:"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ans = 1", "ans = 1"),
        ("ans = 1\n```\nand so on", "ans = 1"),
        ("```python\nans = 1", "ans = 1"),
        ("```\nans = 1\n```", "ans = 1"),
        ("```python\nans1 = 1\n```", "ans1 = 1\nans = ans1"),
        ("```python\nif x:\n    ans = 1\n```", "if x:\n    ans = 1"),
        ("```python\nans: int = 1\n```", "ans: int = 1"),
    ],
)
def test_code_is_found_in_any_usual_dress(text: str, code: str) -> None:
    assert read_code(_reply(text)) == (code, "")


@pytest.mark.parametrize("text", ["", "I cannot.", "```python\nans = (\n```", "x = 1", "ans == 1"])
def test_a_reply_that_sets_no_answer_is_an_abstention(text: str) -> None:
    code, reason = read_code(_reply(text))
    assert code is None
    assert reason


def test_cut_code_is_never_run() -> None:
    assert read_code(_reply("ans = 1", finish="length"))[0] is None


async def test_a_tool_without_use_cases_in_code_costs_no_call() -> None:
    model = ScriptedModel(["ans = 1"])
    tool = replace(TOOL, demonstrations=(replace(TOOL.demonstrations[0], code=None),))
    assert (await write_code(model, tool, QUESTION)).code is None
    assert model.asked == []
