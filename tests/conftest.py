"""Fences around every test: no network, no environment of the machine, no state shared.

Invariant: a test that reaches past loopback, or that reads a `LATM_*` variable or a key of
the person who runs it, fails or sees nothing.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

ROOT = Path(__file__).resolve().parents[1]
MODELS = Path(os.environ.get("LATM_TEST_MODELS") or Path.home() / ".latm" / "models")
FOREIGN_SUFFIXES = ("_API_KEY", "_PROXY", "_proxy")
FOREIGN_PREFIXES = ("LATM_", "PIP_", "HF_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_")
CLOSED_PORT = "http://127.0.0.1:9/"

hypothesis_settings.register_profile("dev", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "dev")


class NetworkBlockedError(RuntimeError):
    """A test reached past loopback. Not an OSError, so that no retry or fallback hides it."""


def pytest_configure(config: pytest.Config) -> None:
    """Scrub the environment before any module of latm can read it."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_PREFIXES) or name.endswith(FOREIGN_SUFFIXES):
            del os.environ[name]
    # Child processes are out of the guard's reach; package and model clients find no server.
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    os.environ["PIP_INDEX_URL"] = CLOSED_PORT
    os.environ["PIP_RETRIES"] = "0"
    os.environ["HF_ENDPOINT"] = CLOSED_PORT.rstrip("/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with an embedded model run in one worker, so that they don't share two cores."""
    for item in items:
        if item.get_closest_marker("model"):
            item.add_marker(pytest.mark.xdist_group("model"))


# --- no network ------------------------------------------------------------------------


def _is_local(family: int, address: tuple[object, ...] | str | bytes) -> bool:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True  # AF_UNIX, netlink: these stay on the machine
    return isinstance(address, tuple) and _is_loopback(address[0])


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guarded(method: Callable[..., Any], address_of: Callable[[tuple[Any, ...]], Any]) -> Any:  # noqa: ANN401
    def guard(self: socket.socket, *args: Any) -> Any:  # noqa: ANN401
        address = address_of(args)
        if address is not None and not _is_local(self.family, address):
            raise NetworkBlockedError(f"a test tried to reach {address!r}; use loopback")
        return method(self, *args)

    return guard


def _guarded_lookup(lookup: Callable[..., Any]) -> Any:  # noqa: ANN401
    def guard(host: object, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if not _is_loopback(host) and not _is_address(host):
            raise NetworkBlockedError(f"a test tried to look up {host!r}; use loopback")
        return lookup(host, *args, **kwargs)

    return guard


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return True


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Every way out of a socket, but to loopback and Unix sockets, raises."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        patch.setattr(
            socket.socket, name, _guarded(getattr(socket.socket, name), lambda args: args[0])
        )
    patch.setattr(socket.socket, "sendto", _guarded(socket.socket.sendto, lambda args: args[-1]))
    patch.setattr(
        socket.socket,
        "sendmsg",
        _guarded(socket.socket.sendmsg, lambda args: args[3] if len(args) > 3 else None),
    )
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        patch.setattr(socket, name, _guarded_lookup(getattr(socket, name)))
    yield
    patch.undo()


# --- no shared state -------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for what fixtures of wider scope leave behind."""
    home = tmp_path_factory.mktemp("latm-home")
    patch = pytest.MonkeyPatch()
    patch.setenv("LATM_HOME", str(home))
    yield home
    patch.undo()


@pytest.fixture(autouse=True)
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh `$LATM_HOME` for each test; tests marked `model` find the real models in it."""
    home = tmp_path / "latm-home"
    for name in [name for name in os.environ if name.startswith("LATM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LATM_HOME", str(home))
    if request.node.get_closest_marker("model"):  # pyright: ignore[reportUnknownMemberType]
        models = request.getfixturevalue("models_dir")
        home.mkdir()
        (home / "models").symlink_to(models)
    return home


# --- what lies outside the repository --------------------------------------------------


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of embedded models: `$LATM_TEST_MODELS`, else `~/.latm/models`."""
    if not any(MODELS.glob("*.gguf")):
        pytest.skip(f"no embedded model in {MODELS}; run: latm models fetch")
    return MODELS


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data that lies beside the repository in CI."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared beside the repository")
    return folder
