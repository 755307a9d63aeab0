"""Tools gain and lose trust behind a gateway, while its clients see no difference."""

from __future__ import annotations

import json
from pathlib import Path

from latm.gateway.app import Parts
from latm.runtime import opened
from latm.settings import Settings
from latm.store import Counts

from .harness import Running, Seen, Step, gateway, http, store_sorting, until_ready, upstream

FIRST = 6
"""Questions before the first look at a bound of one half."""


def question(number: int) -> str:
    letters = [chr(ord("a") + int(digit)) for digit in str(number)]
    return "Sort the words: z " + " ".join(letters)


def sorted_words(text: str) -> str:
    return " ".join(sorted(text.removeprefix("Sort the words: ").split()))


def says(text: str, finish: str = "stop") -> Step:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [choice]}
    return http(json.dumps({**body, "usage": usage}).encode())


class Sorter:
    """An upstream that sorts words, until the rule of the world changes."""

    changed = False

    def __call__(self, seen: Seen) -> Step:
        asked = json.loads(seen.body)["messages"][-1]["content"]
        answer = sorted_words(asked)
        return says(answer[::-1] if self.changed else answer)


async def ask(running: Running, number: int, **headers: str) -> tuple[str, str | None]:
    """The answer to a question, and the rung that gave it."""
    turn = {"role": "user", "content": question(number)}
    body = {"model": "gpt-4o", "messages": [turn], "temperature": 0}
    got = await running.post(body, **headers)
    text = json.loads(got.body)["choices"][0]["message"]["content"]
    return text, got.headers.get("x-latm-rung")


async def until_compared(home: Path, **counts: int) -> None:
    async with opened(Settings(home=home)) as runtime:
        (item,) = await runtime.store.toolbox.by_state("shadow", "live")
        while await runtime.store.evidence.counts(item.version) != Counts(**counts):
            pass


async def test_a_tool_goes_live_when_its_bound_is_met_and_is_demoted_when_it_is_broken(
    home: Path,
) -> None:
    await store_sorting(home, state="shadow")
    sorter = Sorter()
    async with upstream(sorter) as stub:
        parts = Parts(poll_seconds=0.01)
        async with gateway(home, stub.url, parts, max_error=0.5, audit_calls=100) as running:
            await until_ready(running, "0 tools serve")
            for n in range(FIRST):
                assert await ask(running, n) == (sorted_words(question(n)), "upstream")
            await until_compared(home, right=FIRST)
            await until_ready(running, "1 tools serve")
            assert await ask(running, 100) == (sorted_words(question(100)), "tool")
            await until_compared(home, right=FIRST + 1)
            sorter.changed = True
            wrong = 0
            while "1 tools serve" in (await running.get("/readyz")).body.decode():
                wrong += 1
                await ask(running, 200 + wrong)
            assert await ask(running, 999) == (sorted_words(question(999))[::-1], "upstream")
    async with opened(Settings(home=home)) as runtime:
        (item,) = await runtime.store.toolbox.by_state("shadow")
        moves = [event.event for event in await runtime.store.toolbox.events(item.version)]
        cases = await runtime.store.cases.of("sorting")
        audits = (await runtime.store.usage.sums(("purpose",)))[("audit",)]
    assert moves == ["add", "promote", "demote"]
    assert cases[0].answer == sorted_words(cases[0].question)[::-1]
    assert audits.cost.known > 0
    assert audits.cost.unknown == 0


async def test_who_opts_out_is_neither_compared_nor_audited(home: Path) -> None:
    await store_sorting(home, state="shadow")
    async with upstream(Sorter()) as stub:
        async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as running:
            await until_ready(running, "0 tools serve")
            await ask(running, 1, x_latm="off")
            await ask(running, 2)
            await until_compared(home, right=1)


async def test_nothing_broken_is_learnt_from(home: Path) -> None:
    await store_sorting(home, state="shadow")
    broken = [says("a b", finish="length"), http(b"{}", status=500), http(b"<html>oops</html>")]

    def script(seen: Seen) -> Step:
        return broken.pop(0) if broken else Sorter()(seen)

    async with upstream(script) as stub:
        async with gateway(home, stub.url, Parts(poll_seconds=0.01)) as running:
            await until_ready(running, "0 tools serve")
            for n in range(3):
                body = {"messages": [{"role": "user", "content": question(n)}], "model": "gpt-4o"}
                await running.post(body)
            await ask(running, 9)
            await until_compared(home, right=1)
