"""A tool's answer looks like an upstream's to every client, and says so in headers only."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import ResponseCompletedEvent
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from latm.gateway.app import Parts
from latm.runtime import opened
from latm.settings import Settings
from latm.types import Message
from latm.using.gate import Request, fingerprint

from .harness import (
    RawUpstream,
    Running,
    gateway,
    http,
    store_sorting,
    until_ready,
    upstream,
)

QUESTION = "Sort the words: pear fig apple"
ANSWER = "apple fig pear"
PASSED = b'{"passed":"on"}'
TURN = {"role": "user", "content": QUESTION}
ASK: dict[str, object] = {"model": "gpt-4o", "messages": [TURN]}


@pytest.fixture
async def stub() -> AsyncGenerator[RawUpstream]:
    async with upstream(http(PASSED)) as served:
        yield served


@pytest.fixture
async def running(home: Path, stub: RawUpstream) -> AsyncGenerator[Running]:
    await store_sorting(home)
    async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as started:
        await until_ready(started, "1 tools serve")
        yield started


# --- clients ---------------------------------------------------------------------------


async def test_the_official_client_reads_a_tools_answer(
    running: Running, stub: RawUpstream
) -> None:
    async with AsyncOpenAI(base_url=running.url, api_key="k", max_retries=0) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": QUESTION}]
        )
        said = raw.parse()
    assert (said.choices[0].message.content, said.choices[0].finish_reason) == (ANSWER, "stop")
    assert (said.object, said.model) == ("chat.completion", "gpt-4o")
    assert said.usage is not None
    assert said.usage.total_tokens == 0
    assert (raw.headers["x-latm-rung"], raw.headers["x-latm-tool"]) == ("tool", "sorting")
    assert float(raw.headers["x-latm-cost-usd"]) == 0
    assert float(raw.headers["x-latm-avoided-usd"]) > 0
    assert said.id.endswith(raw.headers["x-latm-request-id"])
    assert stub.seen == []


async def test_the_official_client_reads_a_stream_of_several_pieces(running: Running) -> None:
    async with AsyncOpenAI(base_url=running.url, api_key="k", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    said = [delta.content for delta in deltas if delta.content]
    assert len(said) == 3
    assert "".join(said) == ANSWER
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def ask_in_sync(url: str) -> list[str | None]:
    with OpenAI(base_url=url, api_key="k", max_retries=0) as client:
        whole = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": QUESTION}]
        )
        stream = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
        response = client.responses.create(model="gpt-4o", input=QUESTION)
        return [whole.choices[0].message.content, "".join(pieces), response.output_text]


async def test_the_official_client_without_an_event_loop_reads_them_too(running: Running) -> None:
    assert await asyncio.to_thread(ask_in_sync, running.url) == [ANSWER] * 3


async def test_a_response_streams_as_the_events_of_its_api(running: Running) -> None:
    async with AsyncOpenAI(base_url=running.url, api_key="k", max_retries=0) as client:
        stream = await client.responses.create(
            model="gpt-4o", input=[{"role": "user", "content": QUESTION}], stream=True
        )
        events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == ANSWER
    last = events[-1]
    assert isinstance(last, ResponseCompletedEvent)
    assert last.response.output_text == ANSWER


async def test_pydantic_ai_works_unchanged(running: Running) -> None:
    async with AsyncOpenAI(base_url=running.url, api_key="k", max_retries=0) as client:
        model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client))
        agent = Agent(model)
        assert (await agent.run(QUESTION)).output == ANSWER
        async with agent.run_stream(QUESTION) as streamed:
            assert await streamed.get_output() == ANSWER


async def finished(*words: str, **environ: str) -> str:
    """What a program prints."""
    started = await asyncio.create_subprocess_exec(
        *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ or None
    )
    out, err = await started.communicate()
    assert started.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
async def test_curl_works_unchanged(running: Running) -> None:
    said = await finished(
        "curl", "-sS", f"{running.url}/chat/completions",
        "-H", "Content-Type: application/json", "-d", json.dumps(ASK),
    )  # fmt: skip
    assert json.loads(said)["choices"][0]["message"]["content"] == ANSWER


LITELLM = """
    import litellm, sys
    ask = dict(model="openai/gpt-4o", api_base=sys.argv[1], api_key="k", num_retries=0,
               messages=[dict(role="user", content=sys.argv[2])])
    print(litellm.completion(**ask).choices[0].message.content)
    stream = litellm.completion(**ask, stream=True)
    print("".join(chunk.choices[0].delta.content or "" for chunk in stream))
"""


@pytest.mark.slow
async def test_litellms_client_works_unchanged(running: Running, home: Path) -> None:
    said = await finished(
        sys.executable, "-c", textwrap.dedent(LITELLM), running.url, QUESTION,
        LITELLM_LOCAL_MODEL_COST_MAP="True", HOME=str(home), PATH="",
    )  # fmt: skip
    assert said.splitlines()[-2:] == [ANSWER, ANSWER]


# --- what is served, and what is not ---------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"n": 2},
        {"logprobs": True},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"max_tokens": 5},
        {"stop": ["fig"]},
        {"response_format": {"type": "json_object"}},
        {"store": True},
        {"brand_new": 1},
        {"messages": [{"role": "user", "content": QUESTION, "name": "me"}]},
        {"messages": [{"role": "system", "content": "In French."}, TURN]},
        {"messages": [TURN, {"role": "assistant", "content": "?"}, TURN]},
        {"messages": [{"role": "user", "content": "Sort the numbers: 2 1"}]},
    ],
)
async def test_whatever_a_tool_was_not_made_for_passes_on(
    running: Running, stub: RawUpstream, changed: Mapping[str, object]
) -> None:
    got = await running.post({**ASK, **changed})
    assert (got.body, got.headers["x-latm-rung"]) == (PASSED, "upstream")
    assert len(stub.seen) == 1


async def test_what_does_not_matter_to_the_answer_is_served(running: Running) -> None:
    part = [{"type": "text", "text": QUESTION}]
    got = await running.post(
        {
            **ASK,
            "messages": [{"role": "user", "content": part}],
            "temperature": 1.0,
            "user": "u",
            "max_tokens": 14,
            "tools": None,
            "response_format": {"type": "text"},
        }
    )
    assert json.loads(got.body)["choices"][0]["message"]["content"] == ANSWER


async def test_a_client_may_opt_out_of_one_request(running: Running) -> None:
    assert (await running.post(ASK, x_latm="off")).body == PASSED
    assert (await running.post(ASK)).headers["x-latm-rung"] == "tool"


async def test_a_tool_that_is_added_while_the_gateway_runs_serves(
    home: Path, stub: RawUpstream
) -> None:
    async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as started:
        await until_ready(started, "0 tools serve")
        assert (await started.post(ASK)).body == PASSED
        await store_sorting(home)
        await until_ready(started, "1 tools serve")
        assert (await started.post(ASK)).headers["x-latm-rung"] == "tool"


async def test_a_tool_with_a_fingerprint_serves_only_requests_of_that_fingerprint(
    home: Path, stub: RawUpstream
) -> None:
    said = "In French."
    messages = (Message("system", said), Message("user", QUESTION))
    await store_sorting(home, fingerprint=fingerprint(Request(messages, "gpt-4o")))
    own = {**ASK, "messages": [{"role": "system", "content": said}, TURN]}
    other = {**ASK, "messages": [{"role": "system", "content": "In Greek."}, TURN]}
    async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as started:
        await until_ready(started, "1 tools serve")
        assert (await started.post(own)).headers["x-latm-rung"] == "tool"
        for request in (ASK, other, {**own, "model": "gpt-5"}):
            assert (await started.post(request)).body == PASSED
    async with opened(Settings(home=home)) as runtime:
        flow = await runtime.flow(rungs=("tool",))
        assert (await flow.answer(QUESTION, rungs=("tool",))).text is None, "nor without a gateway"


@pytest.mark.parametrize(
    "source",
    ["def solve(words):\n    raise ValueError('no')", "def solve(words):\n    while True: pass"],
)
async def test_where_a_tool_breaks_or_hangs_the_upstream_answers(
    home: Path, stub: RawUpstream, source: str
) -> None:
    await store_sorting(home, source=source)
    async with gateway(home, stub.url, sandbox_wall_seconds=0.2, sandbox_cpu_seconds=0.2) as run:
        await until_ready(run, "1 tools serve")
        assert (await run.post(ASK)).body == PASSED


async def test_where_the_store_cannot_be_opened_the_upstream_answers(
    home: Path, stub: RawUpstream
) -> None:
    broken = home.parent / "latm.db"
    broken.write_bytes(b"no database" * 1000)
    async with gateway(home, stub.url, db=str(broken)) as started:
        await until_ready(started, "StoreError")
        assert (await started.post(ASK)).body == PASSED
        assert (await started.get("/readyz")).status == 200
