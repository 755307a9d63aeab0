"""Ask a real engine to do what must not happen, before anybody relies on it.

An open sandbox flows in, one `Check` per canary flows out. Invariant: it fails closed; a canary
that could not be judged counts as not held. It does not cover everything that the corpus of
hostile tools in tests/ does: it is the part that a machine can break by being set up otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from latm.errors import SandboxUnavailableError
from latm.sandbox import Sandbox
from latm.types import EngineName, Failed, Json, Limits, Outcome, Program, Returned

_LIMITS = Limits(wall_seconds=2.0, cpu_seconds=1.0, memory_bytes=192 * 1024 * 1024)
_SHORT = Limits(wall_seconds=0.3, cpu_seconds=0.2, memory_bytes=192 * 1024 * 1024)
_BREACH = "BREACH"


@dataclass(frozen=True, slots=True)
class Check:
    """One canary: did the sandbox hold it, and what was seen."""

    check: str
    held: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SelfTest:
    """All canaries of one engine."""

    engine: EngineName
    version: str
    checks: tuple[Check, ...]

    @property
    def held(self) -> bool:
        return all(check.held for check in self.checks)

    @property
    def failures(self) -> tuple[str, ...]:
        return tuple(check.check for check in self.checks if not check.held)


@dataclass(frozen=True, slots=True)
class Canary:
    """A program that returns a text with BREACH in it when it gets what it must not get."""

    name: str
    source: str
    limits: Limits = _LIMITS
    must_fail: bool = False
    """A returned value is a breach whatever it says."""


CANARIES: tuple[Canary, ...] = (
    Canary(
        "host files cannot be read",
        """
def tool(port):
    got = []
    for path in ("/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/cmdline"):
        try:
            with open(path) as file:
                got.append("BREACH " + path + str(len(file.read())))
        except OSError:
            pass
    return got
""",
    ),
    Canary(
        "folders of people and the system are not listed",
        """
import os
def tool(port):
    return ["BREACH " + p for p in ("/etc", "/root", "/home", "/var", "/proc", "/sys") if seen(p)]
def seen(path):
    try:
        return len(os.listdir(path)) > 0
    except OSError:
        return False
""",
    ),
    Canary(
        "nothing can be written",
        """
import os
def tool(port):
    got = []
    for folder in ("/", "/tmp", "/dev/shm", "/var/tmp", ".", os.path.dirname(os.__file__)):
        try:
            with open(folder + "/latm-canary", "w") as file:
                file.write("x")
            got.append("BREACH " + folder)
        except OSError:
            pass
    return got
""",
    ),
    Canary(
        "no environment is inherited",
        """
import os
def tool(port):
    return ["BREACH " + name for name in os.environ]
""",
    ),
    Canary(
        "no open file is inherited",
        """
import os
def tool(port):
    got = []
    for number in range(4, 256):
        try:
            os.fstat(number)
            got.append("BREACH %d" % number)
        except OSError:
            pass
    return got
""",
    ),
    Canary(
        "no connection is made",
        """
import socket
def tool(port):
    socket.create_connection(("127.0.0.1", port), timeout=1).sendall(b"x")
    return "BREACH connected"
""",
    ),
    Canary(
        "no process is started",
        """
import os
def tool(port):
    if os.fork() == 0:
        os._exit(0)
    return "BREACH forked"
""",
    ),
    Canary(
        "no other process is signalled",
        """
import os
def tool(port):
    os.kill(os.getppid(), 0)
    return "BREACH signalled"
""",
    ),
    Canary(
        "no program is executed",
        """
import os, sys
def tool(port):
    python = os.path.dirname(os.__file__) + "/../../bin/python%d.%d" % sys.version_info[:2]
    for path in ("/bin/sh", "/usr/bin/env", python):
        try:
            os.execv(path, [path, "-c", "exit 0"])
        except OSError:
            pass
    raise ValueError("refused")
""",
        must_fail=True,
    ),
    Canary(
        "no rights are gained",
        """
import ctypes
def tool(port):
    libc = ctypes.CDLL(None)
    if libc.unshare(0x10000000) == 0 or libc.ptrace(16, 1, 0, 0) == 0:
        return "BREACH rights"
    return "denied"
""",
    ),
    Canary(
        "memory is bounded",
        """
def tool(port):
    block = [0] * 60000000
    return "BREACH %d" % len(block)
""",
    ),
    Canary(
        "a loop is ended",
        """
def tool(port):
    while True:
        pass
""",
        limits=_SHORT,
        must_fail=True,
    ),
    Canary(
        "only plain data comes back",
        """
def tool(port):
    return [float("nan")]
""",
        must_fail=True,
    ),
)

_ORDINARY = Program("def tool(words):\n    return sorted(words.split())\n", "tool")
_STATEFUL = Program(
    """
import json
SEEN = []
def tool(port):
    SEEN.append(1)
    try:
        old = getattr(json, "latm_canary", None)
        json.latm_canary = "BREACH"
    except AttributeError:
        old = None
    return ["BREACH" if len(SEEN) > 1 else "first", old]
""",
    "tool",
)


async def self_test(sandbox: Sandbox) -> SelfTest:
    """Run every canary in the engine itself.

    A sandbox that turns out to be unavailable is a failed check, not an exception.
    """
    async with _listener() as (port, connected):
        checks = [await _check(sandbox, canary, port) for canary in CANARIES]
        checks.append(await _fresh_state(sandbox))
        checks.append(await _ordinary(sandbox))
        reached = connected.is_set()
        checks.append(Check("the listener saw nobody", not reached, "reached" if reached else ""))
    return SelfTest(sandbox.engine, sandbox.version, tuple(checks))


async def _check(sandbox: Sandbox, canary: Canary, port: int) -> Check:
    program = Program(canary.source, "tool")
    try:
        outcome = await sandbox.run(program, [port], canary.limits)
    except SandboxUnavailableError as error:
        return Check(canary.name, False, str(error))
    held = isinstance(outcome, Failed) or not (canary.must_fail or _is_breach(outcome.value))
    return Check(canary.name, held, _detail(outcome))


def _is_breach(value: Json) -> bool:
    return _BREACH in str(value)


async def _fresh_state(sandbox: Sandbox) -> Check:
    name = "nothing survives a call"
    try:
        first = await sandbox.run(_STATEFUL, [0], _LIMITS)
        second = await sandbox.run(_STATEFUL, [0], _LIMITS)
    except SandboxUnavailableError as error:
        return Check(name, False, str(error))
    values = [one.value if isinstance(one, Returned) else _BREACH for one in (first, second)]
    return Check(name, not any(map(_is_breach, values)), _detail(second))


async def _ordinary(sandbox: Sandbox) -> Check:
    name = "an ordinary tool is right afterwards"
    try:
        outcome = await sandbox.run(_ORDINARY, ["pear fig apple"], _LIMITS)
    except SandboxUnavailableError as error:
        return Check(name, False, str(error))
    right = isinstance(outcome, Returned) and outcome.value == ["apple", "fig", "pear"]
    return Check(name, right, _detail(outcome))


def _detail(outcome: Outcome) -> str:
    if isinstance(outcome, Returned):
        return f"returned {str(outcome.value)[:80]}"
    return f"{outcome.kind}: {outcome.message}"


@contextlib.asynccontextmanager
async def _listener() -> AsyncGenerator[tuple[int, asyncio.Event]]:
    """A loopback port that records whether anybody came."""
    connected = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], connected
    finally:
        server.close()
        await server.wait_closed()
