"""The small interpreter: what it says it lacks, and what its host must not suffer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from latm.errors import SandboxUnavailableError
from latm.sandbox import launcher, monty
from latm.sandbox.launcher import Launcher
from latm.sandbox.layers import ALL, Layer
from latm.sandbox.monty import MontySandbox
from latm.types import Failed, Limits, Outcome, Program, Returned

from .processes import descendants, eventually, is_running


@pytest.fixture
async def sandbox() -> AsyncIterator[MontySandbox]:
    opened = await MontySandbox.open(1)
    yield opened
    await opened.aclose()


async def run(sandbox: MontySandbox, source: str) -> Outcome:
    return await sandbox.run(Program(source, "f"), [], Limits())


@pytest.mark.parametrize(
    "source",
    [
        "import fractions\ndef f():\n    return 1\n",
        "import numpy\ndef f():\n    return 1\n",
        "from math import no_such_name\ndef f():\n    return 1\n",
        "def f():\n    yield 1\n",
        "class P(Exception):\n    pass\ndef f():\n    return 1\n",
        "def f():\n    d = {1: 2}\n    del d[1]\n    return 1\n",
        "import re\ndef f():\n    return re.sub('a', lambda m: 'b', 'a')\n",
        "def f():\n    return bytearray(1)[0]\n",
        "def f():\n    return 'a'.maketrans('a', 'b')['x']\n",
        "def f():\n    return '\\ud800'\n",
        "class A:\n    def __len__(self):\n        return 1\ndef f():\n    return len(A())\n",
        "def f():\n    return pow(3, -1, 7)\n",
    ],
)
async def test_what_the_interpreter_lacks_is_told(sandbox: MontySandbox, source: str) -> None:
    outcome = await run(sandbox, source)
    assert isinstance(outcome, Failed)
    assert outcome.unsupported


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    raise ValueError('no')\n",
        "def f():\n    return {}['x']\n",
        "def f():\n    return 1 / 0\n",
        "def f():\n    return int('x')\n",
        "def f():\n    return undefined_name\n",
        "def f(:\n",
        "def g():\n    return 1\n",
        "def f():\n    raise NotImplementedError('later')\n",
        "def f():\n    return {1, 2}\n",
    ],
)
async def test_mistakes_of_the_tool_are_its_own(sandbox: MontySandbox, source: str) -> None:
    outcome = await run(sandbox, source)
    assert isinstance(outcome, Failed)
    assert not outcome.unsupported


@pytest.mark.parametrize(
    "source",
    [
        "json = list = str = type = 1\ndef f():\n    return ('a',)\n",
        "from __future__ import annotations\ndef f():\n    return ['a']\n",
        "def f():\n    return ['a']\n# no line end",
        "def f():\n    return ['a']\n'''text'''",
    ],
)
async def test_source_cannot_disturb_the_call(sandbox: MontySandbox, source: str) -> None:
    outcome = await run(sandbox, source)
    assert isinstance(outcome, Returned)
    assert outcome.value == ["a"]


async def test_output_of_tools_reaches_nobody(
    sandbox: MontySandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    await run(sandbox, "def f():\n    print('shown?')\n    return 'a' * 90000000\n")
    assert capfd.readouterr() == ("", "")


async def test_dead_worker_is_replaced_and_no_tool_blamed(sandbox: MontySandbox) -> None:
    for _ in range(3):
        below = descendants()
        for pid in below:
            # Killing one may already have ended the next.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await eventually(lambda killed=below: not any(map(is_running, killed)))
        assert isinstance(await run(sandbox, "def f():\n    return 1\n"), Returned)


async def test_limits_of_a_call_are_its_own(sandbox: MontySandbox) -> None:
    program = Program("def f(n):\n    return len([0] * n)\n", "f")
    roomy, tight = Limits(memory_bytes=64_000_000), Limits(memory_bytes=10_000_000)
    for limits, kind in ((roomy, Returned), (tight, Failed), (roomy, Returned)):
        assert isinstance(await sandbox.run(program, [2_000_000], limits), kind)


async def test_version_names_the_walls_around_the_worker(sandbox: MontySandbox) -> None:
    assert sandbox.version == "monty-1.4.0+bwrap+seccomp"


async def test_worker_stands_in_landlock_without_bubblewrap() -> None:
    sandbox = await MontySandbox.open(1, layers=ALL - {Layer.NAMESPACES})
    assert sandbox.version == "monty-1.4.0+landlock+seccomp"
    assert isinstance(await run(sandbox, "def f():\n    return 1\n"), Returned)
    await sandbox.aclose()


async def test_bare_worker_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    sandbox = await MontySandbox.open(1, layers=ALL - {Layer.NAMESPACES, Layer.LANDLOCK})
    assert sandbox.version == "monty-1.4.0"
    assert "without an OS jail" in caplog.text
    await sandbox.aclose()


async def test_missing_binary_makes_the_engine_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monty, "_binary", lambda: "/nowhere/monty")
    with pytest.raises(SandboxUnavailableError, match="monty"):
        await MontySandbox.open(1)


async def test_worker_that_speaks_another_protocol_makes_the_engine_unavailable() -> None:
    with pytest.raises(SandboxUnavailableError):
        await MontySandbox.open(1, launcher=Launcher("/bin/true", ()))


def test_launcher_removes_its_script() -> None:
    made = launcher.Launcher("/bin/true", ())
    path = made.open()
    assert made.works()
    made.close()
    made.close()
    with pytest.raises(FileNotFoundError):
        open(path)  # noqa: PTH123, SIM115


def test_host_process_ends_cleanly_after_many_calls() -> None:
    script = """
import asyncio
from latm.sandbox.monty import MontySandbox
from latm.types import Limits, Program
async def main():
    sandbox = await MontySandbox.open(2)
    for source in ["def f():\\n    return 1\\n", "def f():\\n    return 'a' * 90000000\\n"] * 50:
        await sandbox.run(Program(source, "f"), [], Limits())
    await sandbox.aclose()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True)
    assert done.returncode == 0
    assert done.stderr == b""
