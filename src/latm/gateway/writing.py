"""Answers of tools in the form of the API's: an `Answered` flows in, a body flows out.

Invariants: pure; a client cannot tell the shape from an upstream's, whole or streamed, and
the pieces of a stream add up to the text exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from latm.gateway.reading import Incoming
from latm.types import Json, Usage

Fields: TypeAlias = dict[str, Json]

# One piece for each word, and long runs cut: a client shows text as it comes.
_PIECE = re.compile(r"\s*\S{1,24}|\s+")


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer on its way out.

    Attributes:
        id: letters and digits, unique.
        created: Unix time, in seconds.
        usage: tokens that were really spent.
    """

    incoming: Incoming
    text: str
    usage: Usage
    id: str
    created: int


def whole(answered: Answered) -> bytes:
    """The body of an answer that does not stream."""
    if answered.incoming.kind == "responses":
        return _json(_response(answered, "completed"))
    message: Fields = {"role": "assistant", "content": answered.text, "refusal": None}
    choice: Fields = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _json(
        {**_head(answered, "chat.completion"), "choices": [choice], "usage": _chat_usage(answered)}
    )


def events(answered: Answered) -> Iterator[bytes]:
    """The server-sent events of an answer that streams."""
    if answered.incoming.kind == "responses":
        return _response_events(answered)
    return _chat_events(answered)


def pieces(text: str) -> list[str]:
    """A text in pieces of about a word."""
    return _PIECE.findall(text)


# --- chat completions ------------------------------------------------------------------


def _chat_events(answered: Answered) -> Iterator[bytes]:
    head = _head(answered, "chat.completion.chunk")
    usage: Fields = {"usage": None} if answered.incoming.usage else {}

    def chunk(delta: Fields, finish: str | None = None) -> bytes:
        choice: Fields = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: %b\n\n" % _json({**head, "choices": [choice], **usage})

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in pieces(answered.text):
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    if answered.incoming.usage:
        yield b"data: %b\n\n" % _json({**head, "choices": [], "usage": _chat_usage(answered)})
    yield b"data: [DONE]\n\n"


def _head(answered: Answered, form: str) -> Fields:
    return {
        "id": f"chatcmpl-{answered.id}",
        "object": form,
        "created": answered.created,
        "model": answered.incoming.request.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _chat_usage(answered: Answered) -> Fields:
    usage = answered.usage
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


# --- responses -------------------------------------------------------------------------


def _response_events(answered: Answered) -> Iterator[bytes]:
    at: Fields = {"item_id": f"msg_{answered.id}", "output_index": 0, "content_index": 0}
    steps: list[tuple[str, Fields]] = [
        ("response.created", {"response": _response(answered, "in_progress")}),
        ("response.in_progress", {"response": _response(answered, "in_progress")}),
        ("response.output_item.added", {"output_index": 0, "item": _message(answered, None)}),
        ("response.content_part.added", {**at, "part": _part("")}),
        *(
            ("response.output_text.delta", {**at, "delta": piece, "logprobs": []})
            for piece in pieces(answered.text)
        ),
        ("response.output_text.done", {**at, "text": answered.text, "logprobs": []}),
        ("response.content_part.done", {**at, "part": _part(answered.text)}),
        (
            "response.output_item.done",
            {"output_index": 0, "item": _message(answered, answered.text)},
        ),
        ("response.completed", {"response": _response(answered, "completed")}),
    ]
    for number, (name, fields) in enumerate(steps):
        data = _json({"type": name, "sequence_number": number, **fields})
        yield b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _response(answered: Answered, status: str) -> Fields:
    done, usage = status == "completed", answered.usage
    spent: Json = {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_input},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total,
    }
    output: list[Json] = [_message(answered, answered.text)] if done else []
    return {
        "id": f"resp_{answered.id}",
        "object": "response",
        "created_at": answered.created,
        "completed_at": answered.created if done else None,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": answered.incoming.request.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": spent if done else None,
        "user": None,
    }


def _message(answered: Answered, text: str | None) -> Fields:
    return {
        "id": f"msg_{answered.id}",
        "type": "message",
        "status": "in_progress" if text is None else "completed",
        "role": "assistant",
        "content": [] if text is None else [_part(text)],
    }


def _part(text: str) -> Fields:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _json(value: Fields) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
