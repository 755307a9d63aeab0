"""Every adapter does what a model must do, and the suite catches one that does not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from stub import Answer, Seen, completion, message, stub

from latm.models import Model, conformance
from latm.models.conformance import CHECKS, Conformance, NotConformingError, check_all
from latm.models.recorded import RecordedModel
from latm.models.remote import RemoteModel
from latm.models.scripted import ScriptedModel
from latm.types import ChatRequest, Reply, Usage


def answer(question: str) -> str:
    """What a model that follows instructions says to the suite's questions."""
    wanted = re.search(r"\{.*\}", question)
    return wanted[0] if wanted and "Answer with" in question else "hello there"


def scripted() -> ScriptedModel:
    return ScriptedModel(lambda request: answer(request.messages[-1].content))


def like_openai(seen: Seen) -> Answer:
    limit = seen.body.get("max_completion_tokens") or seen.body["max_tokens"]
    text = answer(seen.body["messages"][-1]["content"])
    return completion(text, output=min(limit, 5))


def like_anthropic(seen: Seen) -> Answer:
    text = answer(seen.body["messages"][-1]["content"][0]["text"])
    return message(text, output_tokens=min(seen.body["max_tokens"], 5))


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncGenerator[Model]:
    if kind == "scripted":
        yield scripted()
    elif kind == "recorded":
        yield RecordedModel(folder / "recording.jsonl", scripted())
    else:
        provider, _, name = kind.partition(":")
        async with stub(like_anthropic if provider == "anthropic" else like_openai) as served:
            model = RemoteModel(provider, name, api_key="k", base_url=served.url, timeout=30)
            yield model
            await model.aclose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "kind",
    ["scripted", "recorded", "openai:gpt-4o-mini", "my:model", "anthropic:claude-haiku-4-5"],
)
async def test_an_adapter_conforms(kind: str, check: Conformance, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as model:
        await check(model)


async def test_the_whole_suite_runs_with_a_model_for_each_check() -> None:
    made: list[ScriptedModel] = []

    def factory() -> ScriptedModel:
        made.append(scripted())
        return made[-1]

    await check_all(factory)
    assert len(made) == len(CHECKS)


# --- adapters that do not conform ------------------------------------------------------


class Faulty:
    """A model whose replies are spoilt on their way."""

    def __init__(self, spoil: Callable[[Reply], Reply]) -> None:
        self._inner = scripted()
        self._spoil = spoil
        self.name = self._inner.name

    async def chat(self, request: ChatRequest) -> Reply:
        return self._spoil(await self._inner.chat(request))

    async def aclose(self) -> None:
        """Nothing to release."""


class Mixing(Faulty):
    """Hands the replies of concurrent chats out in the wrong order."""

    def __init__(self) -> None:
        super().__init__(lambda reply: reply)
        self._last: Reply | None = None

    async def chat(self, request: ChatRequest) -> Reply:
        mine = await super().chat(request)
        self._last = mine
        await asyncio.sleep(0)
        return self._last


FAULTS: dict[str, Callable[[Reply], Reply]] = {
    "the short name": lambda r: replace(r, model="model"),
    "a negative count": lambda r: replace(r, usage=Usage(-1, 0, 1)),
    "more cached than read": lambda r: replace(r, usage=Usage(1, 2, 1)),
    "too many tokens": lambda r: replace(r, usage=Usage(1, 0, 10_000)),
    "nothing for an unknown price": lambda r: replace(r, cost_usd=Decimal(0), price_source=None),
    "a source without a price": lambda r: replace(r, cost_usd=None, price_source="list"),
    "a price that is no number": lambda r: replace(r, cost_usd=Decimal("NaN")),
    "a negative price": lambda r: replace(r, cost_usd=Decimal(-1)),
    "no text": lambda r: replace(r, text=""),
}


@pytest.mark.parametrize("spoil", FAULTS.values(), ids=FAULTS.keys())
async def test_a_spoilt_reply_does_not_conform(spoil: Callable[[Reply], Reply]) -> None:
    with pytest.raises(NotConformingError, match="seen: "):
        await conformance.answers_with_text_usage_and_cost(Faulty(spoil))


async def test_a_model_that_claims_a_fit_does_not_conform() -> None:
    model = Faulty(lambda r: replace(r, text="not JSON"))
    with pytest.raises(NotConformingError, match="fits"):
        await conformance.fits_the_schema_or_says_that_it_does_not(model)


async def test_a_model_that_mixes_chats_up_does_not_conform() -> None:
    with pytest.raises(NotConformingError, match="its own reply"):
        await conformance.does_not_mix_up_concurrent_chats(Mixing())


async def test_a_model_without_a_provider_does_not_conform() -> None:
    with pytest.raises(NotConformingError, match="provider:model"):
        await conformance.names_itself(ScriptedModel([], name="model"))
