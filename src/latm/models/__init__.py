"""Seam: one chat call in; text, token usage and cost out.

A `ChatRequest` flows in, a `Reply` flows out. Invariant: a model has no side effect
besides the call, and an unknown price is None, never 0. Adapters: `remote` (any
provider), `local` (llama.cpp in a child process), `scripted` and `recorded` (for
tests). Any adapter must pass `latm.models.conformance`.
"""

from __future__ import annotations

from typing import Protocol

from latm.types import ChatRequest, Reply


class Model(Protocol):
    """A chat model."""

    @property
    def name(self) -> str:
        """Full name, ``provider:model``."""
        ...

    async def chat(self, request: ChatRequest) -> Reply:
        """Answer one request.

        Raises:
            ModelUnavailableError: it cannot be reached, started or loaded.
            ModelRefusedError: the provider rejected this request itself.
        """
        ...

    async def aclose(self) -> None:
        """Release what the model holds; may be called twice."""
        ...
