"""Every engine in every form that this machine has, opened once for a module's tests.

A sandbox is bound to an event loop: tests that share one share the loop of their module. That
it serves all of them, hostile ones in between, is part of what is tested.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio

from latm.sandbox import Sandbox
from latm.sandbox.jail import JailSandbox
from latm.sandbox.layers import ALL, Layer
from latm.sandbox.monty import MontySandbox

from .box import Box, planted


async def monty() -> Sandbox:
    return await MontySandbox.open(1)


async def jail() -> Sandbox:
    return await JailSandbox.open(2)


async def jail_by_landlock() -> Sandbox:
    return await JailSandbox.open(2, ALL - {Layer.NAMESPACES})


OPENERS: dict[str, Callable[[], Awaitable[Sandbox]]] = {
    "monty": monty,
    "jail": jail,
    "jail-landlock": jail_by_landlock,
}


@pytest_asyncio.fixture(scope="module", params=list(OPENERS), loop_scope="module")
async def sandbox(request: pytest.FixtureRequest, box: Box) -> AsyncIterator[Sandbox]:
    opened = await OPENERS[request.param]()
    yield opened
    await opened.aclose()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Planted before the sandbox is opened, so that it could be inherited."""
    with planted(tmp_path_factory.mktemp("box")) as made:
        yield made
