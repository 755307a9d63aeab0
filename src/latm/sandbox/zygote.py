"""Our side of one jail: start its zygote, order children, hear of their ends.

A command flows in; `Child` handles with a socket each flow out. Invariant: a child's socket is
known to that child and us alone, and when the zygote dies every waiter hears of it. It does not
cover what the command encloses; `latm.sandbox.jail` builds that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latm.errors import SandboxUnavailableError
from latm.sandbox.text import one_line

_ORDER = struct.Struct(">cQ")
_NOTICE = struct.Struct(">cQi")
_READY_SECONDS = 10.0

# Not imported: it is text for another process, and needs what only Linux has.
SOURCE = Path(__file__).with_name("jail_child.py")


class ZygoteDeadError(Exception):
    """The zygote is gone; the order was not carried out."""


@dataclass(slots=True, eq=False)
class Child:
    """A single-use process that waits for its request on ``socket``."""

    zygote: Zygote
    call: int
    socket: socket.socket
    ended: asyncio.Future[int | None]
    """Its wait status; None when the zygote died."""

    def kill(self) -> None:
        """Close the socket and make sure that nothing of it goes on running."""
        self.socket.close()
        if not self.ended.done():
            self.zygote.order_kill(self.call)


class Zygote:
    """One running jail. Bound to the event loop that started it."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._calls = 0
        self._ends: dict[int, asyncio.Future[int | None]] = {}
        self.alive = True

    @classmethod
    async def start(
        cls, command: Sequence[str], control: tuple[socket.socket, socket.socket], inherit: bool
    ) -> Zygote:
        """Run ``command``, which inherits the second socket under its present number.

        Args:
            inherit: for tests only: let all our inheritable descriptors through.

        Raises:
            SandboxUnavailableError: it does not become ready.
        """
        ours, theirs = control
        ours.setblocking(False)
        theirs.set_inheritable(True)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220  a spawn of a millisecond
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                close_fds=not inherit,
                pass_fds=() if inherit else (theirs.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise SandboxUnavailableError(f"the jail does not start: {error}") from error
        finally:
            theirs.close()
        zygote = cls(process, ours)
        try:
            await zygote._ready()
        except BaseException:
            await zygote.aclose()
            raise
        return zygote

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                message = await self._loop.sock_recv(self._control, 4096)
        except (TimeoutError, OSError):
            message = b""
        if not message:
            raise SandboxUnavailableError(f"the jail does not start: {self._complaint()}")
        if message != b"R" + sys.version.encode():
            # Another libpython would run tools under a version that is not the recorded one.
            found = one_line(message[1:].decode("utf-8", "replace"))
            raise SandboxUnavailableError(f"the jail runs another Python: {found}")
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._loop.add_reader(self._control, self._hear)

    def _complaint(self) -> str:
        self._process.kill()
        assert self._process.stderr is not None
        text = self._process.stderr.read(4096).decode("utf-8", "replace").strip()
        return one_line(text.splitlines()[-1] if text else "no reason given")

    def spawn(self) -> Child:
        """Order one child.

        Raises:
            ZygoteDeadError: nobody there to fork it.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._calls += 1
        ended: asyncio.Future[int | None] = self._loop.create_future()
        try:
            if not self.alive:
                raise ZygoteDeadError
            socket.send_fds(self._control, [_ORDER.pack(b"F", self._calls)], [theirs.fileno()])
        except (OSError, ZygoteDeadError) as error:
            ours.close()
            self._died()
            raise ZygoteDeadError from error
        finally:
            theirs.close()
        self._ends[self._calls] = ended
        return Child(self, self._calls, ours, ended)

    def order_kill(self, call: int) -> None:
        if self.alive:
            try:
                self._control.send(_ORDER.pack(b"K", call))
            except OSError:
                # Dead, or deaf with a full queue: either way no longer to be trusted.
                self._died()

    def give_up(self) -> None:
        """Kill the jail: it no longer does what it is told."""
        self._died()

    def _hear(self) -> None:
        try:
            message = self._control.recv(64)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if len(message) != _NOTICE.size:
            self._died()
            return
        _, call, status = _NOTICE.unpack(message)
        ended = self._ends.pop(call, None)
        if ended is not None and not ended.done():
            ended.set_result(status)

    def _died(self) -> None:
        if self.alive:
            self.alive = False
            self._loop.remove_reader(self._control)
            self._process.kill()
        for ended in self._ends.values():
            if not ended.done():
                ended.set_result(None)
        self._ends.clear()

    async def aclose(self) -> None:
        """Kill the jail with everything in it; may be called twice."""
        self._died()
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._loop.run_in_executor(None, self._process.wait)
        if self._process.stderr is not None:
            self._process.stderr.close()
