"""Seam: run a function on arguments, under limits, away from everything else.

A `Program`, positional JSON arguments and `Limits` flow in; `Returned` or `Failed` flows
out. Invariant: whatever the program does, the caller, the host and later calls are
unharmed, and nothing but the program and its arguments can be seen by it. Adapters:
`monty` and `jail`; any adapter must pass `latm.sandbox.conformance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from latm.types import EngineName, Json, Limits, Outcome, Program


class Sandbox(Protocol):
    """One engine, warm and ready for calls."""

    @property
    def engine(self) -> EngineName:
        """Short name of the engine; part of a tool's identity."""
        ...

    @property
    def version(self) -> str:
        """Version of the engine and of what encloses it; part of a tool's identity."""
        ...

    async def run(self, program: Program, arguments: Sequence[Json], limits: Limits) -> Outcome:
        """Call ``program.entry(*arguments)`` in a fresh interpreter state.

        Raises:
            SandboxUnavailableError: the sandbox itself failed; says nothing of the program.
        """
        ...

    async def aclose(self) -> None:
        """End all processes; may be called twice."""
        ...
