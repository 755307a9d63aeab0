"""``latm ask``: one question, answered by whichever tool serves it.

Invariant: without a tool that is proven for the question and without an upstream, the
answer is none, with the reason; never a guess.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from latm.cli.output import print_json, say
from latm.runtime import opened
from latm.settings import load
from latm.types import Answer, RungName


def ask(
    question: str,
    /,
    *,
    shadow: Annotated[bool, Parameter(negative=())] = False,
    upstream: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Answer one question with whichever tool serves it.

    Example: latm ask "Sort the following words alphabetically: List: pear fig apple"

    Parameters
    ----------
    question
        The question.
    shadow
        Let tools answer whose error rate is not proven to be under the bound yet.
    upstream
        Strong model for questions that no tool serves, provider:model.
    json
        Print the answer with its receipt as one JSON object.
    """
    settings = load(upstream=upstream)
    rungs: tuple[RungName, ...] = ("tool", "upstream") if settings.upstream else ("tool",)

    async def run() -> tuple[Answer, list[str]]:
        async with opened(settings) as runtime:
            flow = await runtime.flow(rungs=rungs, shadow=shadow)
            answer = await flow.answer(question, rungs=rungs)
            waiting = await runtime.store.toolbox.by_state("shadow")
            return answer, [item.tool.name for item in waiting]

    answer, waiting = asyncio.run(run())
    if json:
        print_json(_as_json(answer))
    elif answer.text is not None:
        print(answer.text)
        say(_receipt(answer))
    else:
        say(f"no answer: {answer.receipt.why}")
        if waiting and not shadow:
            say(f"waiting in shadow: {', '.join(sorted(set(waiting)))}; --shadow asks them too")
    return 0


def _receipt(answer: Answer) -> str:
    receipt = answer.receipt
    cost = "unknown" if receipt.cost_usd is None else f"${receipt.cost_usd}"
    by = f" {receipt.tool} {(receipt.version or '')[:12]}" if receipt.tool else ""
    return (
        f"rung {receipt.rung}{by}, {receipt.usage.total} tokens, {cost}, "
        f"{receipt.seconds * 1000:.1f} ms"
    )


def _as_json(answer: Answer) -> dict[str, object]:
    receipt = answer.receipt
    return {
        "question": answer.question,
        "answer": answer.text,
        "rung": receipt.rung,
        "tool": receipt.tool,
        "version": receipt.version,
        "tokens": receipt.usage.total,
        "cost_usd": receipt.cost_usd,
        "avoided_usd": receipt.avoided_usd,
        "seconds": round(receipt.seconds, 6),
        "why": receipt.why,
    }
