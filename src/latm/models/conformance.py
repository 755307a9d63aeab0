"""What every model must do: one suite for all adapters, ours and those of plug-ins.

A fresh model flows into each check; it returns or raises `NotConformingError`. Invariant: a
check uses nothing but the `Model` protocol, and asks nothing that a small model cannot do.
It does not judge what a model says, only how the adapter hands it on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal

from latm.models import Model
from latm.types import ChatRequest, Message, Reply

Conformance = Callable[[Model], Awaitable[None]]


class NotConformingError(AssertionError):
    """The adapter does not do what a model must do."""


async def check_all(model_factory: Callable[[], Model]) -> None:
    """All checks, each with a model of its own, which is closed afterwards.

    Raises:
        NotConformingError: at the first that does not hold.
    """
    for check in CHECKS:
        model = model_factory()
        try:
            await check(model)
        finally:
            await model.aclose()


def word_schema(word: str) -> str:
    """A schema that one answer fits: the object whose ``word`` is this one."""
    return json.dumps(
        {
            "type": "object",
            "properties": {"word": {"type": "string", "enum": [word]}},
            "required": ["word"],
            "additionalProperties": False,
        }
    )


def _demand(condition: bool, what: str, seen: object) -> None:
    # Not an assert statement: these run under `python -O` too.
    if not condition:
        raise NotConformingError(f"{what}; seen: {seen!r}")


async def _chat(
    model: Model, text: str = "Say hello.", *, schema: str | None = None, max_tokens: int = 64
) -> Reply:
    """Ask, and demand what must hold of every reply."""
    request = ChatRequest(
        (Message("user", text),), max_tokens=max_tokens, schema=schema, seed=0, stop=("\n\n\n",)
    )
    reply = await model.chat(request)
    _demand_sound(model, reply, max_tokens)
    return reply


def _demand_sound(model: Model, reply: Reply, max_tokens: int) -> None:
    usage, cost = reply.usage, reply.cost_usd
    _demand(type(reply.text) is str, "a reply is text", reply)
    _demand(reply.model == model.name, "a reply names the model in full", reply)
    _demand(reply.finish in ("stop", "length", "other"), "a reply says why it ended", reply)
    _demand(min(usage.input, usage.output) >= 0, "no count is negative", usage)
    _demand(0 <= usage.cached_input <= usage.input, "cached tokens are part of the input", usage)
    _demand(usage.output <= max_tokens, f"a reply has at most {max_tokens} tokens", usage)
    _demand((cost is None) == (reply.price_source is None), "a price has a source", reply)
    _demand(reply.price_source != "", "the source of a price has a name", reply)
    if cost is not None:
        _demand(type(cost) is Decimal and cost.is_finite(), "a cost is exact", reply)
        _demand(cost >= 0, "a cost is not negative", reply)


def _says(reply: Reply, word: str) -> bool:
    try:
        return bool(json.loads(reply.text) == {"word": word})
    except ValueError:
        return False


# --- the checks ------------------------------------------------------------------------


async def names_itself(model: Model) -> None:
    provider, colon, rest = model.name.partition(":")
    _demand(bool(provider and colon and rest), "a name is provider:model", model.name)


async def answers_with_text_usage_and_cost(model: Model) -> None:
    reply = await _chat(model)
    _demand(reply.text != "" or reply.finish != "stop", "an ordinary call is answered", reply)


async def ends_at_the_token_limit(model: Model) -> None:
    for limit in (1, 5):
        await _chat(model, "Count from one to fifty in English words.", max_tokens=limit)


async def takes_a_conversation(model: Model) -> None:
    messages = (
        Message("system", "You are brief."),
        Message("user", "Say hello."),
        Message("assistant", "Hello."),
        Message("user", 'Say it in French: "hé" \u2028 \U0001f600 {braces} <|tags|>'),
    )
    reply = await model.chat(ChatRequest(messages, max_tokens=32))
    _demand_sound(model, reply, 32)


async def fits_the_schema_or_says_that_it_does_not(model: Model) -> None:
    reply = await _chat(model, 'Answer with {"word": "apple"}.', schema=word_schema("apple"))
    # One that knows no schemas may say so by `finish`; it must not claim a fit.
    _demand(reply.finish != "stop" or _says(reply, "apple"), "a finished reply fits", reply)


async def does_not_mix_up_concurrent_chats(model: Model) -> None:
    words = [f"w{n}" for n in range(6)]
    replies = await asyncio.gather(
        *(_chat(model, f'Answer with {{"word": "{w}"}}.', schema=word_schema(w)) for w in words)
    )
    for word, reply in zip(words, replies, strict=True):
        right = reply.finish != "stop" or _says(reply, word)
        _demand(right, f"the chat about {word!r} gets its own reply", reply)


async def outlives_a_cancelled_chat(model: Model) -> None:
    chat = asyncio.ensure_future(_chat(model, "Count from one to fifty.", max_tokens=256))
    await asyncio.sleep(0)
    chat.cancel()
    await asyncio.wait([chat])
    await _chat(model)


async def may_be_closed_twice(model: Model) -> None:
    await _chat(model)
    await model.aclose()
    await model.aclose()


async def may_be_closed_unused(model: Model) -> None:
    await model.aclose()
    await model.aclose()


CHECKS: tuple[Conformance, ...] = (
    names_itself,
    answers_with_text_usage_and_cost,
    ends_at_the_token_limit,
    takes_a_conversation,
    fits_the_schema_or_says_that_it_does_not,
    does_not_mix_up_concurrent_chats,
    outlives_a_cancelled_chat,
    may_be_closed_twice,
    may_be_closed_unused,
)
