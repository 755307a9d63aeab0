"""The planner: what is worth making next.

Jobs so far, observed classes and cases that no making has seen flow in, the next `Task`
flows out, or none. Invariants: nothing is remembered here, all of it is derived from what
is on record; a class with a job has no second one; what came to nothing waits for twice as
much news as the last time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import takewhile

from latm.jobs.classes import Observed
from latm.jobs.job import Job, Task
from latm.making.demand import DAY, Effort, Refused, Terms, cases_needed, expected, forecast
from latm.settings import Settings


def next_task(
    jobs: Sequence[Job],
    ready: Sequence[Observed],
    news: Mapping[str, int],
    settings: Settings,
) -> Task | None:
    """What to make next.

    Mending comes first: a class whose tools were found wrong serves nobody meanwhile.

    Args:
        jobs: newest first.
        ready: classes without tools.
        news: of classes with tools, how many of their cases no making has seen.
    """
    busy = {job.task.name for job in jobs if job.active}
    for name, cases in sorted(news.items(), key=lambda item: (-item[1], item[0])):
        task = Task("upgrade", name)
        if name not in busy and cases >= cases_needed(refused(jobs, task), 1):
            return task
    return _most_worth(jobs, [one for one in ready if one.traffic.name not in busy], settings)


def _most_worth(jobs: Sequence[Job], ready: Sequence[Observed], settings: Settings) -> Task | None:
    effort = effort_of(jobs, settings)
    terms = Terms(settings.making_cases, settings.making_days * DAY)
    best: tuple[Decimal, Task] | None = None
    for one in ready:
        task = Task("make", one.traffic.name)
        weighed = forecast(one.traffic, effort, refused(jobs, task), terms)
        if weighed.worth and (best is None or weighed.gain > best[0]):
            best = (weighed.gain, task)
    return best[1] if best else None


def effort_of(jobs: Sequence[Job], settings: Settings) -> Effort:
    """What a first tool may be expected to cost, from the makings on record."""
    ended = [job for job in jobs if job.task.kind == "make" and job.state in ("made", "refused")]
    efforts = [Effort(Decimal(o.tokens), o.usd) for job in ended if (o := job.outcome)]
    tools = sum(job.state == "made" for job in ended)
    return expected(efforts, tools, Effort(Decimal(settings.max_tokens), settings.max_cost_usd))


def refused(jobs: Sequence[Job], task: Task) -> Refused:
    """The newest jobs of a task in a row that came to nothing; a postponed one is no try."""
    tries = [job for job in jobs if job.task == task and job.state != "postponed"]
    vain = list(takewhile(lambda job: job.state in ("refused", "failed"), tries))
    if not vain:
        return Refused()
    last = vain[0].outcome
    return Refused(len(vain), last.cases if last else 0)
