"""Making through the runtime: from cases to stored, verified tools, with a scripted maker."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from latm.bench import words
from latm.errors import CasesError
from latm.models.scripted import Script, ScriptedModel
from latm.runtime import MakeReport, Runtime, opened
from latm.settings import load
from latm.types import Case

MAKER = "scripted:model"
SORTED = "```python\ndef solve(words):\n    return sorted(words)\n```"
UNSORTED = "def solve(words):\n    return words"


def sorting(count: int = 60) -> list[Case]:
    return list(words.cases(5, count))


def doubling(count: int = 30) -> list[Case]:
    return [Case(f"What is twice {n}, tell me?", str(2 * n)) for n in range(3, 3 + 7 * count, 7)]


async def make(
    script: Script,
    cases: Sequence[Case],
    home: Path,
    max_tokens: int | None = None,
    *,
    fresh: bool = False,
) -> tuple[MakeReport, ScriptedModel]:
    model = ScriptedModel(script)
    loaded = load(home=home, maker=MAKER, max_tokens=max_tokens)
    async with opened(loaded, {MAKER: model}) as runtime:
        return await runtime.make("some-class", cases, fresh=fresh), model


async def test_a_right_first_proposal_becomes_a_tool_judged_on_cases_it_never_saw(
    home: Path,
) -> None:
    report, model = await make([SORTED], sorting(), home)
    (stored,) = report.tools
    verification = stored.tool.verification
    assert verification.held_out == verification.held_out_passed >= 40
    assert report.bounds[0] == pytest.approx(1 - 0.05 ** (1 / verification.held_out))
    prompt = model.asked[0].messages[-1].content
    held_out = {case.question for case in report.split.held_out}
    assert not any(" ".join(words.words_of(q)) in prompt for q in held_out)


async def test_few_held_out_cases_leave_the_tool_in_shadow_and_many_make_it_live(
    home: Path,
) -> None:
    few, _ = await make([SORTED], sorting(60), home)
    many, _ = await make([SORTED], sorting(340), home / "other")
    assert (few.tools[0].state, many.tools[0].state) == ("shadow", "live")
    assert few.more_cases > 200
    assert many.more_cases == 0


async def test_a_wrong_proposal_is_followed_by_another_strategy(home: Path) -> None:
    report, model = await make([UNSORTED, SORTED], sorting(), home)
    assert [a.result == "passed all shown cases" for a in report.attempts] == [False, True]
    assert report.tools[0].tool.provenance.strategy == report.attempts[1].strategy
    assert len(model.asked) == 2
    assert report.cost_usd == Decimal("0.002")


async def test_the_budget_of_tokens_ends_the_search_with_reasons(home: Path) -> None:
    report, _ = await make(lambda _: UNSORTED, sorting(), home, max_tokens=900)
    assert report.tools == ()
    assert report.usage.total <= 900
    assert "within the budget" in report.reasons[0]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("I cannot do that.", "syntax"),
        ("def solve(words):\n    import os\n    return sorted(words)", "import"),
        ("def solve(words):\n    return eval('sorted(words)')", "forbidden"),
        ("def solve(words):\n    try:\n        return sorted(words)\n    except:\n        pass",
         "catch-all"),
        ("import random\ndef solve(words):\n    return sorted(words)", "import"),
    ],
)  # fmt: skip
async def test_a_proposal_that_the_lint_refuses_is_never_run(
    reply: str, said: str, home: Path
) -> None:
    report, _ = await make(lambda _: reply, sorting(), home, max_tokens=400)
    assert report.attempts[0].result.startswith(said)
    assert report.tools == ()


async def test_a_tool_that_memorised_the_shown_cases_is_refused(home: Path) -> None:
    def memorise(request: object) -> str:
        table = {n: str(2 * n) for n in range(1000)}
        rows = ", ".join(f"{n}: {table[n]}" for n in range(3, 213, 7))
        return f"def solve(tell):\n    return {{{rows}}}[tell]"

    report, _ = await make(memorise, doubling(), home, max_tokens=600)
    assert report.tools == ()
    assert report.attempts[0].result.startswith("memorised")


async def test_a_tool_that_fits_only_the_shown_cases_is_refused_by_the_verifier(
    home: Path,
) -> None:
    report, _ = await make(lambda _: SORTED, sorting(), home)
    shown = {len(words.words_of(case.question)) for case in report.split.shown}
    odd = next(n for n in range(2, 21) if n not in shown) if len(shown) < 19 else None
    lengths = sorted(shown)
    source = f"def solve(words):\n    if len(words) in {lengths}:\n        return sorted(words)\n"
    source += "    return words"
    overfit, _ = await make(lambda _: source, sorting(), home / "other", max_tokens=700)
    if odd is not None:
        assert overfit.tools == ()
        assert "verifier refused" in overfit.reasons[0]


async def test_a_file_of_two_shapes_makes_two_tools_of_one_class(home: Path) -> None:
    def write(request: object) -> str:
        return "def solve(x):\n    return sorted(x) if isinstance(x, list) else 2 * x"

    report, _ = await make(write, [*sorting(40), *doubling(40)], home, max_tokens=20_000)
    assert [item.tool.shape for item in report.tools] == [0, 1]
    async with opened(load(home=home, maker=MAKER), {MAKER: ScriptedModel([])}) as runtime:
        flow = await runtime.flow("some-class", rungs=("tool",))
        answers = [
            (await flow.answer(q, name="some-class", rungs=("tool",))).text
            for q in (words.PREFIX + "pear fig", "What is twice 21, tell me?")
        ]
    assert answers == ["fig pear", "42"]


async def test_questions_that_no_template_covers_are_named_as_such(home: Path) -> None:
    odd = [Case(f"{w}?", w) for w in ("Why", "How so", "When then", "Who", "Where to", "What")]
    report, model = await make([], odd, home)
    assert report.tools == ()
    assert "no template covers" in report.reasons[0]
    assert model.asked == []


async def test_a_maker_that_needs_all_of_python_gets_the_jail(home: Path) -> None:
    source = "import heapq\ndef solve(words):\n    heapq.heapify(words)\n"
    source += "    return [heapq.heappop(words) for _ in range(len(words))]"
    report, _ = await make([source], sorting(), home)
    assert report.tools[0].tool.solver.engine == "jail"


async def test_too_few_cases_are_refused_before_any_model_is_asked(home: Path) -> None:
    with pytest.raises(CasesError, match="at least 6"):
        await make([], sorting(2), home)


async def test_a_second_run_does_not_pay_for_the_calls_of_the_first(home: Path) -> None:
    first, _ = await make([UNSORTED, SORTED], sorting(), home)
    second, model = await make([], sorting(), home, fresh=True)
    assert model.asked == []
    assert second.replayed > 0  # what won before is tried first
    assert [t.tool.solver for t in second.tools] == [t.tool.solver for t in first.tools]

    async def spent(runtime: Runtime) -> Decimal | None:
        return (await runtime.store.usage.total(name="some-class")).cost.usd

    async with opened(load(home=home, maker=MAKER), {MAKER: model}) as runtime:
        assert await spent(runtime) == Decimal("0.002")
