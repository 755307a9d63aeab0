"""The rungs before and after the templates, as clients of the gateway see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from latm.gateway.app import Parts
from latm.models.scripted import ScriptedModel
from latm.runtime import opened
from latm.settings import Settings
from latm.types import (
    Demonstration,
    Parameter,
    Provenance,
    Slot,
    Solver,
    Template,
    Tool,
    Verification,
)

from .harness import Clock, Got, Seen, Step, chunked, gateway, http, until_ready, upstream

ASK: dict[str, object] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
}


def completion(text: str, finish: str = "stop") -> Step:
    said = {"index": 0, "message": {"content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    return http(json.dumps({"model": "gpt-4o", "choices": [said], "usage": usage}).encode())


class Numbering:
    """Says another number each time."""

    def __init__(self, finish: str = "stop") -> None:
        self.calls = 0
        self.finish = finish

    def __call__(self, seen: Seen) -> Step:
        self.calls += 1
        return completion(f"answer {self.calls}", self.finish)


def said(got: Got) -> str:
    return json.loads(got.body)["choices"][0]["message"]["content"]


# --- exact -----------------------------------------------------------------------------


async def twice(
    home: Path,
    first: Mapping[str, object],
    second: Mapping[str, object] | None = None,
    **settings: object,
) -> tuple[Got, Got]:
    """Two requests, one after the other, through a gateway with the exact rung on."""
    settings.setdefault("exact_seconds", 60)
    async with upstream(Numbering()) as stub:
        async with gateway(home, stub.url, None, **settings) as running:
            return await running.post(first), await running.post(second or first)


async def test_the_very_same_request_is_answered_again_at_no_cost(home: Path) -> None:
    one, two = await twice(home, ASK)
    assert (said(one), said(two)) == ("answer 1", "answer 1")
    assert (one.headers["x-latm-rung"], two.headers["x-latm-rung"]) == ("upstream", "exact")
    assert "x-latm-tool" not in two.headers
    assert float(two.headers["x-latm-cost-usd"]) == 0
    # 1,000 tokens in and 10 out, as the upstream counted them, at the list price.
    assert float(two.headers["x-latm-avoided-usd"]) == pytest.approx(0.0026)
    assert json.loads(two.body)["usage"]["total_tokens"] == 0


async def test_it_comes_as_a_stream_where_one_is_asked_for(home: Path) -> None:
    _, two = await twice(home, ASK, {**ASK, "stream": True})
    assert two.headers["content-type"].startswith("text/event-stream")
    assert two.headers["x-latm-rung"] == "exact"
    assert two.body.endswith(b"data: [DONE]\n\n")


async def test_an_answer_that_was_streamed_is_repeated_whole(home: Path) -> None:
    def event(delta: Mapping[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: %b\n\n" % json.dumps({"model": "gpt-4o", "choices": [choice]}).encode()

    parts = [event({"content": "Par"}), event({"content": "is"}), event({}, "stop")]
    async with upstream(chunked([*parts, b"data: [DONE]\n\n"])) as stub:
        async with gateway(home, stub.url, exact_seconds=60) as running:
            await running.post({**ASK, "stream": True})
            got = await running.post(ASK)
    assert (said(got), got.headers["x-latm-rung"]) == ("Paris", "exact")


OTHERS: dict[str, dict[str, object]] = {
    "model": {"model": "gpt-4o-mini"},
    "instructions": {"messages": [{"role": "system", "content": "In French."}, *ASK["messages"]]},  # type: ignore[misc]
    "question": {"messages": [{"role": "user", "content": "What is the capital of France"}]},
    "seed": {"seed": 1},
    "bound": {"max_tokens": 5},
    "effort": {"reasoning_effort": "high"},
    "format": {"response_format": {"type": "json_object"}},
    "an unknown field": {"colour": "red"},
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "several choices": {"n": 2},
}


@pytest.mark.parametrize("name", OTHERS)
async def test_a_request_that_differs_goes_to_the_upstream(home: Path, name: str) -> None:
    _, two = await twice(home, ASK, {**ASK, **OTHERS[name]})
    assert (said(two), two.headers["x-latm-rung"]) == ("answer 2", "upstream")


async def test_who_asks_for_samples_gets_samples(home: Path) -> None:
    sample = {**ASK, "temperature": 0.7}
    _, two = await twice(home, sample)
    assert said(two) == "answer 2"
    _, two = await twice(home, ASK, sample)
    assert said(two) == "answer 2"


async def test_it_is_off_unless_it_is_switched_on(home: Path) -> None:
    _, two = await twice(home, ASK, exact_seconds=0)
    assert (said(two), two.headers["x-latm-rung"]) == ("answer 2", "upstream")


async def test_no_tenant_gets_the_answer_of_another(home: Path) -> None:
    # SHA-256 of "a" and "b".
    keys = {
        "team-a": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "team-b": "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
    }
    settings = {"exact_seconds": 60, "serve_keys": keys, "upstream_key": "k"}
    async with upstream(Numbering()) as stub, gateway(home, stub.url, None, **settings) as running:
        rungs = [
            (said(got), got.headers["x-latm-rung"])
            for key in ("a", "b", "a", "b")
            for got in [await running.post(ASK, authorization=f"Bearer {key}")]
        ]
    assert rungs == [
        ("answer 1", "upstream"),
        ("answer 2", "upstream"),
        ("answer 1", "exact"),
        ("answer 2", "exact"),
    ]


async def test_who_opts_out_is_neither_kept_nor_repeated_to(home: Path) -> None:
    async with upstream(Numbering()) as stub, gateway(home, stub.url, exact_seconds=60) as running:
        await running.post(ASK, x_latm="off")
        assert said(await running.post(ASK)) == "answer 2"
        assert said(await running.post(ASK, x_latm="off")) == "answer 3"
        assert said(await running.post(ASK)) == "answer 2"


BROKEN: dict[str, Step] = {
    "cut at the bound": completion("answer", "length"),
    "an error": http(b'{"error":{"message":"no"}}', 500),
    "HTML": http(b"<html>busy</html>", content_type="text/html"),
    "half a body": Step([http(b'{"model":"gpt-4o","choi').parts[0]], close=True),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_not_a_whole_answer_is_not_repeated(home: Path, name: str) -> None:
    steps = [BROKEN[name], completion("whole")]
    async with upstream(lambda _: steps.pop(0)) as stub:
        async with gateway(home, stub.url, exact_seconds=60) as running:
            await running.post(ASK)
            got = await running.post(ASK)
    assert (said(got), got.headers["x-latm-rung"]) == ("whole", "upstream")


async def test_an_answer_is_repeated_for_so_long_and_no_longer(home: Path) -> None:
    clock = Clock()
    parts = Parts(clock=clock, pause=clock.pause)
    async with upstream(Numbering()) as stub:
        async with gateway(home, stub.url, parts, exact_seconds=60) as running:
            await running.post(ASK)
            clock.seconds += 59
            assert said(await running.post(ASK)) == "answer 1"
            clock.seconds += 1
            assert said(await running.post(ASK)) == "answer 2"


# --- the nearest class -----------------------------------------------------------------

FREE = "please put these words into the order of the alphabet"


async def store_free(home: Path) -> None:
    """Put a live tool without a template into the store of a home."""
    async with opened(Settings(home=home)) as runtime:
        version = (await runtime.executor(["monty"])).engine_version("monty")
        source = "def solve(words):\n    return sorted(words)"
        words = Slot("words", "list", item="word", separator=" ")
        schema = {
            "type": "object",
            "properties": {"words": {"type": "array", "items": {"type": "string"}}},
            "required": ["words"],
            "additionalProperties": False,
        }
        shown = tuple(
            Demonstration(f"{FREE} {b} {a}", f"{a} {b}", json.dumps({"words": [b, a]}))
            for a, b in (("ant", "bee"), ("cat", "dog"))
        )
        made = Tool(
            name="sorting",
            shape=0,
            template=None,
            solver=Solver(source, "solve", (Parameter("words", ("words",)),), "monty", version),
            answer=Template(("", ""), (words,)),
            schema=json.dumps(schema),
            demonstrations=shown,
            provenance=Provenance("made", "scripted:maker", "greedy", "2026-01-01T00:00:00Z"),
            verification=Verification(3, 3, 3, 3),
        )
        await runtime.store.toolbox.add(made, "live", "a test says so")


def question(text: str) -> dict[str, object]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}


async def asked_of(home: Path, light: ScriptedModel, text: str) -> Got:
    await store_free(home)
    parts = Parts(poll_seconds=0.01, models={"scripted:light": light})
    async with upstream(completion("the upstream's")) as stub:
        async with gateway(home, stub.url, parts, user="scripted:light") as running:
            await until_ready(running, "1 tools serve")
            return await running.post(question(text))


async def test_a_question_near_a_tool_without_a_template_is_served_if_the_light_model_agrees(
    home: Path,
) -> None:
    light = ScriptedModel(['{"same":"yes"}', '{"words":["fig","elm"]}'], name="scripted:light")
    got = await asked_of(home, light, f"{FREE}: fig elm")
    assert (said(got), got.headers["x-latm-rung"]) == ("elm fig", "user")
    assert got.headers["x-latm-tool"] == "sorting"
    assert float(got.headers["x-latm-cost-usd"]) == pytest.approx(0.002)


@pytest.mark.parametrize("says", ['{"same":"no"}', '{"same":"unsure"}', "yes"])
async def test_without_a_plain_yes_the_upstream_answers(home: Path, says: str) -> None:
    got = await asked_of(home, ScriptedModel([says], name="scripted:light"), f"{FREE}: fig elm")
    assert (said(got), got.headers["x-latm-rung"]) == ("the upstream's", "upstream")


async def test_a_question_that_is_far_from_every_tool_asks_no_light_model(home: Path) -> None:
    light = ScriptedModel([], name="scripted:light")
    got = await asked_of(home, light, "Who painted the ceiling of the Sistine Chapel?")
    assert (said(got), light.asked) == ("the upstream's", [])
