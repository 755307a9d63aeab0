"""A model that says what a script says: for tests, ours and users'.

A script (replies in order, or a function) and requests flow in, replies flow out.
Invariant: nothing is random and nothing is left over: a script that is used up is an
error, and every request it was asked is kept in ``asked``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from latm.errors import ModelUnavailableError
from latm.types import ChatRequest, Reply, Usage

Script = Sequence[str] | Callable[[ChatRequest], str]


class ScriptedModel:
    """Plays a script.

    Args:
        script: replies in order, or a function of the request.
        cost_usd: of each reply; None for an unknown price.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted:model",
        cost_usd: Decimal | None = Decimal("0.001"),
    ) -> None:
        self._script = script
        self._name = name
        self._cost = cost_usd
        self.asked: list[ChatRequest] = []

    @property
    def name(self) -> str:
        return self._name

    async def chat(self, request: ChatRequest) -> Reply:
        """The next reply; a word counts as a token.

        Raises:
            ModelUnavailableError: the script is used up.
        """
        await asyncio.sleep(0)
        self.asked.append(request)
        words = self._text(request).split(" ")
        cut = words[: request.max_tokens]
        usage = Usage(sum(len(m.content.split()) for m in request.messages), 0, len(cut))
        source = "script" if self._cost is not None else None
        finish = "length" if len(cut) < len(words) else "stop"
        return Reply(" ".join(cut), self._name, usage, self._cost, source, finish)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _text(self, request: ChatRequest) -> str:
        if callable(self._script):
            return self._script(request)
        number = len(self.asked)
        if number > len(self._script):
            raise ModelUnavailableError(
                f"the script of {self._name!r} has {len(self._script)} replies and was asked "
                f"for number {number}; add a reply"
            )
        return self._script[number - 1]
