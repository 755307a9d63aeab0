"""Names of models: ``provider:model``.

Text flows in, a `ModelName` flows out. Invariant: the parts are never guessed; a name
without a provider is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from latm.errors import UnknownNameError

LOCAL = "local"
"""Embedded models; the model is a name of the catalog."""

RECORDED = "recorded"
"""Replayed models; the model is the path of the recording."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """A provider and the provider's own name of a model."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def parse(name: str) -> ModelName:
    """Split a full name.

    Raises:
        UnknownNameError: it has no provider or no model.
    """
    provider, colon, model = name.partition(":")
    if not colon or not provider or not model.strip():
        raise UnknownNameError(
            f"{name!r} is not a model's name: write provider:model, "
            "such as 'openai:gpt-5-mini' or 'local:qwen2.5-coder-1.5b'"
        )
    return ModelName(provider, model)
