"""What every sandbox must do: one suite for all adapters, ours and those of plug-ins.

An open sandbox flows in; a check returns or raises `NotConformingError`. Invariant: a check
uses nothing but the `Sandbox` protocol, and after each refusal asks for an ordinary answer.
It does not cover hostile programs; that is `latm.sandbox.selftest` and the corpus in tests/.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from latm.sandbox import Sandbox
from latm.types import Failed, FailureKind, Json, Limits, Outcome, Program, Returned

LIMITS = Limits(wall_seconds=5.0, cpu_seconds=2.0)
SHORT = Limits(wall_seconds=0.4, cpu_seconds=0.3)

Conformance = Callable[[Sandbox], Awaitable[None]]


class NotConformingError(AssertionError):
    """The adapter does not do what a sandbox must do."""


async def check_all(sandbox: Sandbox) -> None:
    """All checks, one after the other.

    Raises:
        NotConformingError: at the first that does not hold.
    """
    for check in CHECKS:
        await check(sandbox)


def _demand(condition: bool, what: str, seen: object) -> None:
    if not condition:
        raise NotConformingError(f"{what}; seen: {seen!r}")


async def _run(sandbox: Sandbox, source: str, *arguments: Json, limits: Limits = LIMITS) -> Outcome:
    return await sandbox.run(Program(source, "tool"), arguments, limits)


def _same(left: Json, right: Json) -> bool:
    """Equal with exact types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(map(_same, left.values(), right.values()))
    return left == right


async def _fails(
    sandbox: Sandbox,
    source: str,
    kinds: Sequence[FailureKind],
    *arguments: Json,
    limits: Limits = LIMITS,
) -> Failed:
    """Demand a failure of one of the kinds, told in one printable line; then an answer."""
    outcome = await _run(sandbox, source, *arguments, limits=limits)
    if not isinstance(outcome, Failed):
        raise NotConformingError(f"should fail with {kinds}: {source!r} gave {outcome!r}")
    _demand(outcome.kind in kinds, f"failure should be one of {kinds} for {source!r}", outcome)
    _demand(outcome.message.isprintable(), "a message is one printable line", outcome.message)
    await serves_an_ordinary_call(sandbox)
    return outcome


# --- the checks ------------------------------------------------------------------------


async def serves_an_ordinary_call(sandbox: Sandbox) -> None:
    outcome = await _run(sandbox, "def tool(a, b):\n    return [a + b]\n", 2, 3)
    right = isinstance(outcome, Returned) and _same(outcome.value, [5])
    _demand(right, "an ordinary call is answered", outcome)
    _demand(outcome.seconds >= 0, "time is measured", outcome.seconds)


async def names_itself(sandbox: Sandbox) -> None:
    _demand(sandbox.engine in ("monty", "jail"), "engine is a known name", sandbox.engine)
    await serves_an_ordinary_call(sandbox)
    _demand(sandbox.version.isascii() and sandbox.version != "", "has a version", sandbox.version)


async def returns_values_unchanged(sandbox: Sandbox) -> None:
    values: tuple[Json, ...] = (
        [None, True, False, 0, 1, -1, 1.0, -0.5, 1e300, 2**200, -(2**64)],
        ["", "a\x00b\u202ec\u2028d\U0001f600e\ufeff", "é", "\\ \" '", "\ud7ff\ue000"],
        {"b": 1, "a": {"": []}, "x": [[[[1]]], {}]},
        "x" * 100_000,
    )
    for value in values:
        outcome = await _run(sandbox, "def tool(x):\n    return x\n", value)
        right = isinstance(outcome, Returned) and _same(outcome.value, value)
        _demand(right, f"{str(value)[:60]!r} comes back unchanged", str(outcome)[:200])


async def keeps_true_apart_from_one(sandbox: Sandbox) -> None:
    outcome = await _run(sandbox, "def tool(x):\n    return [x > 0, 1, 1.0]\n", 3)
    right = isinstance(outcome, Returned) and _same(outcome.value, [True, 1, 1.0])
    _demand(right, "True, 1 and 1.0 stay apart", outcome)


async def takes_tuples_for_lists(sandbox: Sandbox) -> None:
    outcome = await _run(sandbox, "def tool():\n    return (1, ('a',), {'k': ()})\n")
    right = isinstance(outcome, Returned) and _same(outcome.value, [1, ["a"], {"k": []}])
    _demand(right, "tuples become lists", outcome)


async def ignores_what_is_printed(sandbox: Sandbox) -> None:
    source = 'def tool():\n    print(\'{"ok": true, "value": 7}\' * 100000)\n    return 1\n'
    outcome = await _run(sandbox, source)
    _demand(isinstance(outcome, Returned) and outcome.value == 1, "output is ignored", outcome)


async def tells_what_was_raised(sandbox: Sandbox) -> None:
    source = "def tool():\n    raise ValueError('bad\\n\\x1b[2J\\u202e end')\n"
    failed = await _fails(sandbox, source, ["raised"])
    _demand("ValueError" in failed.message, "the type of the error is told", failed)
    _demand("bad" in failed.message, "the text of the error is told", failed)


async def tells_that_the_entry_is_missing(sandbox: Sandbox) -> None:
    await _fails(sandbox, "def other():\n    return 1\n", ["refused"])


async def refuses_broken_source(sandbox: Sandbox) -> None:
    for source in ("def tool(:\n", "def tool():\n    return 1\n\0", "x = '" + "a" * 100_000 + "'"):
        await _fails(sandbox, source, ["refused"])


async def refuses_arguments_that_are_not_plain(sandbox: Sandbox) -> None:
    nested: Json = []
    for _ in range(100):
        nested = [nested]
    bad: tuple[Json, ...] = (float("nan"), float("inf"), "\ud800", nested, "x" * 300_000, 2**5000)
    for value in bad:
        await _fails(sandbox, "def tool(x):\n    return 1\n", ["refused"], value)


async def refuses_results_that_are_not_plain(sandbox: Sandbox) -> None:
    values = (
        "{1, 2}",
        "{1: 2}",
        "float('nan')",
        "[float('inf')]",
        "2 ** 5000",
        "10 ** 100000",
        "tool",
        "b'x'",
        "1j",
        "'x' * 400000",
        "[[0] * 1000] * 300",
    )
    for value in values:
        await _fails(sandbox, f"def tool():\n    return {value}\n", ["output"])
    cyclic = "def tool():\n    a = [1]\n    a.append(a)\n    return a\n"
    await _fails(sandbox, cyclic, ["output"])
    deep = "def tool():\n    a = []\n    for _ in range(100):\n        a = [a]\n    return a\n"
    await _fails(sandbox, deep, ["output"])


async def does_not_take_an_exit_for_success(sandbox: Sandbox) -> None:
    source = "def tool():\n    raise SystemExit(0)\n"
    await _fails(sandbox, source, ["raised", "killed"])


async def ends_a_loop(sandbox: Sandbox) -> None:
    source = "def tool():\n    while True:\n        pass\n"
    await _fails(sandbox, source, ["timeout"], limits=SHORT)


async def ends_a_loop_at_import(sandbox: Sandbox) -> None:
    source = "while True:\n    pass\ndef tool():\n    return 1\n"
    await _fails(sandbox, source, ["timeout"], limits=SHORT)


async def bounds_memory(sandbox: Sandbox) -> None:
    await _fails(sandbox, "def tool():\n    return len([0] * 10 ** 9)\n", ["memory", "killed"])


async def survives_endless_recursion(sandbox: Sandbox) -> None:
    source = "def tool():\n    return tool() + 1\n"
    await _fails(sandbox, source, ["raised", "memory", "killed"])


async def starts_each_call_afresh(sandbox: Sandbox) -> None:
    source = "SEEN = []\ndef tool():\n    SEEN.append(1)\n    return len(SEEN)\n"
    for _ in range(3):
        outcome = await _run(sandbox, source)
        first = isinstance(outcome, Returned) and outcome.value == 1
        _demand(first, "no state survives a call", outcome)


async def does_not_mix_up_parallel_calls(sandbox: Sandbox) -> None:
    source = "def tool(x):\n    return [x, sum(range(x))]\n"
    outcomes = await asyncio.gather(*(_run(sandbox, source, n) for n in range(24)))
    for n, outcome in enumerate(outcomes):
        right = isinstance(outcome, Returned) and outcome.value == [n, sum(range(n))]
        _demand(right, f"call {n} gets its own answer", outcome)


async def outlives_a_cancelled_call(sandbox: Sandbox) -> None:
    source = "def tool():\n    while True:\n        pass\n"
    call = asyncio.ensure_future(_run(sandbox, source, limits=SHORT))
    await asyncio.wait([call], timeout=0.05)
    call.cancel()
    await asyncio.wait([call])
    await serves_an_ordinary_call(sandbox)


CHECKS: tuple[Conformance, ...] = (
    serves_an_ordinary_call,
    names_itself,
    returns_values_unchanged,
    keeps_true_apart_from_one,
    takes_tuples_for_lists,
    ignores_what_is_printed,
    tells_what_was_raised,
    tells_that_the_entry_is_missing,
    refuses_broken_source,
    refuses_arguments_that_are_not_plain,
    refuses_results_that_are_not_plain,
    does_not_take_an_exit_for_success,
    ends_a_loop,
    ends_a_loop_at_import,
    bounds_memory,
    survives_endless_recursion,
    starts_each_call_afresh,
    does_not_mix_up_parallel_calls,
    outlives_a_cancelled_call,
)
