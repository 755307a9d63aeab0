"""The command line: arguments in, exit code and text out.

Invariant: an error that latm raises on purpose is one line on stderr and an exit code of
the contract (0 done, 1 our failure, 2 bad input or usage, 3 no tool could be made); results
go to stdout, everything for people's eyes only to stderr.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the ``latm`` command."""
    from latm.cli.app import run  # noqa: PLC0415 - a child process of ours needs no command line

    sys.exit(run(sys.argv[1:]))
