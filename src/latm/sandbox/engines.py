"""Open the engines of this machine, and trust only those that hold their canaries.

The number of processes flows in; open sandboxes and a `Report` on each engine flow out.
Invariant: an engine that does not start, or lets a canary through, is closed and absent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from latm.errors import SandboxUnavailableError
from latm.sandbox import Sandbox
from latm.sandbox.jail import JailSandbox
from latm.sandbox.monty import MontySandbox
from latm.sandbox.selftest import Check, self_test
from latm.types import EngineName

_OPENERS: Mapping[EngineName, Callable[[int], Awaitable[Sandbox]]] = MappingProxyType(
    {"monty": MontySandbox.open, "jail": JailSandbox.open}
)
ENGINES: tuple[EngineName, ...] = tuple(_OPENERS)


@dataclass(frozen=True, slots=True)
class Report:
    """What one engine is worth here.

    Attributes:
        version: with its walls, ``monty-1.4.0+bwrap+seccomp``; None when it does not start.
        reason: why it may not be used; empty when it may.
        checks: the canaries; empty when they were not run.
    """

    engine: EngineName
    version: str | None
    reason: str
    checks: tuple[Check, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.reason

    @property
    def walls(self) -> tuple[str, ...]:
        return tuple(self.version.split("+")[1:]) if self.version else ()


@dataclass(frozen=True, slots=True)
class Engines:
    """The usable sandboxes by name, and a report on each engine asked for."""

    sandboxes: Mapping[EngineName, Sandbox]
    reports: tuple[Report, ...]

    async def aclose(self) -> None:
        for sandbox in self.sandboxes.values():
            await sandbox.aclose()


async def open_engines(
    processes: int = 2, engines: Sequence[EngineName] = ENGINES, test: bool = True
) -> Engines:
    """Open the named engines.

    Args:
        test: run the self-test (under a second); without it an engine only has to start.
    """
    opened = await asyncio.gather(*(_open(name, processes, test) for name in engines))
    return Engines(
        MappingProxyType({report.engine: box for box, report in opened if box is not None}),
        tuple(report for _, report in opened),
    )


async def _open(name: EngineName, processes: int, test: bool) -> tuple[Sandbox | None, Report]:
    try:
        sandbox = await _OPENERS[name](processes)
    except SandboxUnavailableError as error:
        return None, Report(name, None, str(error))
    if not test:
        return sandbox, Report(name, sandbox.version, "")
    result = await self_test(sandbox)
    reason = "" if result.held else f"self-test not held: {', '.join(result.failures)}"
    report = Report(name, sandbox.version, reason, result.checks)
    if reason:
        await sandbox.aclose()
        return None, report
    return sandbox, report
