"""``latm serve``: settings in, the gateway until it is told to stop.

Invariant: what cannot work (no upstream, no key for others, a taken port) is said in one
line before anything listens.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from latm.cli.output import say
from latm.errors import InputError
from latm.gateway.app import check
from latm.gateway.keys import new_key
from latm.gateway.server import listening, run
from latm.jobs.beside import beside
from latm.settings import load


def serve(
    *,
    upstream: str | None = None,
    upstream_key_env: str | None = None,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    maker: str | None = None,
    user: str | None = None,
    db: str | None = None,
    max_error: float | None = None,
    new_key_of: Annotated[str | None, Parameter(name="--new-key")] = None,
) -> int:
    """Answer OpenAI-compatible requests: by tools, or else by the upstream.

    Example: latm serve --upstream https://api.openai.com/v1

    Parameters
    ----------
    upstream
        Base URL of the API that answers what no tool serves.
    upstream_key_env
        Name of the variable with the key for it; else the client's own key is passed on.
    host
        Address to listen on; loopback only, as long as there is no gateway key.
    port
        Port to listen on; 0 takes a free one.
    workers
        Processes.
    maker
        Model that makes tools, provider:model.
    user
        Light model that may fill in a tool's arguments, provider:model; none when absent.
    db
        Database: a path or a URL.
    max_error
        Greatest wrong-answer rate of a live tool, a share.
    new_key_of
        Print a new gateway key for this tenant and its setting, and do nothing else.
    """
    if new_key_of is not None:
        return _print_key(new_key_of)
    settings = load(
        upstream_url=upstream,
        upstream_key_env=upstream_key_env,
        serve_host=host,
        serve_port=port,
        serve_workers=workers,
        maker=maker,
        user=user,
        db=str(Path(db).absolute()) if db and "://" not in db and db != ":memory:" else db,
        max_error=max_error,
    )
    check(settings)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with listening(settings) as opened:
        address = "{}:{}".format(*opened.getsockname())
        say(f"http://{address}/v1 answers for {settings.upstream_url}; Ctrl-C ends it")
        with beside(settings):
            run(settings, opened)
    return 0


def _print_key(tenant: str) -> int:
    if not tenant.strip():
        raise InputError("--new-key '' names no tenant; use for example --new-key team-a")
    key, digest = new_key()
    print(key)
    say(f'shown once; for the settings: LATM_SERVE_KEYS=\'{{"{tenant}": "{digest}"}}\'')
    return 0
