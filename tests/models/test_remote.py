"""Remote models against a provider on loopback."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from stub import Answer, Script, Seen, Silence, Stub, completion, error, message, stub

from latm.errors import (
    ModelRefusedError,
    ModelUnavailableError,
    SettingsError,
    UnknownNameError,
)
from latm.models.remote import RemoteModel
from latm.settings import Price
from latm.types import ChatRequest, Message, Usage

KEY = "sk-very-secret-0123456789"
PERSON = json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
)


class Clock:
    """Keeps the waits that were asked for instead of waiting."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@asynccontextmanager
async def remote(
    script: Script,
    name: str = "openai:gpt-4o-mini",
    **options: Any,  # noqa: ANN401
) -> AsyncGenerator[tuple[RemoteModel, Stub]]:
    provider, _, model = name.partition(":")
    path = "" if provider == "anthropic" else "/v1"
    async with stub(script) as served:
        given: dict[str, Any] = {
            "api_key": KEY,
            "base_url": served.url + path,
            "timeout": 30.0,
            "sleep": Clock().sleep,
            **options,
        }
        opened = RemoteModel(provider, model, **given)
        try:
            yield opened, served
        finally:
            await opened.aclose()


def asked(text: str = "hi", **options: Any) -> ChatRequest:  # noqa: ANN401
    return ChatRequest((Message("user", text),), **options)


def echo_key(seen: Seen) -> Answer:
    said = seen.headers.get("authorization") or seen.headers.get("x-api-key") or "no key"
    return error(int(seen.headers.get("x-status", "401")), f"bad\n{said}\x1b[31m " + "x" * 900)


# --- replies ---------------------------------------------------------------------------


async def test_a_reply_has_text_name_and_usage_with_cached_tokens() -> None:
    said = completion("hello", cached=60)
    async with remote([said]) as (model, _):
        reply = await model.chat(asked())
    assert (reply.text, reply.model, reply.finish) == ("hello", "openai:gpt-4o-mini", "stop")
    assert reply.usage == Usage(100, 60, 10)


async def test_a_known_model_has_the_price_of_the_list_and_cached_tokens_cost_less() -> None:
    cached = completion("b", cached=60)
    async with remote([completion("a"), cached]) as (model, _):
        full, less = await model.chat(asked()), await model.chat(asked())
    assert full.price_source == less.price_source == "genai-prices"
    assert full.cost_usd is not None
    assert less.cost_usd is not None
    assert full.cost_usd > less.cost_usd > 0


@pytest.mark.parametrize("name", ["openai:nobody-knows-9", "myserver:gpt-4o-mini"])
async def test_an_unknown_price_is_none(name: str) -> None:
    said = completion("a", model=name.partition(":")[2])
    async with remote([said], name) as (model, _):
        reply = await model.chat(asked())
    assert (reply.cost_usd, reply.price_source) == (None, None)


async def test_a_price_of_the_settings_wins_over_the_list() -> None:
    price = Price(input=Decimal(1), output=Decimal(2), cached_input=Decimal("0.5"))
    said = completion("a", cached=60)
    async with remote([said], price=price) as (model, _):
        reply = await model.chat(asked())
    assert reply.cost_usd == Decimal("0.00009")  # 40 * 1 + 60 * 0.5 + 10 * 2, per million
    assert reply.price_source == "settings"


async def test_cached_tokens_cost_like_others_when_the_settings_give_no_price_for_them() -> None:
    price = Price(input=Decimal(1), output=Decimal(0))
    said = completion("a", cached=60)
    async with remote([said], price=price) as (model, _):
        assert (await model.chat(asked())).cost_usd == Decimal("0.0001")


@pytest.mark.parametrize("price", [None, Price(input=Decimal(1), output=Decimal(2))])
async def test_a_reply_without_usage_has_no_cost(price: Price | None) -> None:
    async with remote([completion("a", counted=False)], price=price) as (model, _):
        reply = await model.chat(asked())
    assert (reply.usage, reply.cost_usd, reply.price_source) == (Usage(), None, None)


@pytest.mark.parametrize(
    ("said", "finish"), [("stop", "stop"), ("length", "length"), ("content_filter", "other")]
)
async def test_why_a_reply_ended_is_told(said: str, finish: str) -> None:
    async with remote([completion("a", finish=said)]) as (model, _):
        assert (await model.chat(asked())).finish == finish


async def test_anthropic_counts_what_it_read_from_its_cache_as_input() -> None:
    said = message("hello", cache_read_input_tokens=1000, cache_creation_input_tokens=300)
    async with remote([said], "anthropic:claude-haiku-4-5") as (model, served):
        reply = await model.chat(asked(stop=("END",), max_tokens=7, schema=PERSON))
    assert served.seen[0].path.startswith("/v1/messages")
    assert (served.last["max_tokens"], served.last["stop_sequences"]) == (7, ["END"])
    assert served.last["output_config"]["format"]["type"] == "json_schema"
    assert (reply.text, reply.usage) == ("hello", Usage(1500, 1000, 50))
    assert reply.cost_usd is not None
    assert reply.cost_usd > 0


async def test_google_is_asked_in_its_own_protocol() -> None:
    said = Answer(
        {
            "candidates": [
                {"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}
            ],
            "usageMetadata": {
                "promptTokenCount": 8,
                "candidatesTokenCount": 2,
                "totalTokenCount": 10,
            },
            "modelVersion": "gemini-2.5-flash",
        }
    )
    async with stub([said]) as served:
        model = RemoteModel(
            "google", "gemini-2.5-flash", api_key=KEY, base_url=served.url, timeout=30
        )
        reply = await model.chat(asked(seed=3, schema=PERSON))
        await model.aclose()
    assert served.last["generationConfig"]["seed"] == 3
    assert (reply.text, reply.usage, reply.price_source) == ("hi", Usage(8, 0, 2), "genai-prices")


# --- on the wire -----------------------------------------------------------------------


async def test_the_whole_request_goes_over_the_wire() -> None:
    request = ChatRequest(
        (Message("system", "s"), Message("user", "u"), Message("assistant", "a")),
        temperature=0.25,
        max_tokens=33,
        seed=7,
        stop=("END",),
    )
    async with remote([completion("a")]) as (model, served):
        await model.chat(request)
    assert served.seen[0].path == "/v1/chat/completions"
    assert served.seen[0].headers["authorization"] == f"Bearer {KEY}"
    sent = [(m["role"], m["content"]) for m in served.last["messages"]]
    assert sent == [("system", "s"), ("user", "u"), ("assistant", "a")]
    wire = {k: served.last[k] for k in ("model", "temperature", "max_completion_tokens", "seed")}
    assert wire == {
        "model": "gpt-4o-mini",
        "temperature": 0.25,
        "max_completion_tokens": 33,
        "seed": 7,
    }
    assert served.last["stop"] == ["END"]
    assert "response_format" not in served.last


@pytest.mark.parametrize("name", ["openai:gpt-5-mini", "openai:o3", "anthropic:claude-opus-4-8"])
async def test_a_model_without_temperature_is_not_given_one(name: str) -> None:
    said = message("a") if name.startswith("anthropic") else completion("a")
    async with remote([said], name) as (model, served):
        await model.chat(asked())
    assert "temperature" not in served.last


async def test_another_provider_with_a_base_url_speaks_the_openai_protocol_without_a_key() -> None:
    async with remote([completion("a")], "myserver:org/m:free", api_key=None) as (model, served):
        reply = await model.chat(asked(max_tokens=5))
    assert reply.model == "myserver:org/m:free"
    assert (served.last["model"], served.last["max_tokens"]) == ("org/m:free", 5)


async def test_a_schema_goes_over_the_wire_for_the_provider_to_enforce() -> None:
    said = completion('{"name": "Ada"}')
    async with remote([said]) as (model, served):
        reply = await model.chat(asked(schema=PERSON))
    sent = served.last["response_format"]
    assert (sent["type"], sent["json_schema"]["strict"]) == ("json_schema", True)
    assert sent["json_schema"]["schema"] == json.loads(PERSON)
    assert reply.finish == "stop"


async def test_a_provider_that_enforces_no_schema_is_told_it_in_the_prompt() -> None:
    said = completion('{"name": "Ada"}')
    async with remote([said], "deepseek:deepseek-chat") as (model, served):
        reply = await model.chat(asked(schema=PERSON))
    assert served.last["response_format"] == {"type": "json_object"}
    assert any('"name"' in m["content"] for m in served.last["messages"])
    assert reply.finish == "stop"


@pytest.mark.parametrize("text", ['{"name": 1}', "no JSON", "[" * 100_000])
async def test_a_reply_that_does_not_fit_its_schema_is_marked(text: str) -> None:
    async with remote([completion(text)]) as (model, _):
        reply = await model.chat(asked(schema=PERSON))
    assert (reply.text, reply.finish) == (text, "other")


# --- retries ---------------------------------------------------------------------------


async def test_a_busy_provider_is_asked_again_when_it_says_so() -> None:
    clock = Clock()
    busy = [error(429, Retry_After="0"), error(429, Retry_After="3"), completion("at last")]
    async with remote(busy, sleep=clock.sleep) as (model, served):
        assert (await model.chat(asked())).text == "at last"
    assert (len(served.seen), clock.waits) == (3, [0, 3])


async def test_waits_grow_and_are_drawn_by_chance() -> None:
    class Most(random.Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0
            return b

    clock = Clock()
    async with remote([error(503)], retries=6, sleep=clock.sleep, chance=Most(), timeout=999) as (
        model,
        served,
    ):
        with pytest.raises(ModelUnavailableError, match="503"):
            await model.chat(asked())
    assert len(served.seen) == 7
    assert clock.waits == [0.5, 1, 2, 4, 8, 8]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
async def test_errors_that_do_not_pass_make_the_model_unavailable(status: int) -> None:
    async with remote([error(status, "broken")], retries=1) as (model, served):
        with pytest.raises(ModelUnavailableError) as raised:
            await model.chat(asked())
    assert len(served.seen) == 2
    assert f"'openai:gpt-4o-mini' is unavailable: status {status}: broken" in str(raised.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_refused_request_is_not_tried_again(status: int) -> None:
    async with remote([error(status, "no such thing")]) as (model, served):
        with pytest.raises(ModelRefusedError) as raised:
            await model.chat(asked())
    assert len(served.seen) == 1
    assert f"'openai:gpt-4o-mini' refused the request: status {status}" in str(raised.value)


async def test_a_used_up_quota_is_not_tried_again() -> None:
    body = {"error": {"message": "pay", "type": "insufficient_quota", "code": "insufficient_quota"}}
    async with remote([Answer(body, 429)]) as (model, served):
        with pytest.raises(ModelUnavailableError, match="quota of the account"):
            await model.chat(asked())
    assert len(served.seen) == 1


async def test_a_wait_beyond_the_time_limit_is_not_begun() -> None:
    clock = Clock()
    async with remote([error(429, Retry_After="100")], sleep=clock.sleep) as (model, _):
        with pytest.raises(ModelUnavailableError, match="status 429"):
            await model.chat(asked())
    assert clock.waits == []


async def test_a_provider_that_never_answers_is_given_up() -> None:
    async with remote([Silence()], timeout=0.2) as (model, _):
        with pytest.raises(ModelUnavailableError, match=r"no answer in 0\.2 s"):
            await model.chat(asked())


async def test_a_closed_port_makes_the_model_unavailable() -> None:
    async with stub([Silence()]) as served:
        url = served.url
    clock = Clock()
    model = RemoteModel(
        "myserver", "m", api_key=KEY, base_url=url, timeout=30, retries=2, sleep=clock.sleep
    )
    with pytest.raises(ModelUnavailableError, match="set LATM_MYSERVER_BASE_URL"):
        await model.chat(asked())
    await model.aclose()
    assert len(clock.waits) == 2


async def test_an_answer_that_is_no_completion_makes_the_model_unavailable() -> None:
    async with remote([Answer({"hello": "world"})], retries=0) as (model, _):
        with pytest.raises(ModelUnavailableError):
            await model.chat(asked())


# --- secrets and settings --------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 500])
@pytest.mark.parametrize("name", ["openai:gpt-4o-mini", "anthropic:claude-haiku-4-5", "my:m"])
async def test_no_error_shows_the_key(name: str, status: int) -> None:
    def echo(seen: Seen) -> Answer:
        said = echo_key(seen)
        return Answer(said.body, status)

    async with remote(echo, name, retries=0) as (model, _):
        with pytest.raises((ModelRefusedError, ModelUnavailableError)) as raised:
            await model.chat(asked())
    assert raised.value.__context__ is None
    text = str(raised.value)
    assert "[key]" in text
    assert KEY not in text
    assert KEY not in repr(model) + repr(raised.value.__dict__)
    assert text.isprintable()
    assert len(text) < 400


def test_a_missing_key_is_told_with_the_variable_to_set() -> None:
    for provider in ("openai", "anthropic", "google", "groq"):
        with pytest.raises(SettingsError, match=f"set LATM_{provider.upper()}_API_KEY"):
            RemoteModel(provider, "m", api_key=None, base_url=None, timeout=1)


def test_an_unknown_provider_is_told_with_the_variable_to_set() -> None:
    with pytest.raises(UnknownNameError, match=r"'nobody:m'.*set LATM_NOBODY_BASE_URL"):
        RemoteModel("nobody", "m", api_key=KEY, base_url=None, timeout=1)
    with pytest.raises(UnknownNameError, match="set 'no-body' in the variable LATM_BASE_URLS"):
        RemoteModel("no-body", "m", api_key=KEY, base_url=None, timeout=1)


# --- life ------------------------------------------------------------------------------


async def test_a_closed_model_can_be_closed_again_and_opens_with_the_next_call() -> None:
    async with remote([completion("a")]) as (model, _):
        await model.aclose()
        await model.chat(asked())
        await model.aclose()
        await model.aclose()
        assert (await model.chat(asked())).text == "a"


async def test_concurrent_calls_get_their_own_answers() -> None:
    def echo(seen: Seen) -> Answer:
        return completion(seen.body["messages"][0]["content"])

    async with remote(echo) as (model, _):
        replies = await asyncio.gather(*(model.chat(asked(str(n))) for n in range(20)))
    assert [reply.text for reply in replies] == [str(n) for n in range(20)]


def test_the_client_library_is_imported_with_the_first_call_only() -> None:
    code = (
        "import sys; from latm.models.remote import RemoteModel; "
        "RemoteModel('openai', 'm', api_key='k', base_url=None, timeout=1); "
        "sys.exit(any(m.partition('.')[0] in {'pydantic_ai', 'openai'} for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
