"""The classes that were observed, as people and programs see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from latm.cli.app import run
from latm.making.collector import Bounds
from latm.making.gathering import Gathering
from latm.settings import load
from latm.store import Store
from latm.store.observed import Context, Miss
from latm.types import Usage

Latm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def latm(capfdbinary: pytest.CaptureFixture[bytes]) -> Latm:
    """Run a command line in this process: exit code, stdout, stderr."""

    def call(*line: object) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        code = run([str(word) for word in line])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


@pytest.fixture
def observed(home: Path) -> None:
    """Twelve sums and a question of its own went by; two more were not kept."""

    async def observe() -> None:
        async with await Store.open(load().database) as store:
            here = "a" * 64
            asked = [(f"What is the sum of {n} and {n * 7}?", str(n * 8)) for n in range(1, 13)]
            misses = [
                Miss(here, question, answer, Usage(20, 0, 5), Decimal("0.001"))
                for question, answer in [*asked, ("Who are you?", "A model.")]
            ]
            contexts = [Context(here, "team-a", "gpt-4o", "Be brief.")]
            await store.observations.record(misses, contexts, {here: 2})
            gathering = Gathering("me", Bounds(), 30, 100, lambda: 0.0)
            while await gathering.turn(store):
                pass

    asyncio.run(observe())


def test_without_any_class_it_says_where_they_come_from(latm: Latm, home: Path) -> None:
    code, out, err = latm("classes")
    assert (code, out) == (0, "")
    assert "latm serve" in err


@pytest.mark.usefixtures("observed")
def test_classes_are_listed_with_counts_cost_and_state(latm: Latm) -> None:
    code, out, _ = latm("classes", "--json")
    assert code == 0
    listed = json.loads(out)
    (found,) = listed["classes"]
    assert found["name"].startswith("what-is-the-sum-of")
    assert (found["requests"], found["cases"], found["tokens"]) == (12, 12, 300)
    assert found["cost_usd"] == 0.012
    assert (found["form"], found["toolable"], found["state"]) == ("value", True, "open")
    assert (found["tenant"], found["model"]) == ("team-a", "gpt-4o")
    assert (listed["waiting"], listed["withheld"]) == (1, 2)

    code, out, err = latm("classes")
    assert code == 0
    assert all(said in out for said in ("what", "team", "12", "300", "value", "open"))
    assert "1 recorded questions belong to no class" in err
    assert "2 questions were not kept" in err


@pytest.mark.usefixtures("observed")
def test_a_class_is_shown_with_its_questions_cut_into_slots(latm: Latm) -> None:
    _, out, _ = latm("classes", "--json")
    name = json.loads(out)["classes"][0]["name"]

    code, out, _ = latm("classes", "show", name, "--json")
    assert code == 0
    shown = json.loads(out)
    assert list(shown["slots"].values()) == ["integer", "integer"]
    assert shown["instructions"] == "Be brief."
    assert len(shown["questions"]) == 5
    for sample in shown["questions"]:
        one, two = (int(text) for text in sample["slots"].values())
        assert sample["answer"] == str(one + two)

    code, out, _ = latm("classes", "show", name)
    assert code == 0
    assert "What is the sum of" in out


@pytest.mark.usefixtures("observed")
def test_a_forgotten_class_is_gone_with_its_questions(latm: Latm) -> None:
    _, out, _ = latm("classes", "--json")
    name = json.loads(out)["classes"][0]["name"]
    assert latm("classes", "forget", name)[0] == 0
    assert json.loads(latm("classes", "--json")[1])["classes"] == []
    code, _, err = latm("classes", "show", name)
    assert code == 2
    assert name in err
