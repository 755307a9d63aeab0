"""The child process that runs llama.cpp; never imported by anything else.

One JSON object flows in on standard input (never as an argument: those are public and it
holds the key), one JSON line flows out: the address, or why there is none. Then it serves
the OpenAI protocol on loopback. Invariant: it never outlives its parent; it ends when its
standard input closes, and the kernel ends it when the parent dies in any other way.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PROMPT_CACHE_MIB = 512
"""The library would take up to 8 GiB."""


def main() -> None:
    """Load the model, print the address, serve until standard input closes."""
    # llama.cpp prints its log to standard output: keep a clean channel for the address.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    options = json.loads(sys.stdin.buffer.readline() or b"{}")
    _die_with(options["parent"])
    try:
        server = _serve(options)
    except Exception as error:  # noqa: BLE001 - a process edge: the parent raises its own error
        channel.write(json.dumps({"error": " ".join(str(error).split())}) + "\n")
        channel.flush()
        os._exit(1)
    channel.write(json.dumps({"address": server.listening_address}) + "\n")
    channel.flush()
    while sys.stdin.buffer.read(4096):
        pass
    # The library's own shutdown may wait for a running request for ever.
    os._exit(0)


def _serve(options: dict[str, Any]) -> Any:  # noqa: ANN401 - the library ships no types
    library: Any = importlib.import_module("xllamacpp")
    params = library.CommonParams()
    params.model.path = options["path"]
    params.model_alias = {options["alias"]}
    params.n_parallel = options["slots"]
    params.n_ctx = options["context"] * options["slots"]  # shared by the slots
    params.fit_params = False
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.cpuparams.n_threads = options["threads"]
    params.cpuparams_batch.n_threads = options["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [options["key"]]
    params.ui = False
    params.verbosity = 1
    return library.Server(params)


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when the parent dies (Linux; elsewhere stdin does)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before that
        os._exit(0)


if __name__ == "__main__":
    main()
