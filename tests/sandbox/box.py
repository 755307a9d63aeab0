"""A folder with planted secrets and listeners that hostile tools go for.

A temporary folder flows in; a `Box` flows out, which knows afterwards what was touched.
Invariant: each secret is a fresh random token, so finding one anywhere proves a leak.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

TEMPORARY = Path("/tmp")


def _token(kind: str) -> str:
    return f"SBX-{kind}-{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Box:
    """What was planted.

    Attributes:
        free_port: nobody listens there, unless a tool does.
    """

    folder: Path
    tokens: tuple[str, ...]
    listeners: tuple[socket.socket, ...]
    port: int
    free_port: int

    @property
    def secret(self) -> Path:
        return self.folder / "host" / "secret.txt"

    def fill(self, source: str) -> str:
        """A shared payload with this box's places in it."""
        return (
            source.replace("@BOX@", str(self.folder))
            .replace("18765", str(self.port))
            .replace("18799", str(self.free_port))
            .replace("secbox-ctl", self.abstract)
        )

    @property
    def abstract(self) -> str:
        return f"latm-{self.port}"

    def leaks(self, text: str) -> list[str]:
        """Planted tokens and host files that occur in a text."""
        known = (*self.tokens, "root:x:0:0", str(Path(__file__).resolve().parents[2]))
        return [token for token in known if token in text]

    def was_reached(self) -> bool:
        """Did anybody connect to one of the listeners?"""
        for listener in self.listeners:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                continue
            return True
        return False

    def left_behind(self) -> list[str]:
        """Files and links that a tool made."""
        here = list((self.folder / "host" / "w").iterdir())
        links = [Path("out.json"), TEMPORARY / "canary_22_out.json"]
        marks = [TEMPORARY / "sbx_mark_114", Path("sbx_mark_114"), TEMPORARY / "latm-left-behind"]
        return [str(p) for p in (*here, *links, *marks) if p.is_symlink() or p.exists()]


def _unix(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    return listener


@contextmanager
def planted(folder: Path) -> Generator[Box]:
    """Plant; everything is gone afterwards."""
    host = folder / "host"
    (host / "w").mkdir(parents=True)
    secret, answer, inherited, environment, memory = map(
        _token, ("FILE", "ANSWER", "FD", "ENV", "MEM")
    )
    (host / "secret.txt").write_text(secret)
    (host / "answers.json").write_text(f'["{answer}"]')
    (host / "open.txt").write_text(f"planted {inherited}")
    descriptor = os.open(host / "open.txt", os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    tcp = socket.create_server(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        free = unused.getsockname()[1]
    listeners = (tcp, _unix(str(host / "ctl.sock")), _unix(f"\0latm-{port}"))
    for listener in listeners:
        listener.setblocking(False)
        listener.listen()
    patch = pytest.MonkeyPatch()
    patch.setenv("LATM_PLANTED", environment)
    try:
        tokens = (secret, answer, inherited, environment, memory)
        yield Box(folder, tokens, listeners, port, free)
    finally:
        patch.undo()
        os.close(descriptor)
        for listener in listeners:
            listener.close()
