"""Both engines, in every form, do what a sandbox must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from latm.sandbox import Sandbox
from latm.sandbox.conformance import CHECKS, Conformance

from .conftest import OPENERS


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_engine_conforms(sandbox: Sandbox, check: Conformance) -> None:
    await check(sandbox)


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
async def test_engine_may_be_closed_twice(opener: Callable[[], Awaitable[Sandbox]]) -> None:
    sandbox = await opener()
    await sandbox.aclose()
    await sandbox.aclose()
