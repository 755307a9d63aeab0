"""Put a foreign interpreter's worker process into an OS jail.

A binary's path flows in, the path of a script that starts it confined flows out. Invariant:
the script lives in a folder that only we can write, and `walls` names exactly what it puts
around the worker. It bounds address space and descriptors, but not processor time: a worker
serves many calls, and the interpreter's own limits count per call.
"""

from __future__ import annotations

import base64
import errno
import json
import shlex
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from latm.sandbox import bwrap, seccomp
from latm.sandbox.jail import readable_folders
from latm.sandbox.layers import ALL, Layer
from latm.sandbox.zygote import SOURCE

if TYPE_CHECKING:
    from latm.sandbox.jail_child import Config

_ADDRESS_SPACE_KIB = 1024 * 1024
_PROBE_SECONDS = 30.0
_BUSY_TRIES = 200
_BUSY_SECONDS = 0.01
_INSIDE = "/worker"
_SCRIPT = """#!/bin/sh
ulimit -c 0 && ulimit -n 64 && ulimit -v {address_space} || exit 1
exec 9<{filter}
exec {command} "$@" 2>/dev/null
"""


class Launcher:
    """How a worker is started: with which walls."""

    def __init__(self, binary: str, walls: tuple[str, ...]) -> None:
        self._binary = binary
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.walls = walls

    @classmethod
    def best(cls, binary: str, layers: frozenset[Layer] = ALL) -> Launcher:
        """The strongest walls that work on this machine; none as the last resort."""
        filtered = ("seccomp",) if seccomp.is_supported() and Layer.SECCOMP in layers else ()
        forms = [("bwrap", *filtered)] if Layer.NAMESPACES in layers and bwrap.find() else []
        if Layer.LANDLOCK in layers:
            forms.append(("landlock", *filtered))
        for walls in forms:
            launcher = cls(binary, walls)
            if launcher.works():
                return launcher
            launcher.close()
        return cls(binary, ())

    def works(self, arguments: tuple[str, ...] = ("--version",)) -> bool:
        """Does the binary run behind these walls?"""
        for _ in range(_BUSY_TRIES):
            try:
                probe = subprocess.run(
                    [self.open(), *arguments],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_PROBE_SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                # A fork in another thread holds the fresh script open for writing until it
                # executes; taken for a wall that does not work, it would weaken the engine.
                if isinstance(error, OSError) and error.errno == errno.ETXTBSY:
                    time.sleep(_BUSY_SECONDS)
                    continue
                return False
            return probe.returncode == 0
        return False

    def open(self) -> str:
        """Path of the script; written on first use."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="latm-")
            self._write(Path(self._folder.name))
        return str(Path(self._folder.name) / "worker")

    def close(self) -> None:
        """Remove the script; may be called twice."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _write(self, folder: Path) -> None:
        filter_path = folder / "filter"
        filter_path.write_bytes(seccomp.worker_filter() if "seccomp" in self.walls else b"")
        script = folder / "worker"
        script.write_text(
            _SCRIPT.format(
                address_space=_ADDRESS_SPACE_KIB,
                filter=shlex.quote(str(filter_path)),
                command=shlex.join(self._command()),
            ),
            "utf-8",
        )
        script.chmod(0o700)

    def _command(self) -> list[str]:
        if "bwrap" in self.walls:
            command = [*bwrap.base(str(bwrap.find())), "--clearenv"]
            command += ["--ro-bind", self._binary, _INSIDE]
            if "seccomp" in self.walls:
                command += ["--seccomp", "9"]
            return command + bwrap.finish([_INSIDE])
        if "landlock" in self.walls:
            script = ["-c", SOURCE.read_text("utf-8"), "exec", json.dumps(self._config())]
            return ["/usr/bin/env", "-i", str(bwrap.interpreter()), "-I", "-S", *script]
        return ["/usr/bin/env", "-i", self._binary]

    def _config(self) -> Config:
        code = seccomp.worker_filter() if "seccomp" in self.walls else b""
        return {
            "control": -1,
            "filter": base64.b64encode(code).decode(),
            "landlock": [*readable_folders(), self._binary],
            "rlimits": False,
            "environment": True,
            "descriptors": True,
            "command": self._binary,
        }
