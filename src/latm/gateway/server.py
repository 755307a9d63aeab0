"""The process: settings flow in, it listens until it is told to stop.

Invariants: a request under way is finished before the process ends; with several
processes each is built from the same settings, and none reads the environment.
"""

from __future__ import annotations

import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from latm.errors import OperationError
from latm.gateway.app import Parts, build, check
from latm.gateway.wire import GuardedProtocol
from latm.settings import Settings

GRACE_SECONDS = 30
"""For requests under way when the process is told to stop."""
# A process that shows no life for so long is replaced; a busy machine takes a while to start one.
_START_SECONDS = 60
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Factory:
    """Builds the application in each process; it is pickled on its way there.

    Attributes:
        counts: folder where the processes leave their counts for each other.
    """

    settings: Settings
    counts: Path

    def __call__(self) -> ASGIApp:
        return build(self.settings, Parts(counts=self.counts))


def configured(app: ASGIApp | Factory, workers: int = 1) -> uvicorn.Config:
    """uvicorn as the gateway needs it."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, Factory),
        http=GuardedProtocol,
        ws="none",
        # The upstream's own are passed on.
        server_header=False,
        date_header=False,
        # Whom to believe is the operator's own proxy's business; nothing here depends on it.
        proxy_headers=False,
        access_log=False,
        log_config=None,
        lifespan="on",
        backlog=_BACKLOG,
        workers=workers,
        timeout_worker_healthcheck=_START_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def listening(settings: Settings) -> socket.socket:
    """A socket at the address of the settings.

    Raises:
        OperationError: the address cannot be had.
    """
    host, port = settings.serve_host.strip("[]"), settings.serve_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OperationError(
            f"cannot listen on {host!r}, port {port}: {error.strerror or error}; choose another "
            "--host or --port"
        ) from error


def run(settings: Settings, opened: socket.socket, parts: Parts | None = None) -> None:
    """Serve until a signal to stop.

    Raises:
        SettingsError: the settings cannot be served with.
    """
    check(settings)
    if settings.serve_workers == 1:
        app = build(settings, parts) if parts else build(settings)
        uvicorn.Server(configured(app)).run(sockets=[opened])
        return
    with tempfile.TemporaryDirectory(prefix="latm-counts-") as counts:
        factory = Factory(settings, Path(counts))
        Multiprocess(configured(factory, settings.serve_workers), [opened]).run()
