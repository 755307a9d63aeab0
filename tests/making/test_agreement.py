"""Agreement: among candidates that are all right on the shown cases, the odd one comes last."""

from __future__ import annotations

from pathlib import Path

from latm.induction import induce
from latm.making.agreement import ranked
from latm.making.brief import brief_of
from latm.making.shape import build_shape
from latm.making.trials import Draft, run
from latm.runtime import opened
from latm.settings import load
from latm.types import Case

CASES = [
    Case(f"How many {a} and {b} eggs make?", str(a + b))
    for a, b in ((1, 9), (2, 7), (3, 5), (11, 4), (6, 13), (20, 8))
]
HONEST = ("return {0} + {1}", "return sum([{0}, {1}])", "return {1} - -{0}")
ODD = "return {0} + {1} if {0} * {1} in (9, 14, 15, 44, 78, 160) else 0"


async def test_the_candidate_that_the_others_contradict_on_new_inputs_is_tried_last(
    home: Path,
) -> None:
    (cluster,) = induce([case.question for case in CASES])
    assert cluster.template is not None
    brief = brief_of(build_shape(0, cluster.template, CASES))
    async with opened(load(home=home)) as runtime:
        executor = await runtime.executor()
        trials = [
            await run(
                executor, Draft(brief, f"def solve({', '.join(brief.names)}):\n    {b}", "solve")
            )
            for b in (body.format(*brief.names) for body in (ODD, *HONEST))
        ]
        assert all(trial.passes_all for trial in trials)
        order = await ranked(executor, trials, seed=0)
    assert [trials.index(trial) for trial in order] == [1, 2, 3, 0]
