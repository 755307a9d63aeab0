"""A real tool, made by the embedded model; everything else uses scripted ones for speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from latm.bench.families import family
from latm.runtime import opened
from latm.settings import load


@pytest.mark.model
@pytest.mark.timeout(300)
async def test_the_embedded_model_makes_a_tool_that_answers_fresh_questions(home: Path) -> None:
    weekdays = family("weekday-of-date")
    maker = "local:qwen2.5-coder-1.5b"
    async with opened(load(home=home, maker=maker, max_tokens=1500)) as runtime:
        report = await runtime.make("weekdays", weekdays.generate(1, 60))
        assert 0 < report.usage.total <= 1500
        flow = await runtime.flow("weekdays", rungs=("tool",))
        for case in weekdays.generate(2, 10):
            answer = await flow.answer(case.question, name="weekdays", rungs=("tool",))
            assert (answer.text, answer.receipt.usage.total) == (case.answer, 0)
