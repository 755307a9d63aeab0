"""The gate: which requests a tool may serve at all, and under which class key.

A question, or a whole chat request, flows in; what is asked or a `Bypass` with the reason
flows out. Invariants: pure, and it refuses on doubt; whatever can change the right answer
is in the fingerprint, so a tool never serves a request that only looks like its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from latm.identity import canonical_json, digest
from latm.types import Message

MAX_CHARS = 200_000
"""Longer questions go to the upstream: no tool was verified on such."""


@dataclass(frozen=True, slots=True)
class Bypass:
    """No tool may serve this request. ``reason`` is one line."""

    reason: str


def admit(question: str, max_chars: int = MAX_CHARS) -> Bypass | None:
    """None when a tool may serve the question."""
    if len(question) > max_chars:
        return Bypass(f"the question has {len(question)} characters, tools serve {max_chars}")
    if not question.strip():
        return Bypass("the question is empty")
    if not is_text(question):
        return Bypass("the question holds half a surrogate pair, which is not text")
    return None


def is_text(question: str) -> bool:
    """Whether a string is Unicode text: it can be written as UTF-8."""
    try:
        question.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Request:
    """A chat request, as far as it can change the answer.

    Attributes:
        messages: in order; instructions of any kind are of role ``system``.
        tenant: whose request it is; tenants share no classes.
        form: canonical JSON of the parameters that change the right answer (response
            format, stop words, token biases, verbosity); empty without any.
        most_tokens: the bound on the answer that was asked for.
        foreign: what no tool can see or give (tools, images, several choices, an unknown
            field), in words; empty without any.
        steering: canonical JSON of what else steers the model (seed, penalties, effort,
            bounds), for repeating an answer; None where a sample is asked for.
    """

    messages: tuple[Message, ...]
    model: str
    tenant: str = ""
    form: str = ""
    most_tokens: int | None = None
    foreign: str = ""
    steering: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that a tool may serve.

    Attributes:
        fingerprint: class key of all that stands around the question.
        bare: nothing stands around it: no instructions, no form.
        most_bytes: an answer up to this size certainly fits the bound that was asked for.
        steering: of the `Request`.
    """

    question: str
    fingerprint: str
    bare: bool
    most_bytes: int | None = None
    steering: str | None = None


def asked(request: Request) -> Asked | Bypass:
    """What a chat request asks, if a tool may serve it."""
    if request.foreign:
        return Bypass(request.foreign)
    *instructions, last = request.messages or (Message("system", ""),)
    if last.role != "user":
        return Bypass(f"the last message is of role {last.role!r}, tools serve 'user'")
    if any(message.role != "system" for message in instructions):
        return Bypass(f"the chat has {len(request.messages)} messages, tools serve one turn")
    if (bypass := admit(last.content)) is not None:
        return bypass
    return Asked(
        last.content,
        fingerprint(request),
        bare=not instructions and not request.form,
        # A token is at least one byte of text.
        most_bytes=request.most_tokens,
        steering=request.steering,
    )


def fingerprint(request: Request) -> str:
    """The class key: a hash of tenant, model, earlier messages and form; never truncated."""
    earlier = [[message.role, message.content] for message in request.messages[:-1]]
    return digest(canonical_json([request.tenant, request.model, earlier, request.form]))
