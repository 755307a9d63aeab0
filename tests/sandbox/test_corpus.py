"""The project's own corpus: hostile tools are held, ordinary ones right, without ../shared."""

from __future__ import annotations

import json

import pytest

from latm.sandbox import Sandbox
from latm.types import Failed, Json, Limits, Outcome, Program, Returned

from .box import Box
from .corpus import OWN, Ordinary, Payload, exactly_equal, ordinary, payloads

one_loop = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(wall_seconds=0.7, cpu_seconds=0.5)


def argument_of(payload: Payload, box: Box) -> Json:
    places: dict[str, Json] = {
        "@SECRET@": str(box.secret),
        "@FOLDER@": str(box.folder / "host" / "w"),
        "@PORT@": box.port,
    }
    text = payload.headers["argument"]
    return places[text] if text in places else json.loads(text)


def held(payload: Payload, outcome: Outcome) -> bool:
    if payload.headers["held when"] == "failed":
        return isinstance(outcome, Failed)
    return isinstance(outcome, Failed) or "BREACH" not in str(outcome.value)


@one_loop
@pytest.mark.parametrize("payload", payloads(OWN / "hostile"), ids=lambda p: p.name)
async def test_hostile_tool_is_held(sandbox: Sandbox, box: Box, payload: Payload) -> None:
    for _ in range(payload.calls):
        program = Program(payload.source, "solve")
        outcome = await sandbox.run(program, [argument_of(payload, box)], LIMITS)
        assert held(payload, outcome), outcome
        assert box.leaks(str(outcome)) == []
    assert not box.was_reached()
    assert box.left_behind() == []
    after = await sandbox.run(Program("def f(x):\n    return x\n", "f"), [[1, "a"]], Limits())
    assert isinstance(after, Returned)
    assert after.value == [1, "a"]


@one_loop
@pytest.mark.parametrize("tool", ordinary(OWN / "ordinary"), ids=lambda tool: tool.name)
async def test_ordinary_tool_is_right(sandbox: Sandbox, tool: Ordinary) -> None:
    for argument, expected in tool.pairs:
        outcome = await sandbox.run(Program(tool.source, "solve"), [argument], Limits())
        if sandbox.engine == "monty" and isinstance(outcome, Failed):
            assert outcome.unsupported, "the caller must learn that the jail can do it"
            return
        assert isinstance(outcome, Returned), outcome
        assert exactly_equal(outcome.value, expected)


def test_corpus_is_not_empty() -> None:
    assert len(payloads(OWN / "hostile")) >= 15
    assert len(ordinary(OWN / "ordinary")) >= 8
