"""Agreement breaks ties: which of several right candidates do the others agree with?

Trials that pass all shown examples flow in; the same trials flow out, those first whose
answers to new inputs are the commonest (TroVE, Wang et al. 2024). Invariant: no reference
answer is used and none of the trials is lost; ties keep their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from latm.execution import Executor, render_answer
from latm.making.synthetic import Arguments, synthetic
from latm.making.trials import Trial
from latm.types import Failed


async def ranked(executor: Executor, trials: Sequence[Trial], seed: int) -> tuple[Trial, ...]:
    """The trials by how often their answers are those of most of them.

    Raises:
        SandboxUnavailableError: an engine broke; says nothing of the trials.
    """
    if len(trials) < 2:
        return tuple(trials)
    inputs = synthetic(trials[0].draft.brief.shape.examples, seed)
    given = [[await _answer(executor, trial, i) for i in inputs] for trial in trials]
    common = [Counter(column) for column in zip(*given, strict=True)]
    score = [sum(c[text] for c, text in zip(common, row, strict=True) if text) for row in given]
    order = sorted(range(len(trials)), key=lambda n: -score[n])
    return tuple(trials[n] for n in order)


async def _answer(executor: Executor, trial: Trial, arguments: Arguments) -> str:
    """The rendered answer; nothing for an input that the solver does not answer."""
    outcome = await executor.outcome(trial.solver, arguments)
    if isinstance(outcome, Failed) or outcome.value is None:
        return ""
    return render_answer(trial.draft.brief.shape.answer, outcome.value) or ""
