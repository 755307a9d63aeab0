"""Both engines, in every form, do what a sandbox must do."""

from __future__ import annotations

import pytest

from latm.sandbox import Sandbox
from latm.sandbox.conformance import CHECKS, Conformance


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_engine_conforms(sandbox: Sandbox, check: Conformance) -> None:
    await check(sandbox)


async def test_engine_may_be_closed_twice(sandbox: Sandbox) -> None:
    await sandbox.aclose()
    await sandbox.aclose()
