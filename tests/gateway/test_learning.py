"""What goes by the gateway is learnt: sound answers of the upstream, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from latm.gateway.app import Parts
from latm.gateway.keys import new_key
from latm.store import Store
from latm.store.observed import RequestClass

from .harness import Running, Seen, Step, chunked, gateway, http, upstream

Body = dict[str, object]


def answered(text: str, finish: str = "stop", **message: object) -> Step:
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish}
    usage = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
    body = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [choice]}
    return http(json.dumps({**body, "usage": usage}).encode())


def streamed(text: str, *, whole: bool = True) -> Step:
    parts: list[Body] = [
        {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    chunks: list[Body] = [{"id": "c", "model": "gpt-4o", "choices": [part]} for part in parts]
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    return chunked([*events, b"data: [DONE]\n\n"] if whole else events[:1])


def adder(seen: Seen) -> Step:
    """An upstream that adds what numbers a question holds."""
    question = json.loads(seen.body)["messages"][-1]["content"]
    numbers = [int(word) for word in question.replace("?", "").split() if word.isdigit()]
    return answered(str(sum(numbers)))


def asks(question: str, **more: object) -> Body:
    turn = {"role": "user", "content": question}
    return {"model": "gpt-4o", "messages": [turn], "temperature": 0, **more}


def sums(first: int, count: int) -> list[str]:
    return [f"What is the sum of {n} and {n * 7 % 50}?" for n in range(first, first + count)]


@asynccontextmanager
async def learning(
    home: Path, script: Step | Callable[[Seen], Step], **settings: object
) -> AsyncGenerator[tuple[Running, Store]]:
    """A gateway that learns, and the store that it learns into."""
    async with (
        upstream(script) as up,
        gateway(home, up.url, Parts(poll_seconds=0.01), **settings) as running,
        await Store.open(home / "latm.db") as store,
    ):
        yield running, store


async def until_grouped(store: Store, requests: int) -> tuple[RequestClass, ...]:
    """The classes, as soon as so many requests are in them."""
    while True:
        found = await store.observations.classes()
        if sum(one.requests for one in found) >= requests:
            return found


async def until_recorded(store: Store, misses: int) -> list[str]:
    """The questions that are recorded, as soon as there are so many."""
    while len(waiting := await store.observations.waiting(0, 100)) < misses:
        pass
    return [one.question for one in waiting]


async def test_recurring_questions_become_a_class_with_its_cost(tmp_path: Path) -> None:
    async with learning(tmp_path, adder) as (running, store):
        for question in sums(1, 12):
            await running.post(asks(question))
        (found,) = await until_grouped(store, 12)
        assert found.template.literals == ("What is the sum of ", " and ", "?")
        assert (found.requests, found.cases) == (12, 12)
        assert found.spent.usage.total == 12 * 25
        assert found.spent.cost.usd
        assert found.context.model == "gpt-4o"
        while not (stable := await store.observations.classes(toolable=True)):
            pass
        assert stable[0].form_kind == "value"
        kept = {case.question: case.answer for case in await store.observations.kept(found.name)}
        assert kept["What is the sum of 3 and 21?"] == "24"


async def test_what_was_learnt_outlives_the_process(tmp_path: Path) -> None:
    async with learning(tmp_path, adder) as (running, store):
        for question in sums(1, 4):
            await running.post(asks(question))
        assert len(await until_recorded(store, 4)) == 4
    async with learning(tmp_path, adder) as (running, store):
        for question in sums(5, 4):
            await running.post(asks(question))
        (found,) = await until_grouped(store, 8)
        assert found.cases == 8


NOT_SOUND: dict[str, tuple[Step, Body]] = {
    "an error": (http(b'{"error": {"message": "overloaded"}}', 500), {}),
    "an error that calls itself fine": (http(b'{"error": {"message": "overloaded"}}'), {}),
    "a page": (http(b"<html>sorry</html>", content_type="text/html"), {}),
    "an answer that was cut": (answered("12", "length"), {}),
    "an answer that was filtered": (answered("12", "content_filter"), {}),
    "a refusal": (answered("", refusal="I cannot help with that."), {}),
    "a call of a tool": (answered("", "tool_calls", tool_calls=[{"id": "1"}]), {}),
    "nothing": (answered(" "), {}),
    "a stream that breaks off": (streamed("1", whole=False), {"stream": True}),
    "a sample": (answered("12"), {"temperature": 0.7}),
    "an answer with tools at hand": (answered("12"), {"tools": [{"type": "function"}]}),
    "one of several choices": (answered("12"), {"n": 2}),
}


@pytest.mark.parametrize("name", NOT_SOUND)
async def test_what_is_not_sound_is_not_learnt(tmp_path: Path, name: str) -> None:
    bad, more = NOT_SOUND[name]
    turn = 0

    def script(_: Seen) -> Step:
        nonlocal turn
        turn += 1
        return bad if turn == 1 else answered("7")

    async with learning(tmp_path, script) as (running, store):
        await running.post(asks("What is the sum of 5 and 7?", **more))
        await running.post(asks("What is the sum of 3 and 4?"))
        assert await until_recorded(store, 1) == ["What is the sum of 3 and 4?"]


async def test_a_whole_stream_is_learnt_like_an_answer_in_one_piece(tmp_path: Path) -> None:
    async with learning(tmp_path, streamed("12")) as (running, store):
        await running.post(asks("What is the sum of 5 and 7?", stream=True))
        await until_recorded(store, 1)
        (miss,) = await store.observations.waiting(0, 10)
        assert miss.answer == "12"
        # The stream did not say its usage: it is an estimate, and not nothing.
        assert miss.usage.total > 0


async def test_who_opts_out_is_not_recorded(tmp_path: Path) -> None:
    async with learning(tmp_path, adder) as (running, store):
        await running.post(asks("What is the sum of 5 and 7?"), x_latm="off")
        await running.post(asks("What is the sum of 3 and 4?"))
        assert await until_recorded(store, 1) == ["What is the sum of 3 and 4?"]


async def test_one_switch_keeps_everything_from_being_recorded(tmp_path: Path) -> None:
    async with learning(tmp_path, adder, record=False) as (running, store):
        for question in sums(1, 12):
            await running.post(asks(question))
    async with await Store.open(tmp_path / "latm.db") as store:
        recorded = await store.observations.recorded()
        assert (recorded.waiting, recorded.classes, recorded.kept) == (0, 0, 0)


async def test_what_redaction_names_is_counted_and_not_kept(tmp_path: Path) -> None:
    secret = "sk-" + "a1b2c3d4" * 4
    async with learning(tmp_path, adder) as (running, store):
        await running.post(asks(f"What is the sum of 5 and 7? My key is {secret}"))
        await running.post(asks("What is the sum of 3 and 4?"))
        assert await until_recorded(store, 1) == ["What is the sum of 3 and 4?"]
        assert (await store.observations.recorded()).withheld == 1
    assert secret.encode() not in (tmp_path / "latm.db").read_bytes()


async def test_tenants_share_no_class(tmp_path: Path) -> None:
    keys = {name: new_key() for name in ("team-a", "team-b")}
    hashes = {name: digest for name, (_, digest) in keys.items()}
    async with learning(tmp_path, adder, serve_keys=hashes) as (running, store):
        for question in sums(1, 8):
            for key, _ in keys.values():
                await running.post(asks(question), authorization=f"Bearer {key}")
        found = await until_grouped(store, 16)
        assert sorted((one.context.tenant, one.requests) for one in found) == [
            ("team-a", 8),
            ("team-b", 8),
        ]
        assert len({one.name for one in found}) == 2


async def test_other_instructions_make_another_class(tmp_path: Path) -> None:
    async with learning(tmp_path, adder) as (running, store):
        for question in sums(1, 8):
            for told in ("Answer with a number.", "Answer in words."):
                turns = [
                    {"role": "system", "content": told},
                    {"role": "user", "content": question},
                ]
                await running.post(asks(question, messages=turns))
        found = await until_grouped(store, 16)
        assert {one.context.instructions for one in found} == {
            "Answer with a number.",
            "Answer in words.",
        }
