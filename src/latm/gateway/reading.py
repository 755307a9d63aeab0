"""Reading of requests: the bytes of a body flow in, an `Incoming` or a `Refusal` flows out.

Invariants: only what cannot be a request at all is refused; whatever is merely unknown here
is foreign to tools and goes on to the upstream as it came.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from latm.gateway.refusal import Refusal
from latm.identity import canonical_json
from latm.types import Json, Message
from latm.using.gate import Request

Kind: TypeAlias = Literal["chat", "responses"]
Body: TypeAlias = Mapping[str, Json]

LARGEST = 1024 * 1024
"""Bytes; a larger body cannot be a question for a tool, so it is not even parsed."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What the gateway has to know of a request.

    Attributes:
        request: what decides about the answer.
        stream: whether the answer is to come in pieces; ``usage``: with a last one on tokens.
        shareable: whether two of these at the same time may have one answer: no sample is
            asked for, and nothing is kept at the upstream.
    """

    kind: Kind
    request: Request
    stream: bool = False
    usage: bool = False
    shareable: bool = False


def read(kind: Kind, raw: bytes, tenant: str) -> Incoming | Refusal:
    """Read the body of a request."""
    if len(raw) > LARGEST:
        foreign = f"the request has {len(raw)} bytes, tools serve {LARGEST}"
        return Incoming(kind, Request((), "", tenant, foreign=foreign))
    repeated: list[str] = []

    def object_of(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        made = dict(pairs)
        if len(made) != len(pairs):
            repeated.append("the request has a key twice")
        return made

    try:
        value = cast(
            "Json",
            json.loads(
                raw.decode("utf-8"), object_pairs_hook=object_of, parse_constant=_no_constant
            ),
        )
    except (ValueError, RecursionError):
        return Refusal(400, "the request's body is not JSON; send one JSON object in UTF-8")
    if not isinstance(value, dict):
        return Refusal(400, "the request's body is not a JSON object; send one")
    body = {name: item for name, item in value.items() if item is not None}
    if (wrong := _wrong(body)) is not None:
        return wrong
    incoming = _chat(body, tenant) if kind == "chat" else _responses(body, tenant)
    if repeated and not incoming.request.foreign:
        return replace(incoming, request=replace(incoming.request, foreign=repeated[0]))
    return incoming


# --- fields of the wrong type ----------------------------------------------------------


def _integer(least: int, most: int) -> Callable[[Json], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _number(value: Json) -> bool:
    return type(value) in (int, float) and math.isfinite(cast("float", value))


def _boolean(value: Json) -> bool:
    return isinstance(value, bool)


_MOST_INT = 2**31 - 1
_TYPES: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "model": (lambda value: isinstance(value, str), "a string"),
    "stream": (_boolean, "true or false"),
    "n": (_integer(1, 128), "an integer from 1 to 128"),
    "max_tokens": (_integer(0, _MOST_INT), "a positive integer"),
    "max_completion_tokens": (_integer(0, _MOST_INT), "a positive integer"),
    "max_output_tokens": (_integer(0, _MOST_INT), "a positive integer"),
    "temperature": (_number, "a number"),
    "top_p": (_number, "a number"),
    "presence_penalty": (_number, "a number"),
    "frequency_penalty": (_number, "a number"),
}


def _wrong(body: Body) -> Refusal | None:
    """A refusal for the first field that no API would take."""
    for name, (fits, form) in _TYPES.items():
        if name in body and not fits(body[name]):
            return Refusal(400, f"{name!r} is not {form}; send {form}", code="invalid_type")
    return None


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


# --- chat completions ------------------------------------------------------------------

# What may stand in a request that a tool serves; ours to read, or no matter to the answer.
_COMMON = frozenset(
    "model stream temperature top_p user metadata safety_identifier prompt_cache_key service_tier "
    "parallel_tool_calls tools tool_choice store".split()
)
_CHAT = _COMMON | frozenset(
    "messages stream_options presence_penalty frequency_penalty seed max_tokens "
    "max_completion_tokens n stop logit_bias response_format reasoning_effort verbosity logprobs "
    "modalities".split()
)
_RESPONSES = _COMMON | frozenset(
    "input instructions max_output_tokens text reasoning truncation include background".split()
)
# A value other than these asks for what no tool gives.
_PLAIN: Mapping[str, tuple[Json, ...]] = {
    "n": (1,),
    "store": (False,),
    "logprobs": (False,),
    "modalities": (["text"],),
    "tools": ([],),
    "tool_choice": ("auto", "none"),
    "include": ([],),
    "background": (False,),
}


def _chat(body: Body, tenant: str) -> Incoming:
    options = body.get("stream_options")
    bounds = (body.get("max_tokens"), body.get("max_completion_tokens"))
    form = {
        "format": _chat_format(body.get("response_format")),
        "stop": body.get("stop"),
        "bias": body.get("logit_bias"),
        "verbosity": body.get("verbosity"),
    }
    messages = _messages(body.get("messages"), "text")
    return Incoming(
        "chat",
        _request(body, tenant, messages, form, bounds, _foreign(body, _CHAT)),
        stream=body.get("stream") is True,
        usage=isinstance(options, dict) and options.get("include_usage") is True,
        shareable=not _sampled(body) and body.get("store") is not True,
    )


def _responses(body: Body, tenant: str) -> Incoming:
    text = body.get("text")
    settings = text if isinstance(text, dict) else {}
    form = {
        "format": None if settings.get("format") == {"type": "text"} else settings.get("format"),
        "verbosity": settings.get("verbosity"),
        "unread": None if text is None or settings.keys() <= {"format", "verbosity"} else text,
    }
    asked = body.get("input")
    turns: Json = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    messages = _messages(turns, "input_text")
    if messages is not None and "instructions" in body:
        said = body["instructions"]
        messages = (Message("system", said), *messages) if isinstance(said, str) else None
    bounds = (body.get("max_output_tokens"),)
    return Incoming(
        "responses",
        _request(body, tenant, messages, form, bounds, _foreign(body, _RESPONSES)),
        stream=body.get("stream") is True,
        usage=True,
        shareable=not _sampled(body) and body.get("store") is False,
    )


def _request(
    body: Body,
    tenant: str,
    messages: tuple[Message, ...] | None,
    form: Mapping[str, Json],
    bounds: Sequence[Json],
    foreign: str,
) -> Request:
    model = body.get("model")
    stated = {name: value for name, value in form.items() if value is not None}
    if messages is None:
        messages, foreign = (), foreign or "a message is more than text"
    if not isinstance(model, str):
        model, foreign = "", foreign or "the request names no model"
    return Request(
        messages,
        model,
        tenant,
        canonical_json(stated) if stated else "",
        min((bound for bound in bounds if isinstance(bound, int)), default=None),
        foreign,
        _steering(body),
    )


def _foreign(body: Body, known: frozenset[str]) -> str:
    """What no tool can see or give, in words; empty without any."""
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        return f"the request has the field {unknown[:40]!r}"
    special = next((name for name in body if body[name] not in _PLAIN.get(name, (body[name],))), "")
    return f"{special!r} asks for what no tool gives" if special else ""


def _sampled(body: Body) -> bool:
    """Whether one answer out of many is asked for, so that two requests want two."""
    temperature = body.get("temperature")
    return isinstance(temperature, int | float) and temperature > 0


# Fields that say who asks, how the answer comes and what becomes of it, or that stand in
# the fingerprint already; every other one may steer the model.
_ASIDE = frozenset(
    "model messages input instructions stream stream_options user metadata safety_identifier "
    "prompt_cache_key service_tier store response_format stop logit_bias verbosity text".split()
)


def _steering(body: Body) -> str | None:
    """What besides the text steers the model, as canonical JSON; None with a sample."""
    if _sampled(body):
        return None
    return canonical_json({name: body[name] for name in body if name not in _ASIDE})


def _chat_format(value: Json) -> Json:
    """The response format in the shape of the Responses API; None for plain text."""
    if not isinstance(value, dict) or value == {"type": "text"}:
        return None if isinstance(value, dict) else value
    schema = value.get("json_schema")
    if value.keys() == {"type", "json_schema"} and isinstance(schema, dict):
        return {"type": value["type"], **schema}
    return value


_ROLES: Mapping[Json, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def _messages(value: Json, part: str) -> tuple[Message, ...] | None:
    """Messages of text only; None when there is more to them."""
    if not isinstance(value, list):
        return None
    found: list[Message] = []
    for item in value:
        if not isinstance(item, dict) or not item.keys() <= {"role", "content", "type"}:
            return None
        role, text = item.get("role"), _text(item.get("content"), part)
        if not isinstance(role, str) or role not in _ROLES or text is None:
            return None
        if item.get("type", "message") != "message":
            return None
        found.append(Message(_ROLES[role], text))
    return tuple(found)


def _text(content: Json, part: str) -> str | None:
    """The text of a message that is a string or one part of text."""
    if isinstance(content, list) and len(content) == 1:
        only = content[0]
        if not isinstance(only, dict) or only.keys() != {"type", "text"} or only["type"] != part:
            return None
        content = only["text"]
    return content if isinstance(content, str) else None
