"""Open sandboxes for the tests of one module.

Sandboxes are bound to an event loop, and the loop of a test ends with the test; each test
that needs a jail opens its own, which costs some forty milliseconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from latm.sandbox import Sandbox
from latm.sandbox.jail import JailSandbox
from latm.sandbox.layers import ALL, Layer
from latm.sandbox.monty import MontySandbox


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


@pytest.fixture(params=list(OPENERS))
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """Every engine in every form that this machine has."""
    opened = await OPENERS[request.param]()
    yield opened
    await opened.aclose()
