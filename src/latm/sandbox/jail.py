"""Engine `jail`: full CPython in single-use processes, forked from a warm parent in a jail.

A program, arguments and limits flow in; plain data or a `Failed` flows out. Invariant: every
call has a process of its own that never served another, the parent alone decides when it ends
and what its reply means, and without working walls nothing runs at all.

It covers: files (only the system's libraries and the standard library, read-only), network,
other processes, environment, memory, CPU and wall time, size and shape of the result, state
between calls. It does not cover: flaws of the kernel, side channels of the processor, and, in
the Landlock form, `stat` of host files whose path is known.
"""

from __future__ import annotations

import asyncio
import base64
import json
import platform
import signal
import socket
import sys
import sysconfig
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from latm.errors import SandboxUnavailableError
from latm.sandbox import bwrap, seccomp
from latm.sandbox.layers import ALL, Layer
from latm.sandbox.protocol import (
    HEADER,
    Problem,
    ReplyError,
    WorkerReply,
    encode_request,
    parse_reply,
    parse_reply_loosely,
    reply_cap,
)
from latm.sandbox.text import one_line
from latm.sandbox.zygote import SOURCE, Child, Zygote, ZygoteDeadError
from latm.types import EngineName, Failed, Json, Limits, Outcome, Program, Returned

if TYPE_CHECKING:
    from latm.sandbox.jail_child import Config

_ATTEMPTS = 3
_END_SECONDS = 2.0
_FLAGS = ("-P", "-s", "-S", "-X", "utf8")
# Not -E or -I: the environment is ours alone, and holds the seed that makes the order of sets
# the same in the verifier's process and in the one that serves.
_SEED = ("PYTHONHASHSEED", "0")
_SYSTEM_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")


class JailSandbox:
    """Single-use CPython processes.

    Args:
        processes: most calls at a time; as many children wait ready.
        layers: for tests only.
    """

    def __init__(self, processes: int = 2, layers: frozenset[Layer] = ALL) -> None:
        self._layers = layers
        self._slots = asyncio.Semaphore(processes)
        self._spares = processes
        self._ready: deque[Child] = deque()
        self._zygote: Zygote | None = None
        self._starting = asyncio.Lock()
        self._walls: tuple[str, ...] | None = None
        self._closed = False

    @classmethod
    async def open(cls, processes: int = 2, layers: frozenset[Layer] = ALL) -> JailSandbox:
        """A jail that is warm.

        Raises:
            SandboxUnavailableError: neither form of the jail works on this machine.
        """
        sandbox = cls(processes, layers)
        await sandbox.start()
        return sandbox

    @property
    def engine(self) -> EngineName:
        return "jail"

    @property
    def version(self) -> str:
        """Names the walls once the jail is open."""
        return "+".join((f"cpython-{platform.python_version()}", *(self._walls or ())))

    async def start(self) -> None:
        """Start the jail; `run` does it when needed.

        Raises:
            SandboxUnavailableError: neither form of the jail works on this machine.
        """
        await self._living()

    async def run(self, program: Program, arguments: Sequence[Json], limits: Limits) -> Outcome:
        """Call ``program.entry(*arguments)`` in a process of its own.

        Raises:
            SandboxUnavailableError: the jail cannot be started, or dies again and again.
        """
        try:
            request = encode_request(program, arguments, limits)
        except ReplyError as error:
            return Failed("refused", one_line(str(error)), 0.0)
        async with self._slots:
            for _ in range(_ATTEMPTS):
                child = await self._take()
                try:
                    return await self._call(child, request, limits)
                except ZygoteDeadError:
                    continue  # the request had not begun: another child may have it
                finally:
                    child.kill()
                    self._refill(child.zygote)
        raise SandboxUnavailableError("the jail dies before it takes a request; nothing was run")

    async def aclose(self) -> None:
        self._closed = True
        async with self._starting:
            await self._drop()

    # --- children ----------------------------------------------------------------------

    async def _take(self) -> Child:
        """A child that waits for its request."""
        for _ in range(_ATTEMPTS):
            while self._ready:
                child = self._ready.popleft()
                if child.zygote.alive and not child.ended.done():
                    return child
                child.kill()
            try:
                return (await self._living()).spawn()
            except ZygoteDeadError:
                continue
        raise SandboxUnavailableError("the jail dies as soon as it is started; nothing was run")

    def _refill(self, zygote: Zygote) -> None:
        try:
            while zygote.alive and not self._closed and len(self._ready) < self._spares:
                self._ready.append(zygote.spawn())
        except ZygoteDeadError:
            pass  # noticed again, and mended, by the next call

    async def _living(self) -> Zygote:
        if self._zygote is not None and self._zygote.alive:
            return self._zygote
        async with self._starting:
            if self._closed:
                raise SandboxUnavailableError("the jail is closed")
            if self._zygote is None or not self._zygote.alive:
                await self._drop()
                self._zygote = await self._start()
                self._refill(self._zygote)
            return self._zygote

    async def _drop(self) -> None:
        while self._ready:
            self._ready.popleft().kill()
        if self._zygote is not None:
            zygote, self._zygote = self._zygote, None
            await zygote.aclose()

    # --- one call ----------------------------------------------------------------------

    async def _call(self, child: Child, request: bytes, limits: Limits) -> Outcome:
        """Send, read, judge.

        Raises:
            ZygoteDeadError: the request cannot have begun.
        """
        loop = asyncio.get_running_loop()
        started = perf_counter()
        wall = limits.wall_seconds if Layer.WALL_CLOCK in self._layers else None
        data = b""
        try:
            async with asyncio.timeout(wall):
                try:
                    await loop.sock_sendall(child.socket, request)
                except OSError as error:
                    raise ZygoteDeadError from error
                data = await _read(child.socket, HEADER.size + reply_cap(limits) + 1)
        except TimeoutError:
            seconds = perf_counter() - started
            child.kill()
            if await _end(child) is None:
                child.zygote.give_up()
            return Failed("timeout", "killed at the time limit", seconds)
        except ConnectionError:
            pass  # it died with part of the request unread: judged by its end, below
        seconds = perf_counter() - started
        try:
            reply = self._parse(data, limits)
        except ReplyError as error:
            child.kill()
            return _judge(await _end(child), bool(data), str(error), seconds, limits)
        if isinstance(reply, Problem):
            return Failed(reply.kind, one_line(reply.message), seconds)
        return Returned(reply.value, seconds)

    def _parse(self, data: bytes, limits: Limits) -> WorkerReply:
        if Layer.STRICT_REPLY in self._layers:
            return parse_reply(data, limits)
        return parse_reply_loosely(data)

    # --- walls -------------------------------------------------------------------------

    async def _start(self) -> Zygote:
        """The best form of the jail that works; once found, a restart keeps to it."""
        reasons: list[str] = []
        for walls in self._forms():
            if self._walls is not None and walls != self._walls:
                continue
            try:
                zygote = await self._start_form(walls)
            except SandboxUnavailableError as error:
                reasons.append(f"{'+'.join(walls)}: {error}")
            else:
                self._walls = walls
                return zygote
        why = "; ".join(reasons) or "its system calls are not known here"
        raise SandboxUnavailableError(f"no jail works on this machine ({why})")

    def _forms(self) -> list[tuple[str, ...]]:
        filtered = ("seccomp",) if Layer.SECCOMP in self._layers else ()
        if filtered and not (sys.platform == "linux" and seccomp.is_supported()):
            return []
        forms: list[tuple[str, ...]] = []
        if Layer.NAMESPACES in self._layers:
            forms.append(("bwrap", *filtered))
        if Layer.LANDLOCK in self._layers:
            forms.append(("landlock", *filtered))
        if not forms:
            forms.append(("none", *filtered))  # only a test takes both away
        return forms

    async def _start_form(self, walls: tuple[str, ...]) -> Zygote:
        head, python = self._head(walls)
        control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        config = self._config(control[1].fileno(), walls)
        script = ["-c", SOURCE.read_text("utf-8"), "zygote", json.dumps(config)]
        command = [python, *_FLAGS, *script]
        if walls[0] == "bwrap":
            command = bwrap.finish(command)
        return await Zygote.start([*head, *command], control, Layer.DESCRIPTORS not in self._layers)

    def _head(self, walls: tuple[str, ...]) -> tuple[list[str], str]:
        """What stands before the command, and the interpreter's path behind it."""
        clear = Layer.ENVIRONMENT in self._layers
        if walls[0] != "bwrap":
            head = ["/usr/bin/env", *(["-i"] if clear else []), "=".join(_SEED)]
            return head, str(bwrap.interpreter())
        binary = bwrap.find()
        if binary is None:
            raise SandboxUnavailableError("the bubblewrap binary is not installed")
        shown, python = bwrap.python()
        head = [*bwrap.base(binary), "--as-pid-1", *(["--clearenv"] if clear else [])]
        return [*head, "--setenv", *_SEED, *shown], python

    def _config(self, control: int, walls: tuple[str, ...]) -> Config:
        code = seccomp.program_filter() if Layer.SECCOMP in self._layers else b""
        return {
            "control": control,
            "filter": base64.b64encode(code).decode(),
            "landlock": readable_folders() if walls[0] == "landlock" else [],
            "rlimits": Layer.RLIMITS in self._layers,
            "environment": Layer.ENVIRONMENT in self._layers,
            "descriptors": Layer.DESCRIPTORS in self._layers,
            "command": "",
        }


def readable_folders() -> list[str]:
    """What a Python process under Landlock has to read."""
    return [*_SYSTEM_FOLDERS, sysconfig.get_path("stdlib"), f"{sys.base_prefix}/lib"]


async def _read(connection: socket.socket, cap: int) -> bytes:
    """All until the end, at most ``cap`` bytes."""
    loop = asyncio.get_running_loop()
    parts: list[bytes] = []
    while cap > 0:
        part = await loop.sock_recv(connection, min(cap, 65536))
        if not part:
            break
        parts.append(part)
        cap -= len(part)
    return b"".join(parts)


async def _end(child: Child) -> int | None:
    """Wait status of a child that was killed or ended; None when it is not to be had."""
    try:
        async with asyncio.timeout(_END_SECONDS):
            return await asyncio.shield(child.ended)
    except TimeoutError:
        return None


def _judge(
    status: int | None, replied: bool, reason: str, seconds: float, limits: Limits
) -> Failed:
    """What a call without a valid reply was."""
    number = status & 0x7F if status is not None and status >= 0 else 0
    if number == signal.SIGSYS:
        return Failed("violation", "a forbidden system call", seconds)
    if replied:
        return Failed("output", one_line(reason), seconds)
    if number == signal.SIGXCPU or (number == signal.SIGKILL and seconds >= limits.cpu_seconds):
        return Failed("timeout", "over the limit of processor time", seconds)
    if status is None:
        return Failed("killed", "the jail ended during the call", seconds)
    if number:
        return Failed("killed", f"ended by {signal.Signals(number).name}", seconds)
    return Failed("killed", "ended without a reply", seconds)
