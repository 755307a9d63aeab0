"""``latm serve`` as a person starts it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from latm.cli.app import run

from .harness import Got, Running, http, listening_port, upstream

UPSTREAM = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--upstream"),
        (["--upstream", "ftp://x"], "http"),
        (["--upstream", UPSTREAM, "--host", "0.0.0.0"], "LATM_SERVE_KEYS"),
        (["--upstream", UPSTREAM, "--upstream-key-env", "NOT_SET"], "NOT_SET"),
        (["--upstream", UPSTREAM, "--workers", "0"], "serve_workers"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


async def test_a_port_that_is_taken_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with upstream(http(b"{}")) as other:
        port = str(listening_port(other.url))
        assert run(["serve", "--upstream", UPSTREAM, "--port", port]) == 1
    told = capsys.readouterr().err
    assert port in told
    assert told.count("\n") == 1


def test_a_new_key_is_printed_once_with_its_hash_for_the_settings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["serve", "--new-key", "team-a"]) == 0
    out, err = capsys.readouterr()
    found = re.search(r"LATM_SERVE_KEYS='(.*)'", err)
    assert found
    assert json.loads(found[1]) == {"team-a": sha256(out.strip().encode()).hexdigest()}


async def test_it_serves_until_it_is_told_to_stop_and_finishes_what_it_began(home: Path) -> None:
    gate = asyncio.Event()
    step = http(b'{"said":"it"}')
    step.parts, step.gate = [step.parts[0][:9], step.parts[0][9:]], gate
    async with upstream(step) as stub:
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from latm.cli import main; main()",
            "serve", "--upstream", stub.url, "--port", "0",
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LATM_HOME": str(home), "LATM_MAKING": "false"},
        )  # fmt: skip
        assert started.stderr
        told = (await started.stderr.readline()).decode()
        url = re.search(r"http://127\.0\.0\.1:\d+/v1", told)
        assert url, told
        running = Running(listening_port(url[0]))
        asking = asyncio.create_task(running.get("/v1/models"))
        await stub.arrived.wait()
        started.send_signal(signal.SIGTERM)
        gate.set()
        got: Got = await asking
        await started.communicate()
    assert got.body == b'{"said":"it"}'
    assert started.returncode in (0, -signal.SIGTERM)
