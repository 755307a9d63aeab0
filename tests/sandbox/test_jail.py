"""The jail's own life: walls that do not work, a zygote that dies, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from latm.errors import SandboxUnavailableError
from latm.sandbox import bwrap, seccomp
from latm.sandbox.jail import JailSandbox
from latm.sandbox.layers import ALL, Layer
from latm.types import Failed, Limits, Program, Returned

from .processes import children, descendants, descriptors, eventually, is_running

IDENTITY = Program("def f(x):\n    return x\n", "f")
LOOP = Program("def f(x):\n    while True:\n        pass\n", "f")


@pytest.fixture
async def jail() -> AsyncIterator[JailSandbox]:
    opened = await JailSandbox.open(1)
    yield opened
    await opened.aclose()


async def kill_jails() -> None:
    """Kill, and wait until nothing of them runs."""
    below = descendants()
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not any(map(is_running, below)))


# --- walls that are not there ----------------------------------------------------------


async def test_version_names_interpreter_and_walls(jail: JailSandbox) -> None:
    python = ".".join(map(str, sys.version_info[:3]))
    assert jail.version == f"cpython-{python}+bwrap+seccomp"


async def test_jail_falls_back_to_landlock_without_bubblewrap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bwrap, "find", lambda: None)
    jail = await JailSandbox.open(1)
    assert jail.version.endswith("+landlock+seccomp")
    assert isinstance(await jail.run(IDENTITY, [1], Limits()), Returned)
    await jail.aclose()


async def test_nothing_runs_without_any_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bwrap, "find", lambda: None)
    jail = JailSandbox(1, ALL - {Layer.LANDLOCK})
    with pytest.raises(SandboxUnavailableError, match="bubblewrap"):
        await jail.run(IDENTITY, [1], Limits())
    assert children() == []


async def test_nothing_runs_where_bubblewrap_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bwrap, "find", lambda: "/bin/false")
    with pytest.raises(SandboxUnavailableError, match="no jail works"):
        await JailSandbox.open(1, ALL - {Layer.LANDLOCK})
    assert children() == []


async def test_nothing_runs_where_system_calls_are_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown() -> bool:
        return False

    monkeypatch.setattr(seccomp, "is_supported", unknown)
    with pytest.raises(SandboxUnavailableError):
        await JailSandbox.open(1)
    assert children() == []


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter_is_well_formed_for_each_machine(machine: str) -> None:
    for code in (seccomp.program_filter(machine), seccomp.worker_filter(machine)):
        assert len(code) % 8 == 0
        assert len(code) // 8 < 4096  # what the kernel takes


# --- a zygote that dies ----------------------------------------------------------------


async def test_dead_zygote_is_replaced(jail: JailSandbox) -> None:
    for n in range(3):
        await kill_jails()
        outcome = await jail.run(IDENTITY, [n], Limits())
        assert isinstance(outcome, Returned)
        assert outcome.value == n


async def test_call_under_way_fails_when_the_zygote_dies(jail: JailSandbox) -> None:
    call = asyncio.ensure_future(jail.run(LOOP, [0], Limits(wall_seconds=30, cpu_seconds=30)))
    await asyncio.wait([call], timeout=0.2)
    await kill_jails()
    outcome = await call
    assert isinstance(outcome, Failed)
    assert outcome.kind == "killed"


async def test_queued_calls_are_answered_by_a_fresh_zygote(jail: JailSandbox) -> None:
    long = Limits(wall_seconds=30, cpu_seconds=30)
    first = asyncio.ensure_future(jail.run(LOOP, [0], long))
    await asyncio.wait([first], timeout=0.2)
    queued = [asyncio.ensure_future(jail.run(IDENTITY, [n], long)) for n in range(5)]
    await kill_jails()
    assert isinstance(await first, Failed)
    outcomes = await asyncio.gather(*queued)
    assert [o.value for o in outcomes if isinstance(o, Returned)] == [0, 1, 2, 3, 4]


async def test_jail_that_no_longer_obeys_is_replaced(jail: JailSandbox) -> None:
    stopped: set[int] = set()
    while fresh := {*descendants()} - stopped:  # one may have been forked while we looked
        for pid in fresh:
            os.kill(pid, signal.SIGSTOP)
        stopped |= fresh
    outcome = await jail.run(IDENTITY, [1], Limits(wall_seconds=0.1))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "timeout"
    assert isinstance(await jail.run(IDENTITY, [1], Limits()), Returned)


async def test_closed_jail_refuses_calls(jail: JailSandbox) -> None:
    await jail.aclose()
    with pytest.raises(SandboxUnavailableError):
        await jail.run(IDENTITY, [1], Limits())


# --- nothing left behind ---------------------------------------------------------------


async def test_closing_ends_every_process() -> None:
    jail = await JailSandbox.open(3)
    assert descendants() != []
    await jail.aclose()
    assert descendants() == []


async def test_killed_calls_leave_neither_processes_nor_descriptors(jail: JailSandbox) -> None:
    await jail.run(IDENTITY, [0], Limits())
    await eventually(lambda: len(descendants()) == 3)  # bubblewrap, zygote, one spare child
    open_before = descriptors()
    stubborn = Program(
        "import os\ndef f(x):\n    os.close(3)\n    while True:\n        pass\n", "f"
    )
    for program in (LOOP, stubborn, IDENTITY) * 4:
        await jail.run(program, [0], Limits(wall_seconds=0.1))
    await eventually(lambda: len(descendants()) == 3)
    assert descriptors() == open_before


async def test_ends_with_its_owner() -> None:
    script = """
import asyncio, os, sys
from latm.sandbox.jail import JailSandbox
async def main():
    await JailSandbox.open(2)
    print("open", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    below = descendants(process.pid)
    assert below
    process.kill()
    await process.wait()
    await eventually(lambda: not any(is_running(pid) for pid in below))


# --- what a call sees ------------------------------------------------------------------


async def test_order_of_sets_is_the_same_in_every_jail() -> None:
    program = Program("def f(x):\n    return list(set('abcdefghij'))\n", "f")
    values: list[object] = []
    for _ in range(2):
        jail = await JailSandbox.open(1)
        outcome = await jail.run(program, [0], Limits())
        assert isinstance(outcome, Returned)
        values.append(outcome.value)
        await jail.aclose()
    assert values[0] == values[1]


async def test_forbidden_system_call_is_a_violation(jail: JailSandbox) -> None:
    source = "import ctypes\ndef f(x):\n    ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n"
    outcome = await jail.run(Program(source, "f"), [0], Limits())
    assert isinstance(outcome, Failed)
    assert outcome.kind == "violation"


async def test_paths_of_the_host_are_not_told(jail: JailSandbox) -> None:
    source = (
        "import sys\ndef f(x):\n"
        "    return [sys.path, sys.prefix, sys.executable, sys.argv, sys.orig_argv]\n"
    )
    outcome = await jail.run(Program(source, "f"), [0], Limits())
    assert isinstance(outcome, Returned)
    assert sys.base_prefix == "/usr" or sys.base_prefix not in str(outcome.value)


async def test_limits_of_a_call_are_its_own(jail: JailSandbox) -> None:
    big = Program("def f(x):\n    return len(bytearray(x))\n", "f")
    size = 150_000_000
    roomy, tight = Limits(memory_bytes=400_000_000), Limits(memory_bytes=100_000_000)
    assert isinstance(await jail.run(big, [size], roomy), Returned)
    outcome = await jail.run(big, [size], tight)
    assert isinstance(outcome, Failed)
    assert outcome.kind == "memory"
    assert isinstance(await jail.run(big, [size], roomy), Returned)
