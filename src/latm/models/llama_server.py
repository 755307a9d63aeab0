"""The child process that runs llama.cpp; never imported by anything else.

Its arguments flow in (one JSON object), one JSON line with its address flows out, then it
serves the OpenAI protocol on loopback. Invariant: it ends when its standard input closes,
so no server outlives the process that started it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


def main() -> None:
    """Load the model, print the address, serve until standard input closes."""
    options = json.loads(sys.argv[1])
    # xllamacpp prints its log to standard output: keep a clean channel for the address.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = _serve(options)
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
    params.cpuparams.n_threads = options["threads"]
    params.cpuparams_batch.n_threads = options["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [options["key"]]
    return library.Server(params)


if __name__ == "__main__":
    main()
