"""What ``latm tools`` says of a tool's place and of its evidence."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from latm.cases import question_digest
from latm.cli.app import run
from latm.runtime import opened
from latm.settings import load
from latm.store import Comparison, ToolEvent

from .stream import tool


async def stored(home: Path) -> str:
    """A shadow tool with two right answers."""
    async with opened(load()) as runtime:
        item = await runtime.store.toolbox.add(tool(), "shadow")
        await runtime.store.evidence.append(
            Comparison(item.version, question_digest(text), "right", "shadow") for text in "ab"
        )
        return item.version


async def audited(version: str) -> tuple[ToolEvent, ...]:
    async with opened(load()) as runtime:
        await runtime.store.evidence.append(
            [Comparison(version, question_digest("c"), "right", "audit")]
        )
        return await runtime.store.toolbox.events(version)


def test_an_approval_by_hand_is_on_record_with_the_bound_at_that_moment(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = asyncio.run(stored(home))
    assert run(["tools", "promote", "sorting", "--reason", "checked by me"]) == 0
    event = asyncio.run(audited(version))[-1]
    assert (event.event, event.reason) == ("promote", "checked by me")
    evidence = event.evidence
    assert isinstance(evidence, dict)
    assert (evidence["rule"], evidence["wrong"]) == ("by hand", 0)
    assert isinstance(bound := evidence["error_upper_bound"], float)
    assert 0.5 < bound < 1
    capsys.readouterr()

    run(["tools", "show", "sorting", "--json"])
    (shown,) = json.loads(capsys.readouterr().out)["tools"]
    assert (shown["evidence"]["right"], shown["since_live"]["right"]) == (3, 1)
    run(["tools", "list", "--json"])
    (listed,) = json.loads(capsys.readouterr().out)["tools"]
    assert listed["since_live"]["right"] == 1
    run(["tools", "list"])
    assert "1 of 1" in capsys.readouterr().out


def test_a_shadow_tool_has_no_evidence_since_it_went_live(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(stored(home))
    run(["tools", "show", "sorting", "--json"])
    (shown,) = json.loads(capsys.readouterr().out)["tools"]
    assert (shown["evidence"]["right"], shown["since_live"]) == (2, None)
