"""``latm classes``: the classes of requests that were observed behind the gateway.

Settings flow in, a table or one JSON object flows out. Invariant: listing changes nothing,
and what was forgotten is gone for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from latm.cli.output import print_json, say, table
from latm.errors import UnknownNameError
from latm.induction import pieces
from latm.ledger import dollars
from latm.making.form import Form
from latm.settings import load
from latm.store import Store
from latm.store.observed import Kept, Recorded, RequestClass
from latm.templates import Matcher
from latm.types import Template

app = App(name="classes", help="Classes of requests that were observed behind the gateway.")

Flag = Annotated[bool, Parameter(negative=())]
T = TypeVar("T")


def _run(work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load()
        settings.home.mkdir(parents=True, exist_ok=True)
        async with await Store.open(settings.database) as store:
            return await work(store)

    return asyncio.run(run())


@app.default
@app.command(name="list")
def list_(*, limit: int = 50, json: Flag = False) -> int:
    """List the observed classes, those with the most requests first.

    Example: latm classes list

    Parameters
    ----------
    limit
        How many.
    json
        Print one JSON object.
    """

    async def work(store: Store) -> tuple[Sequence[RequestClass], Recorded]:
        return await store.observations.classes(), await store.observations.recorded()

    classes, recorded = _run(work)
    shown = classes[: max(0, limit)]
    if json:
        print_json(
            {
                "classes": [_as_json(one) for one in shown],
                "count": recorded.classes,
                "waiting": recorded.waiting,
                "withheld": recorded.withheld,
            }
        )
        return 0
    if shown:
        columns = ("class", "tenant", "requests", "cases", "tokens", "cost", "form", "state")
        rows = [
            (
                one.name,
                one.context.tenant or "-",
                one.requests,
                one.cases,
                one.spent.usage.total,
                dollars(one.spent.cost.usd),
                one.form_kind or "-",
                _state_of(one),
            )
            for one in shown
        ]
        table("observed classes", columns, rows)
    else:
        say("no classes yet; 'latm serve' finds them in what goes by")
    for line in _told(recorded, len(shown)):
        say(line)
    return 0


@app.command
def show(name: str, /, *, questions: int = 5, json: Flag = False) -> int:
    """Show a class: its template, the form of its answers, some of its questions.

    Example: latm classes show what-is-the-sum-of-1a2b3c4d

    Parameters
    ----------
    name
        The class.
    questions
        How many of its questions, with what stands in the slots.
    json
        Print one JSON object.
    """

    async def work(store: Store) -> tuple[RequestClass | None, Sequence[Kept]]:
        found = await store.observations.get(name)
        return found, await store.observations.kept(name, max(0, questions))

    found, kept = _run(work)
    if found is None:
        raise _unknown(name)
    samples = [_Sample.of(found.template, one) for one in kept]
    if json:
        print_json({**_as_json(found), "questions": [one.as_json() for one in samples]})
        return 0
    rows: list[tuple[str, object]] = [
        ("template", "".join(pieces(found.template))),
        ("slots", ", ".join(f"{slot.name}: {slot.kind}" for slot in found.template.slots)),
        ("answers", _form_of(found)),
        ("state", _state_of(found)),
        ("tenant", found.context.tenant or "-"),
        ("model", found.context.model),
        ("instructions", found.context.instructions or "-"),
        ("requests", found.requests),
        ("cases", found.cases),
        ("tokens", found.spent.usage.total),
        ("cost", dollars(found.spent.cost.usd)),
        ("first, last", f"{found.first_at}, {found.last_at}"),
    ]
    table(found.name, ("", ""), rows)
    if samples:
        slots = [slot.name for slot in found.template.slots]
        cells = [(*(one.slots.get(slot, "-") for slot in slots), one.answer) for one in samples]
        table("questions", (*slots, "answer"), cells)
    return 0


@app.command
def forget(name: str, /, *, json: Flag = False) -> int:
    """Delete a class with its recorded questions; its tools stay in the toolbox.

    Example: latm classes forget what-is-the-sum-of-1a2b3c4d

    Parameters
    ----------
    name
        The class.
    json
        Print one JSON object.
    """
    if not _run(lambda store: store.observations.forget(name)):
        raise _unknown(name)
    if json:
        print_json({"name": name, "forgotten": True})
    else:
        say(f"{name} and its questions are forgotten")
    return 0


@dataclass(frozen=True, slots=True)
class _Sample:
    """A question, and what stands in the slots of its class's template."""

    question: str
    answer: str
    seen: int
    disputed: int
    slots: dict[str, str]

    @classmethod
    def of(cls, template: Template, kept: Kept) -> _Sample:
        texts = Matcher(template).texts(kept.question) or ()
        slots = {slot.name: text for slot, text in zip(template.slots, texts, strict=False)}
        return cls(kept.question, kept.answer, kept.seen, kept.disputed, slots)

    def as_json(self) -> dict[str, object]:
        return {
            "question": self.question,
            "answer": self.answer,
            "seen": self.seen,
            "disputed": self.disputed,
            "slots": self.slots,
        }


def _unknown(name: str) -> UnknownNameError:
    return UnknownNameError(f"no observed class {name!r}; 'latm classes' lists them")


def _form_of(one: RequestClass) -> str:
    """The form of the answers, in words."""
    if one.form_kind is None:
        return "too few answers to tell"
    shown = Form.of(one.form).shown
    return f"{one.form_kind}: {shown}"


def _state_of(one: RequestClass) -> str:
    if one.state == "open" and one.form_kind in (None, "unstable"):
        return "not yet toolable"
    return f"{one.state}: {one.reason}" if one.reason else one.state


def _told(recorded: Recorded, shown: int) -> list[str]:
    lines: list[str] = []
    if recorded.classes > shown > 0:
        lines.append(f"{recorded.classes - shown} more classes; see --limit")
    if recorded.waiting:
        lines.append(f"{recorded.waiting} recorded questions belong to no class yet")
    if recorded.withheld:
        lines.append(f"{recorded.withheld} questions were not kept, as LATM_REDACT says")
    return lines


def _as_json(one: RequestClass) -> dict[str, object]:
    return {
        "name": one.name,
        "tenant": one.context.tenant,
        "model": one.context.model,
        "instructions": one.context.instructions,
        "template": "".join(pieces(one.template)),
        "slots": {slot.name: slot.kind for slot in one.template.slots},
        "form": one.form_kind,
        "answers": Form.of(one.form).shown if one.form else None,
        "toolable": one.form_kind not in (None, "unstable"),
        "state": one.state,
        "reason": one.reason,
        "requests": one.requests,
        "cases": one.cases,
        "tokens": one.spent.usage.total,
        "cost_usd": one.spent.cost.usd,
        "first_at": one.first_at,
        "last_at": one.last_at,
    }
