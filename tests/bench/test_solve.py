"""The benchmark's questions are new, seeded and right; its numbers are those of the product."""

from __future__ import annotations

import os
import sys
from functools import partial

import pytest

from latm.bench import solve, words
from latm.execution import Executor
from latm.induction import induce_answer, induce_template
from latm.sandbox.monty import MontySandbox
from latm.templates import Matcher
from latm.types import (
    Answer,
    Limits,
    Parameter,
    Provenance,
    Receipt,
    Solver,
    Template,
    Tool,
    Verification,
)
from latm.using.dispatcher import Dispatcher
from latm.using.flow import Flow

# --- word lists ------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_cases_and_another_seed_others() -> None:
    assert list(words.cases(1, 50)) == list(words.cases(1, 50))
    assert not set(words.cases(1, 50)) & set(words.cases(2, 50))


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    assert list(words.cases(1, 50))[:20] == list(words.cases(1, 20))


def test_the_first_case_is_the_same_on_every_machine() -> None:
    listed = words.words_of(next(words.cases(7, 1)).question)
    assert listed[:4] == ["bacon", "then", "falier", "chetshoness"]


def test_the_cases_are_distinct_and_their_answers_are_the_sorted_words() -> None:
    cases = list(words.cases(3, 2000))
    assert len({c.question for c in cases}) == 2000
    for case in cases:
        listed = words.words_of(case.question)
        assert 2 <= len(listed) <= 20
        assert len(set(listed)) == len(listed)
        assert case.answer.split() == sorted(listed)
        assert case.question == case.question.lower().replace(words.PREFIX.lower(), words.PREFIX)


def test_all_traps_and_all_lengths_occur() -> None:
    lists = [words.words_of(c.question) for c in words.cases(3, 2000)]
    assert {len(listed) for listed in lists} == set(range(2, 21))
    assert set(words.TRAPS) <= {word for listed in lists for word in listed}


def test_a_template_of_the_shared_form_parses_every_case() -> None:
    matcher = Matcher(word_template())
    for case in words.cases(4, 500):
        assert matcher.match(case.question) == (words.words_of(case.question),)


# --- measuring -------------------------------------------------------------------------


def word_template() -> Template:
    template = induce_template([c.question for c in words.cases(0, 20)])
    assert template is not None
    return template


def word_sorter(engine_version: str) -> Tool:
    template = word_template()
    return Tool(
        name="word-sorting",
        shape=0,
        template=template,
        solver=Solver(
            "def solve(words):\n    return sorted(words)\n",
            "solve",
            (Parameter("words", (template.slots[0].name,)),),
            "monty",
            engine_version,
        ),
        answer=induce_answer([c.answer for c in words.cases(0, 20)]),
        schema="{}",
        demonstrations=(),
        provenance=Provenance("made", "test", "test", "2026-01-01T00:00:00Z"),
        verification=Verification(3, 3, 3, 3),
    )


async def test_the_tool_rung_answers_every_new_word_list_right_in_the_real_sandbox() -> None:
    sandbox = await MontySandbox.open(2)
    try:
        flow = Flow(
            Dispatcher([word_sorter(sandbox.version)]), Executor({"monty": sandbox}, Limits())
        )
        answer = partial(flow.answer, name="word-sorting", rungs=("tool",))
        result = await solve.word_sorting(answer, count=200, seed=11)
    finally:
        await sandbox.aclose()
    assert (result.questions, result.right) == (200, 200)
    assert result.per_second > 0
    assert result.p50_ms <= result.p99_ms
    assert result.ratio > 1


async def test_a_wrong_answer_is_counted_as_such() -> None:
    async def careless(question: str) -> Answer:
        return Answer(question, " ".join(words.words_of(question)), Receipt("tool"))

    result = await solve.word_sorting(careless, count=50, seed=1)
    assert result.right < result.questions == 50


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.25, 1.0), (0.5, 2.0), (0.99, 4.0), (1.0, 4.0)]
)
def test_a_quantile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert solve.quantile([1.0, 2.0, 3.0, 4.0], share) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="cores are bound on Linux only")
def test_one_core_is_one_core_and_only_inside() -> None:
    before = os.sched_getaffinity(0)
    with solve.one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
