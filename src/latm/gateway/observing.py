"""Observing: each answer that went out flows in; what becomes of it is the observer's.

Invariants: an observer sees an answer only after the client has it; without an observer
nothing is kept.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel

from latm.gateway.reading import Incoming
from latm.gateway.sse import split
from latm.gateway.upstream import Call
from latm.types import Answer, Usage
from latm.using.gate import Asked, Bypass

MOST_KEPT = 4 * 1024 * 1024
"""Bytes of an answer that are kept for an observer; a longer one is not complete."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One request and its answer.

    Attributes:
        request_id: as the client was told.
        asked: what a tool may serve, or why none may; None in a body that was not read.
        served: the answer of a tool; None: the upstream answered.
        status: of the response; ``body`` its bytes as the upstream sent them.
        complete: the client has all of it.
        opted_out: the client, or its key, wants no part of this.
        call: the request as it went, or would have gone, to the upstream.
    """

    request_id: str
    tenant: str
    incoming: Incoming
    asked: Asked | Bypass | None
    served: Answer | None
    status: int
    media_type: str
    encoding: str
    body: bytes
    complete: bool
    opted_out: bool
    seconds: float
    call: Call | None = None


class Observer(Protocol):
    """Is told of every chat completion and response; must neither block nor raise."""

    def observe(self, seen: Observed) -> None: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What an upstream said. ``finish`` is ``stop`` for an answer that ended by itself."""

    text: str
    finish: str
    usage: Usage | None
    model: str


def heard(seen: Observed) -> Heard | None:
    """The upstream's answer as text; None unless it is sound, whole and text only."""
    if seen.served is not None or seen.status != 200 or not seen.complete:
        return None
    try:
        body = decoded(seen.body, seen.encoding)
        streamed = seen.media_type == "text/event-stream"
        if seen.incoming.kind == "chat":
            return _streamed_chat(body) if streamed else _chat(body)
        return _response(_last_response(body) if streamed else _Response.model_validate_json(body))
    except (ValueError, zlib.error):
        # What does not have the API's shape teaches nothing.
        return None


# --- the API's shapes, as far as they are read -----------------------------------------


class _Details(BaseModel):
    cached_tokens: int = 0


class _ChatUsage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else 0
        return Usage(self.prompt_tokens, cached, self.completion_tokens)


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[object] | None = None

    @property
    def foreign(self) -> bool:
        """Whether it says more than text."""
        return bool(self.refusal or self.tool_calls)


class _Choice(BaseModel):
    index: int
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None


class _Chat(BaseModel):
    model: str
    choices: list[_Choice]
    usage: _ChatUsage | None = None


class _Part(BaseModel):
    type: Literal["output_text"]
    text: str


class _Item(BaseModel):
    type: Literal["message", "reasoning"]
    content: list[_Part] | None = None


class _ResponseUsage(BaseModel):
    input_tokens: int
    output_tokens: int
    input_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        cached = self.input_tokens_details.cached_tokens if self.input_tokens_details else 0
        return Usage(self.input_tokens, cached, self.output_tokens)


class _Response(BaseModel):
    model: str
    status: str
    output: list[_Item]
    usage: _ResponseUsage | None = None


class _Completed(BaseModel):
    type: Literal["response.completed"]
    response: _Response


def _chat(body: bytes) -> Heard | None:
    value = _Chat.model_validate_json(body)
    message = value.choices[0].message if len(value.choices) == 1 else None
    finish = value.choices[0].finish_reason if message else None
    if message is None or message.foreign or message.content is None or finish is None:
        return None
    usage = value.usage.usage() if value.usage else None
    return Heard(message.content, finish, usage, value.model)


def _streamed_chat(body: bytes) -> Heard | None:
    found = split(body)
    if not found or found[-1].data != "[DONE]":
        return None
    chunks = [_Chat.model_validate_json(event.data) for event in found[:-1]]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    deltas = [choice.delta for choice in choices if choice.delta is not None]
    finish = next((choice.finish_reason for choice in choices if choice.finish_reason), None)
    one = all(choice.index == 0 for choice in choices)
    if finish is None or not one or any(delta.foreign for delta in deltas):
        return None
    usage = next((chunk.usage.usage() for chunk in chunks if chunk.usage), None)
    text = "".join(delta.content or "" for delta in deltas)
    return Heard(text, finish, usage, chunks[0].model)


def _last_response(body: bytes) -> _Response:
    found = [event for event in split(body) if event.data != "[DONE]"]
    if not found:
        raise ValueError("the stream holds no event")
    return _Completed.model_validate_json(found[-1].data).response


def _response(value: _Response) -> Heard | None:
    messages = [item for item in value.output if item.type == "message"]
    if value.status != "completed" or len(messages) != 1:
        return None
    text = "".join(part.text for part in messages[0].content or [])
    usage = value.usage.usage() if value.usage else None
    return Heard(text, "stop", usage, value.model)


def decoded(body: bytes, encoding: str) -> bytes:
    """The body without its compression, within the same bound."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"{encoding!r} is not read here")
    unpacked = zlib.decompressobj(wbits=47 if "gzip" in encoding else 15)
    text = unpacked.decompress(body, MOST_KEPT)
    if not unpacked.eof:
        raise ValueError("the answer is cut or too long")
    return text
