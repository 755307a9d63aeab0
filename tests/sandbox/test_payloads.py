"""Every hostile tool of the shared corpus is held, in every form of every engine.

Held: what its header forbids did not happen, as seen from outside; the caller is unharmed;
and the next ordinary call in the same sandbox is right.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from latm.sandbox import Sandbox
from latm.types import Failed, Json, Limits, Outcome, Program, Returned

from .box import Box
from .corpus import SHARED, Ordinary, Payload, exactly_equal, ordinary, payloads

one_loop = pytest.mark.asyncio(loop_scope="module")
if not SHARED.is_dir():
    pytest.skip("no ../shared/sandbox beside the repository", allow_module_level=True)

# Short for those that never end by themselves.
SHORT = Limits(wall_seconds=0.4, cpu_seconds=0.3)
ENDLESS_KINDS = {"time", "mem", "output"}
ORDINARY = Program("def tool(words):\n    return sorted(words.split())\n", "tool")
# `stat` is not among what Landlock restricts: existence, size and time of a host file whose
# path is known can be learned (docs/security.md). The bubblewrap form holds it.
KNOWN_GAPS = {("jail-landlock", "17_stat_probe")}

# Rounds 2.675 by its decimal text, not by its binary value; which is why a tool is verified in
# the engine that will serve it.
KNOWN_DIFFERENCES = {("monty", "round_money")}


@pytest.fixture(scope="module")
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that no tool may end."""
    waiting = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-S", "-c", waiting], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


async def run(sandbox: Sandbox, box: Box, payload: Payload, argument: Json = None) -> Outcome:
    arg: Json = json.loads(payload.headers.get("arg", "null")) if argument is None else argument
    limits = SHORT if payload.kind in ENDLESS_KINDS else Limits()
    return await sandbox.run(Program(box.fill(payload.source), "tool"), [arg], limits)


# --- what each kind of payload must not achieve ----------------------------------------


def no_flag(outcome: Outcome) -> bool:
    return not (isinstance(outcome, Returned) and "GOT-" in str(outcome.value))


def no_value(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed)


def few_processes(outcome: Outcome) -> bool:
    return not (isinstance(outcome, Returned) and isinstance(outcome.value, int)) or (
        outcome.value <= 20
    )


def no_memory(outcome: Outcome) -> bool:
    """These say how much they got, or return only when they got it all."""
    return isinstance(outcome, Failed) or outcome.value == 0


def one_line(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.message.isprintable()


def unchanged(outcome: Outcome) -> bool:
    expected = "a\x00b\u202ec\u2028d\U0001f600e\ufefff"
    return isinstance(outcome, Returned) and outcome.value == expected


def publishable(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) or json.dumps(outcome.value) != ""


def anything(outcome: Outcome) -> bool:
    """Judged by what is seen elsewhere: tokens, files, listeners, processes."""
    return True


HELD: dict[str, Callable[[Outcome], bool]] = {
    "leak": anything,
    "flag": no_flag,
    "canary": anything,
    "net": anything,
    "fork": few_processes,
    "kill": anything,
    "mem": no_memory,
    "time": anything,
    "noval": no_value,
    "loginj": one_line,
    "output": no_value,
    "publish": publishable,
    "reject": no_value,
    "roundtrip": unchanged,
}


async def verdict(sandbox: Sandbox, box: Box, payload: Payload) -> bool:
    """Would a verifier admit it? Held-out examples, compared here, with exact types."""
    for argument, expected in payload.pairs("examples") + payload.pairs("hidden"):
        outcome = await run(sandbox, box, payload, argument)
        if not (isinstance(outcome, Returned) and exactly_equal(outcome.value, expected)):
            return False
    return True


async def is_steady(sandbox: Sandbox, box: Box, payload: Payload) -> bool:
    """Do six runs in fresh processes return the same value?"""
    outcomes = [await run(sandbox, box, payload) for _ in range(6)]
    values = [one.value for one in outcomes if isinstance(one, Returned)]
    return len(values) == 6 and all(exactly_equal(values[0], value) for value in values)


# --- the tests -------------------------------------------------------------------------


@one_loop
@pytest.mark.parametrize("payload", payloads(SHARED / "payloads"), ids=lambda p: p.name)
async def test_payload_is_held(
    sandbox: Sandbox,
    box: Box,
    bystander: subprocess.Popen[bytes],
    payload: Payload,
    request: pytest.FixtureRequest,
) -> None:
    form = request.node.callspec.params["sandbox"]  # pyright: ignore[reportUnknownMemberType]
    if (form, payload.name) in KNOWN_GAPS:
        pytest.xfail("known gap of this form, documented in docs/security.md")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await judge(sandbox, box, payload)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, "the caller buffered what the tool returned"
    assert not box.was_reached()
    assert box.left_behind() == []
    assert bystander.poll() is None
    after = await sandbox.run(ORDINARY, ["pear fig apple"], Limits())
    assert isinstance(after, Returned)
    assert after.value == ["apple", "fig", "pear"]


async def judge(sandbox: Sandbox, box: Box, payload: Payload) -> None:
    if payload.kind == "verify":
        assert not await verdict(sandbox, box, payload)
    elif payload.kind == "nondet":
        if sandbox.engine == "monty" and payload.name == "125_object_address":
            # An address in that interpreter is an ordinal of its heap: the same in each run.
            assert await is_steady(sandbox, box, payload)
        else:
            assert not await is_steady(sandbox, box, payload)
    elif payload.kind == "state":
        outcomes = [await run(sandbox, box, payload) for _ in range(payload.calls)]
        assert not [o for o in outcomes if isinstance(o, Returned) and o.value == "LEAKED"]
    elif payload.name == "34_bind_listen":
        await nobody_listens(sandbox, box, payload)
    else:
        outcome = await run(sandbox, box, payload)
        assert HELD[payload.kind](outcome), outcome
        assert box.leaks(str(outcome)) == []


async def nobody_listens(sandbox: Sandbox, box: Box, payload: Payload) -> None:
    """While the tool runs, its port refuses every connection."""
    call = asyncio.ensure_future(run(sandbox, box, payload))
    while not call.done():
        with socket.socket() as knock:
            assert knock.connect_ex(("127.0.0.1", box.free_port)) != 0
        await asyncio.wait([call], timeout=0.02)


def test_every_kind_of_payload_has_a_judge() -> None:
    special = {"verify", "nondet", "state"}
    kinds = {payload.kind for payload in payloads(SHARED / "payloads")}
    assert kinds <= HELD.keys() | special


# --- ordinary tools --------------------------------------------------------------------


@one_loop
@pytest.mark.parametrize("tool", ordinary(SHARED / "benign"), ids=lambda tool: tool.name)
async def test_ordinary_tool_is_right(sandbox: Sandbox, tool: Ordinary) -> None:
    for argument, expected in tool.pairs:
        outcome = await sandbox.run(Program(tool.source, "tool"), [argument], Limits())
        if sandbox.engine == "monty" and isinstance(outcome, Failed):
            assert outcome.unsupported, "the caller must learn that the jail can do it"
            return
        assert isinstance(outcome, Returned), outcome
        if (sandbox.engine, tool.name) in KNOWN_DIFFERENCES:
            assert not exactly_equal(outcome.value, expected), "no longer a difference: unlist it"
            return
        assert exactly_equal(outcome.value, expected)
