"""The gate: which requests a tool may serve at all.

A question, or the messages of a chat, flow in; the question's text or a `Bypass` with the
reason flows out. Invariant: pure, and it refuses on doubt: whatever a tool cannot see
(earlier turns, other roles) must not be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def single_turn(messages: Sequence[Message]) -> str | Bypass:
    """The question of a chat that consists of one user message and nothing else.

    A system message changes what the right answer is, so it is not dropped silently.
    """
    if len(messages) != 1:
        return Bypass(f"the chat has {len(messages)} messages, tools serve one")
    if messages[0].role != "user":
        return Bypass(f"the only message is of role {messages[0].role!r}, tools serve 'user'")
    return messages[0].content
