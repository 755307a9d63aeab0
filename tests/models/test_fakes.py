"""The models for tests: scripted and recorded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from latm.errors import ImportFileError, ModelUnavailableError
from latm.models.names import parse
from latm.models.recorded import RecordedModel
from latm.models.scripted import ScriptedModel
from latm.types import ChatRequest, Message


def asked(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),))


async def test_a_script_is_played_in_order_and_its_end_is_an_error() -> None:
    model = ScriptedModel(["one", "two words"])
    assert [(await model.chat(asked(q))).text for q in "ab"] == ["one", "two words"]
    with pytest.raises(ModelUnavailableError, match="number 3"):
        await model.chat(asked("c"))
    assert [r.messages[0].content for r in model.asked] == ["a", "b", "c"]


async def test_a_script_with_an_unknown_price_says_unknown() -> None:
    reply = await ScriptedModel(["x"], cost_usd=None).chat(asked("q"))
    assert (reply.cost_usd, reply.price_source) == (None, None)


async def test_a_recording_replays_what_the_inner_model_said(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    inner = ScriptedModel(["first", "second"], cost_usd=Decimal("0.25"))
    recording = RecordedModel(path, inner)
    said = [await recording.chat(asked("same question")) for _ in range(2)]
    replay = RecordedModel(path)
    assert [await replay.chat(asked("same question")) for _ in range(2)] == said
    assert [r.text for r in said] == ["first", "second"]
    with pytest.raises(ModelUnavailableError, match="record"):
        await replay.chat(asked("another question"))


def test_a_broken_recording_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text('{"key": "x"}\n', encoding="utf-8")
    with pytest.raises(ImportFileError, match="line 1"):
        RecordedModel(path)


@pytest.mark.parametrize("name", ["gpt-4", ":x", "openai:", ""])
def test_a_name_without_provider_or_model_is_refused(name: str) -> None:
    with pytest.raises(Exception, match="provider:model"):
        parse(name)
