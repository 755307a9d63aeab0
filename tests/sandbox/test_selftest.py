"""An engine is used only when it holds every canary."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from latm.errors import SandboxUnavailableError
from latm.sandbox import Sandbox, engines
from latm.sandbox.conformance import NotConformingError, check_all
from latm.sandbox.engines import ENGINES, open_engines
from latm.sandbox.jail import JailSandbox
from latm.sandbox.layers import ALL, Layer
from latm.sandbox.selftest import CANARIES, self_test
from latm.types import EngineName, Json, Limits, Outcome, Program, Returned


class Obliging:
    """A sandbox that says yes to everything, or that is broken."""

    engine: EngineName = "jail"
    version = "obliging"

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.closed = False

    async def run(self, program: Program, arguments: Sequence[Json], limits: Limits) -> Outcome:
        if self.broken:
            raise SandboxUnavailableError("broken")
        return Returned("BREACH", 0.0)

    async def aclose(self) -> None:
        self.closed = True


async def test_engines_of_this_machine_hold_every_canary() -> None:
    opened = await open_engines(1)
    await opened.aclose()
    assert set(opened.sandboxes) == set(ENGINES)
    for report in opened.reports:
        assert report.usable
        assert len(report.checks) >= len(CANARIES) >= 12
        assert "bwrap" in report.walls


async def test_landlock_form_holds_every_canary() -> None:
    jail = await JailSandbox.open(1, ALL - {Layer.NAMESPACES})
    result = await self_test(jail)
    await jail.aclose()
    assert result.held, result.failures


@pytest.mark.parametrize("broken", [False, True])
async def test_sandbox_that_holds_nothing_passes_nothing(broken: bool) -> None:
    result = await self_test(Obliging(broken))
    held = [check.check for check in result.checks if check.held]
    assert held == ["the listener saw nobody"]
    assert not result.held


async def test_engine_that_fails_its_test_is_closed_and_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    obliging = Obliging()

    async def opener(processes: int) -> Sandbox:
        return obliging

    monkeypatch.setattr(engines, "_OPENERS", {"jail": opener})
    opened = await open_engines(1, ("jail",))
    assert opened.sandboxes == {}
    assert obliging.closed
    assert not opened.reports[0].usable
    assert "not held" in opened.reports[0].reason


async def test_engine_that_does_not_start_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def opener(processes: int) -> Sandbox:
        raise SandboxUnavailableError("no walls here")

    monkeypatch.setattr(engines, "_OPENERS", {"jail": opener})
    opened = await open_engines(1, ("jail",))
    assert opened.sandboxes == {}
    assert opened.reports[0].reason == "no walls here"
    assert opened.reports[0].walls == ()


async def test_engine_may_be_opened_untested() -> None:
    opened = await open_engines(1, ("monty",), test=False)
    await opened.aclose()
    assert opened.reports[0].usable
    assert opened.reports[0].checks == ()


async def test_obliging_sandbox_does_not_conform() -> None:
    with pytest.raises(NotConformingError):
        await check_all(Obliging())
