"""What runs inside the jail: a warm parent (the zygote) and its single-use children.

Fork orders with a socket each flow in on the control socket; notices of exits flow out; on
its own socket each child takes one request and gives one reply. Invariant: a program runs only
in a child that holds no descriptor but its own socket, has shed every right it does not need,
and was forked from a parent that never saw a request.

This file is run as ``python -c <text of this file> MODE CONFIG`` with the standard library
only and imports nothing of latm. It does not cover what its surroundings give: which files can
be seen, and the kill at the deadline, are the business of the one who starts it.
"""

import base64
import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import types
from collections.abc import Callable
from typing import NoReturn, TypedDict, cast

_HEADER = struct.Struct(">I")
_ORDER = struct.Struct(">cQ")  # from our parent: what, call
_NOTICE = struct.Struct(">cQi")  # to our parent: what, call, wait status
_CHILD_SOCKET = 3
_MAX_DEPTH = 64
_MAX_MESSAGE = 500
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, _PR_SET_NO_NEW_PRIVS = 22, 2, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_PRELOADED = (
    "ast bisect calendar collections copy dataclasses datetime decimal enum fractions functools"
    " heapq itertools json math operator random re statistics string textwrap time typing"
)
# Sizes of the small objects whose addresses tools print: instances, methods, functions.
_SHIFTED_SIZES = (48, 64, 80, 176)


class Config(TypedDict):
    """What the starter decides. ``filter`` is a BPF program in base64, empty for none."""

    control: int
    filter: str
    landlock: list[str]
    rlimits: bool
    environment: bool
    descriptors: bool
    command: str


class Request(TypedDict):
    """One call."""

    source: str
    entry: str
    arguments: list[object]
    cpu_seconds: float
    memory_bytes: int
    result_bytes: int


class Problem(Exception):  # noqa: N818  not an error of ours: the tool's end, on its way out
    """The call has no result: (kind, message)."""


LIBC = ctypes.CDLL(None, use_errno=True)

# --- shedding rights -------------------------------------------------------------------


def check(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


def restrict_landlock(paths: list[str]) -> None:
    """Only reading and executing below ``paths``; no connections; no signals to others."""
    abi = check(LIBC.syscall(_LANDLOCK_CREATE, None, 0, 1), "landlock version")
    files = (1 << 13) - 1
    files |= (1 << 13) if abi >= 2 else 0
    files |= (1 << 14) if abi >= 3 else 0
    files |= (1 << 15) if abi >= 5 else 0
    attributes = struct.pack("=QQQ", files, 3, 3)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = check(LIBC.syscall(_LANDLOCK_CREATE, attributes, size, 0), "landlock ruleset")
    execute, read_file, read_folder = 1, 4, 8
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allowed = execute | read_file | (read_folder if os.path.isdir(path) else 0)  # noqa: PTH112
        rule = struct.pack("=Qi", allowed, descriptor)
        check(LIBC.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0), "landlock rule")
        os.close(descriptor)
    check(LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    check(LIBC.syscall(_LANDLOCK_RESTRICT, ruleset, 0), "landlock restrict")
    os.close(ruleset)


def drop_capabilities() -> None:
    """Root without capabilities is a user like any other."""
    header = struct.pack("=Ii", 0x20080522, 0)
    check(LIBC.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0)), "capset")


class BpfProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def install_filter(code: bytes) -> None:
    """Install a seccomp filter; there is no way back."""
    held = ctypes.create_string_buffer(code, len(code))
    program = BpfProgram(len(code) // 8, ctypes.cast(held, ctypes.c_void_p))
    check(LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    check(LIBC.prctl(_PR_SET_SECCOMP, mode, ctypes.byref(program), 0, 0), "seccomp")


def lower_limits(cpu_seconds: float, memory_bytes: int) -> None:
    seconds = max(1, -int(-cpu_seconds // 1))
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, 32, 32),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))


# --- the child -------------------------------------------------------------------------


def child(config: Config, descriptor: int) -> NoReturn:
    """Shed rights, wait for one request, run it, reply, end."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.dup2(descriptor, _CHILD_SOCKET, inheritable=False)
        if config["descriptors"]:
            os.closerange(_CHILD_SOCKET + 1, 65536)
        # Children of one zygote have one memory layout: without this an address in a result
        # would be the same in each of them, and the tool would pass for deterministic.
        entropy = os.urandom(len(_SHIFTED_SIZES))
        shift = [
            [bytes(size - 33) for _ in range(count % 64)]  # 33: what an empty bytes object takes
            for size, count in zip(_SHIFTED_SIZES, entropy, strict=True)
        ]
        if config["filter"]:
            install_filter(base64.b64decode(config["filter"]))
        serve(config["rlimits"])
        del shift
        status = 0
    finally:
        # No exit hooks, no finalizers, no flushing: the program must not run again.
        os._exit(status)


def serve(with_limits: bool) -> None:
    request = read_request()
    if request is None:
        return
    if with_limits:
        lower_limits(request["cpu_seconds"], request["memory_bytes"])
    reply = answer(request)
    write_all(_HEADER.pack(len(reply)) + reply)
    os.close(_CHILD_SOCKET)


def read_exactly(size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(_CHILD_SOCKET, size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_request() -> Request | None:
    header = read_exactly(_HEADER.size)
    body = read_exactly(_HEADER.unpack(header)[0]) if header else None
    return json.loads(body) if body else None


def write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_CHILD_SOCKET, view) :]


def answer(request: Request, dumps: Callable[[object], str] = json.dumps) -> bytes:
    """The reply's payload. A program may forge it: the parent takes it for a value, no more."""
    try:
        result = run(request["source"], request["entry"], request["arguments"])
        check_plain(result, 0)
        text = dumps({"ok": True, "value": result}).encode()
        if len(text) > request["result_bytes"] + 64:
            raise Problem("output", f"result of {len(text)} bytes is too large")
        return text
    except Problem as problem:
        kind, message = problem.args
    except MemoryError as error:
        kind, message = "memory", describe(error)
    except BaseException as error:  # noqa: BLE001  a hostile value may raise anything when seen
        kind, message = "output", describe(error)
    return dumps({"ok": False, "error": {"kind": kind, "message": message}}).encode()


def run(source: str, entry: str, arguments: list[object]) -> object:
    module = types.ModuleType("tool")
    sys.modules["tool"] = module
    names = module.__dict__
    try:
        code = compile(source, "tool.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Problem("refused", describe(error)) from None
    try:
        exec(code, names)  # noqa: S102  the purpose of this process
        function = names.get(entry)
        if callable(function):
            return function(*arguments)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001  SystemExit is no success
        raise Problem("raised", describe(error)) from None
    raise Problem("refused", f"the source defines no function {entry!r}")


def describe(error: BaseException) -> str:
    try:
        detail = str(error)
        text = type(error).__name__ + (": " + detail if detail else "")
        return text[:_MAX_MESSAGE].encode("utf-8", "backslashreplace").decode()
    except BaseException:  # noqa: BLE001  a hostile __str__ may raise anything
        return "an exception that cannot be described"


def check_plain(value: object, depth: int) -> None:
    """Exact plain types only. Tuples pass: JSON makes them lists.

    Raises:
        Problem: something else.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return
    if depth >= _MAX_DEPTH:
        raise Problem("output", f"result is nested over {_MAX_DEPTH} levels")
    if kind is dict:
        for key, item in cast("dict[object, object]", value).items():  # exactly a dict
            if type(key) is not str:
                raise Problem("output", f"a key of type {type(key).__name__!r} is not a string")
            check_plain(item, depth + 1)
    elif kind is list or kind is tuple:
        for item in cast("list[object]", value):  # exactly a list or a tuple
            check_plain(item, depth + 1)
    else:
        raise Problem("output", f"a value of type {kind.__name__!r} is not plain data")


# --- the zygote ------------------------------------------------------------------------


class Zygote:
    """Forks on order, tells of exits, ends when the control socket ends."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.control = socket.socket(fileno=config["control"])
        self.children: dict[int, int] = {}  # process id -> call

    def prepare(self) -> None:
        """Load what most tools import, then shed what the children must not have."""
        self.control.set_inheritable(False)
        for name in _PRELOADED.split():
            __import__(name)
        if self.config["landlock"]:
            drop_capabilities()
            restrict_landlock(self.config["landlock"])
        LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if self.config["environment"]:
            os.environ.clear()  # noqa: TID251  the jail's own, for the children
        # Paths of the host, and what it started us with, are no business of a tool.
        sys.argv[:] = ["tool"]
        sys.orig_argv[:] = ["tool"]
        sys.executable = ""
        gc.collect()
        gc.freeze()
        self.control.send(b"R" + sys.version.encode())
        # From here on nobody reads what is written to standard error.
        os.dup2(1, 2)

    def loop(self) -> None:
        awake, wake = os.pipe()
        os.set_blocking(awake, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, notice)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(awake, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == awake:
                    os.read(awake, 4096)
                elif not self.obey():
                    return
            self.reap()

    def obey(self) -> bool:
        """Carry out one order; False at the end of orders."""
        data, descriptors, _, _ = socket.recv_fds(self.control, 64, 4)
        if not data:
            return False
        what, call = _ORDER.unpack(data)
        if what == b"F":
            self.fork(call, descriptors[0])
        elif what == b"K":
            for pid, one in self.children.items():
                if one == call:
                    os.kill(pid, signal.SIGKILL)
        return True

    def fork(self, call: int, descriptor: int) -> None:
        try:
            pid = os.fork()
        except OSError:
            self.control.send(_NOTICE.pack(b"X", call, -1))
        else:
            if pid == 0:
                child(self.config, descriptor)
            self.children[pid] = call
        os.close(descriptor)

    def reap(self) -> None:
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            call = self.children.pop(pid, None)
            if call is not None:
                self.control.send(_NOTICE.pack(b"X", call, status))


def notice(number: int, at: types.FrameType | None) -> None:
    """A handler, so that the signal writes to the wakeup descriptor at all."""


# --- start -----------------------------------------------------------------------------


def become(config: Config, arguments: list[str]) -> NoReturn:
    """Replace this process by a confined program."""
    drop_capabilities()
    if config["landlock"]:
        restrict_landlock(config["landlock"])
    if config["filter"]:
        install_filter(base64.b64decode(config["filter"]))
    os.execve(config["command"], [config["command"], *arguments], {})


def main() -> None:
    mode = sys.argv[1]
    config: Config = json.loads(sys.argv[2])
    if mode == "exec":
        become(config, sys.argv[3:])
    zygote = Zygote(config)
    zygote.prepare()
    zygote.loop()


if __name__ == "__main__":
    main()
