"""A job that was killed does not pay again for calls that returned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from latm.errors import ModelUnavailableError
from latm.store import JournaledModel, Store
from latm.types import ChatRequest, Message, Reply, Usage


class CountingModel:
    """Answers with the number of the call; fails when told to."""

    def __init__(self, name: str = "scripted:m") -> None:
        self.name = name
        self.calls = 0
        self.broken = False
        self.closed = False

    async def chat(self, request: ChatRequest) -> Reply:
        if self.broken:
            raise ModelUnavailableError("gone")
        self.calls += 1
        return Reply(f"call {self.calls}", self.name, Usage(10, 0, 5), Decimal("0.001"), "list")

    async def aclose(self) -> None:
        self.closed = True


def asking(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),))


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with await Store.open(":memory:") as opened:
        yield opened


async def test_a_second_run_of_a_job_replays_the_calls_of_the_first(store: Store) -> None:
    inner = CountingModel()
    first = JournaledModel(inner, store.journal, "job", purpose="making", tool_name="c")
    texts = [(await first.chat(asking(q))).text for q in ("a", "a", "b")]
    assert texts == ["call 1", "call 2", "call 3"], "the same request again is another sample"
    second = JournaledModel(inner, store.journal, "job", purpose="making", tool_name="c")
    assert [(await second.chat(asking(q))).text for q in ("a", "b", "a", "c")] == [
        "call 1",
        "call 3",
        "call 2",
        "call 4",
    ]
    assert (first.replayed, second.replayed, inner.calls) == (0, 3, 4)
    total = await store.usage.total(name="c", job="job")
    assert (total.rows, total.cost.usd) == (4, Decimal("0.004"))


async def test_jobs_and_models_do_not_share_replies(store: Store) -> None:
    inner, other = CountingModel(), CountingModel("scripted:other")
    for model, job in ((inner, "1"), (inner, "2"), (other, "1")):
        await JournaledModel(model, store.journal, job).chat(asking("a"))
    assert (inner.calls, other.calls) == (2, 1)
    assert (await store.usage.total()).rows == 0, "without a purpose no usage is written"


async def test_a_call_that_failed_is_made_again(store: Store) -> None:
    inner = CountingModel()
    inner.broken = True
    with pytest.raises(ModelUnavailableError):
        await JournaledModel(inner, store.journal, "job").chat(asking("a"))
    inner.broken = False
    model = JournaledModel(inner, store.journal, "job")
    assert (await model.chat(asking("a"))).text == "call 1"
    assert model.name == "scripted:m"
    await model.aclose()
    assert inner.closed


class HangingModel(CountingModel):
    """Is asked, and does not come back."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def chat(self, request: ChatRequest) -> Reply:
        self.asked.set()
        return await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def in_the_air(store: Store, text: str) -> AsyncGenerator[asyncio.Task[Reply]]:
    """A call that has been made; its process does nothing more, as when it was killed."""
    inner = HangingModel()
    model = JournaledModel(inner, store.journal, "job", purpose="making", once=True)
    task = asyncio.create_task(model.chat(asking(text)))
    await inner.asked.wait()
    yield task
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_that_a_killed_run_had_begun_is_not_made_again(store: Store) -> None:
    async with in_the_air(store, "a" * 40):
        inner = CountingModel()
        for _ in range(2):
            model = JournaledModel(inner, store.journal, "job", purpose="making", once=True)
            lost = await model.chat(asking("a" * 40))
            assert (lost.text, lost.finish, lost.cost_usd) == ("", "other", None)
            assert (await model.chat(asking("b"))).text == "call 1"
        assert inner.calls == 1
        total = await store.usage.total(job="job")
        assert (total.rows, total.usage.input, total.cost.unknown) == (2, 20, 1)


async def test_a_call_that_its_own_run_gave_up_may_be_made_again(store: Store) -> None:
    async with in_the_air(store, "a"):
        pass
    inner = CountingModel()
    inner.broken = True
    for _ in range(2):
        with pytest.raises(ModelUnavailableError):
            await JournaledModel(inner, store.journal, "job", once=True).chat(asking("a"))
    inner.broken = False
    model = JournaledModel(inner, store.journal, "job", once=True)
    assert (await model.chat(asking("a"))).text == "call 1"
    assert model.lost == 0
