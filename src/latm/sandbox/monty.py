"""Engine `monty`: a small Python interpreter in Rust, in worker processes of its own.

A program, arguments and limits flow in; plain data or a `Failed` flows out. Invariant: one
checkout (fresh interpreter state) per call, limits always set, and the source is parsed only
in the worker.

It covers: files, network, processes and environment (the interpreter has none), CPU time and
memory (counted by the interpreter, backed by a kill from the parent), state between calls.
It does not cover: a flaw of the interpreter itself. For that the worker process stands in the
OS jail that `launcher` can build here; `version` says which, and a bare "monty-x.y" means none.
It also lacks parts of Python; such failures carry ``unsupported=True``.
"""

from __future__ import annotations

import asyncio
import builtins
import logging
import re
import shutil
import sysconfig
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Literal, cast

import pydantic_monty

from latm.errors import SandboxUnavailableError
from latm.sandbox.launcher import Launcher
from latm.sandbox.layers import ALL, Layer
from latm.sandbox.monty_pool import Session, SessionLimits, SessionThreads
from latm.sandbox.protocol import ReplyError, check_program, encode_arguments, parse_json, plain
from latm.sandbox.text import one_line
from latm.types import EngineName, Failed, FailureKind, Json, Limits, Outcome, Program, Returned

_log = logging.getLogger(__name__)

MAX_MEMORY = 64 * 1024 * 1024
_GRACE_SECONDS = 0.5
_START_SECONDS = 60.0

# Shadowing-proof: uses no builtin name, because the tool may have defined any of them.
_TAIL = """
import json as _latm_json
_latm_value = {entry}(*_latm_arguments)
_latm_text = _latm_json.dumps(_latm_value)
[_latm_text[:{cap}], _latm_json.loads(_latm_text) == _latm_value]
"""
_DUMPS_LINE = 4  # of _TAIL, counted from 1

# The interpreter turns a lone surrogate in a literal into U+FFFD without a word.
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]|\\U0000[dD][89a-fA-F]")
_LACKS = re.compile(r"not (yet )?(support|implement)|unsupported", re.I)
_SIGNATURE = re.compile(r"\b\w+\(\)")
_NO_NAME = re.compile(r"name '(\w+)' is not defined")


def _drop(stream: Literal["stdout", "stderr"], text: str) -> None:
    """What a tool prints is nobody's business."""


class MontySandbox:
    """A pool of interpreter workers.

    Args:
        processes: most calls at a time.
        launcher: how a worker is started; None: the best jail that works here.
        layers: for tests only.
    """

    def __init__(
        self,
        processes: int = 2,
        launcher: Launcher | None = None,
        layers: frozenset[Layer] = ALL,
    ) -> None:
        self._processes = processes
        self._layers = layers
        self._launcher = launcher
        self._version = f"monty-{pydantic_monty.__version__}"
        self._threads: SessionThreads | None = None
        self._opening = asyncio.Lock()

    @classmethod
    async def open(
        cls, processes: int = 2, launcher: Launcher | None = None, layers: frozenset[Layer] = ALL
    ) -> MontySandbox:
        """A pool that is warm.

        Raises:
            SandboxUnavailableError: its workers do not start.
        """
        sandbox = cls(processes, launcher, layers)
        await sandbox.start()
        return sandbox

    @property
    def engine(self) -> EngineName:
        return "monty"

    @property
    def version(self) -> str:
        """Names the walls once the pool is open."""
        return self._version

    async def start(self) -> None:
        """Start the workers; `run` does it when needed.

        Raises:
            SandboxUnavailableError: they do not start.
        """
        async with self._opening:
            if self._threads is None:
                self._threads = await asyncio.to_thread(self._enter)

    def _enter(self) -> SessionThreads:
        launcher = self._launcher or Launcher.best(_binary(), self._layers)
        if not launcher.walls:
            _log.warning("monty workers run without an OS jail: none works on this machine")
        try:
            # The asynchronous pool of this library (1.4) aborts the whole process at exit now
            # and then; the plain one does not, and with threads of ours it is faster.
            pool = pydantic_monty.Monty(
                binary_path=launcher.open(),
                min_processes=self._processes,
                max_processes=self._processes,
                checkout_timeout=_START_SECONDS,
                request_timeout=_START_SECONDS,
                feed_duration_limit_grace=_GRACE_SECONDS,
            )
            pool.__enter__()
            _probe(pool)
        except (OSError, RuntimeError, pydantic_monty.MontyError) as error:
            launcher.close()
            raise SandboxUnavailableError(
                f"monty workers do not start ({one_line(str(error))}); see `latm sandbox check`"
            ) from error
        self._launcher = launcher
        self._version = "+".join((f"monty-{pydantic_monty.__version__}", *launcher.walls))
        return SessionThreads(pool, self._processes)

    async def run(self, program: Program, arguments: Sequence[Json], limits: Limits) -> Outcome:
        """Call ``program.entry(*arguments)`` in a fresh interpreter.

        Raises:
            SandboxUnavailableError: the workers cannot be started.
        """
        try:
            check_program(program)
            encode_arguments(arguments)
        except ReplyError as error:
            return Failed("refused", one_line(str(error)), 0.0)
        if _SURROGATE_ESCAPE.search(program.source):
            return Failed("refused", "surrogate escapes need full Python", 0.0, unsupported=True)
        if self._threads is None:
            await self.start()
        assert self._threads is not None
        bounds = SessionLimits(
            min(limits.cpu_seconds, limits.wall_seconds), min(limits.memory_bytes, MAX_MEMORY)
        )
        work = partial(_call, program, list(arguments), limits)
        outcome = await self._threads.run(bounds, work)
        if isinstance(outcome, Failed) and outcome.kind == "killed":
            # A session that waited may have lost its worker to others; the program is to blame
            # only when a second one ends as well.
            return await self._threads.run(bounds, work)
        return outcome

    async def aclose(self) -> None:
        async with self._opening:
            threads, self._threads = self._threads, None
            if threads is not None:
                await asyncio.to_thread(threads.close)
            if self._launcher is not None:
                self._launcher.close()


def _probe(pool: pydantic_monty.Monty) -> None:
    """Workers that do not start are noticed only when one is used."""
    try:
        with pool.checkout() as session:
            session.feed_run("1", print_callback=_drop)
    except BaseException:
        pool.__exit__(None, None, None)
        raise


def _binary() -> str:
    """Where the engine's wheel put its worker; not what an environment variable says.

    Raises:
        SandboxUnavailableError: it is not there.
    """
    found = shutil.which("monty", path=sysconfig.get_path("scripts"))
    if found is None:
        raise SandboxUnavailableError("the binary of pydantic-monty is not installed")
    return found


def _call(program: Program, arguments: list[Json], limits: Limits, session: Session) -> Outcome:
    """One call in a session of its own, in a thread."""
    started = perf_counter()
    cap = limits.result_bytes + 1
    try:
        reply: object = session.feed_run(
            program.source + _TAIL.format(entry=program.entry, cap=cap),
            inputs={"_latm_arguments": arguments},
            print_callback=_drop,
        )
        text, same = cast("tuple[object, object]", reply)  # checked by _value
        value = _value(text, limits)
        if same is not True:
            # The value holds tuples, or keys that are not strings: JSON text hides which.
            value = plain(session.feed_run("_latm_value", print_callback=_drop))
    except ReplyError as error:
        return Failed("output", one_line(str(error)), perf_counter() - started)
    except pydantic_monty.MontyError as error:
        return _failed(error, program, perf_counter() - started)
    except (TypeError, ValueError, RuntimeError) as error:
        # The binding could not turn the worker's answer into Python values.
        return Failed("output", one_line(f"result: {error}"), perf_counter() - started)
    return Returned(value, perf_counter() - started)


def _value(text: object, limits: Limits) -> Json:
    if not isinstance(text, str):
        raise ReplyError("worker's reply has an unknown shape")
    if len(text) > limits.result_bytes:
        raise ReplyError(f"result is over the cap of {limits.result_bytes} bytes")
    return parse_json(text.encode("utf-8", "surrogatepass"))


# --- errors ----------------------------------------------------------------------------


def _failed(error: pydantic_monty.MontyError, program: Program, seconds: float) -> Failed:
    message = one_line(str(error))
    if isinstance(error, pydantic_monty.MontyCrashedError):
        if error.timed_out:
            return Failed("timeout", "killed at the time limit", seconds)
        return Failed("killed", "the interpreter's process ended", seconds)
    if isinstance(error, pydantic_monty.MontySyntaxError):
        lacks = _LACKS.search(message) is not None
        return Failed("refused", one_line(f"SyntaxError: {message}"), seconds, unsupported=lacks)
    if isinstance(error, pydantic_monty.MontyRuntimeError):
        return _raised(error, program, seconds)
    return Failed("refused", message, seconds)


def _raised(error: pydantic_monty.MontyRuntimeError, program: Program, seconds: float) -> Failed:
    name = type(error.exception()).__name__
    detail = error.display("msg")
    message = one_line(error.display("type-msg"))
    if name == "TimeoutError" and "time limit exceeded" in detail:
        return Failed("timeout", "over the time limit", seconds)
    if name == "MemoryError":
        return Failed("memory", message, seconds)
    if name == "NameError" and detail == f"name '{program.entry}' is not defined":
        return Failed("refused", f"the source defines no {program.entry!r}", seconds)
    if _is_from_dumps(error, program):
        return Failed("output", one_line(f"result is not plain data: {detail}"), seconds)
    if _is_lacking(name, detail):
        kind: FailureKind = "refused" if name == "NotImplementedError" else "raised"
        return Failed(kind, message, seconds, unsupported=True)
    return Failed("raised", message, seconds)


def _is_from_dumps(error: pydantic_monty.MontyRuntimeError, program: Program) -> bool:
    frames = error.traceback()
    return len(frames) == 1 and frames[0].line == program.source.count("\n") + _DUMPS_LINE


def _is_lacking(name: str, detail: str) -> bool:
    """Could full Python do better? Being wrong here costs one call of the jail.

    The interpreter lacks methods of builtin types, special methods and keyword arguments, and
    says so by the same errors that a mistake of the tool would cause.
    """
    if name in ("ModuleNotFoundError", "ImportError", "TypeError", "AttributeError"):
        return True
    if name == "NotImplementedError":
        return "monty" in detail or _LACKS.search(detail) is not None
    if name == "NameError":
        match = _NO_NAME.match(detail)
        return match is not None and hasattr(builtins, match[1])
    if name == "ValueError" and _SIGNATURE.search(detail):
        return "invalid literal" not in detail
    return _LACKS.search(detail) is not None
