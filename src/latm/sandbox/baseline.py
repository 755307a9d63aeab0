"""What a call costs without any sandbox: a plain process, for the benchmark's comparison.

Nothing flows in but a number, seconds flow out. Invariant: it runs one fixed program of ours
and nothing else, because it protects from nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from time import perf_counter

_PROGRAM = """
import json, sys
source, argument = json.load(sys.stdin)
names = {}
exec(source, names)
json.dump(names["tool"](argument), sys.stdout)
"""
SOURCE = "def tool(text):\n    return ' '.join(sorted(text.split()))\n"
ARGUMENT = "pear fig apple"
_REQUEST = json.dumps([SOURCE, ARGUMENT]).encode()


def time_plain_process() -> float:
    """Seconds of one call in a fresh interpreter process."""
    started = perf_counter()
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PROGRAM],
        input=_REQUEST,
        capture_output=True,
        check=True,
    )
    return perf_counter() - started
