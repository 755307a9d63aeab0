"""The command line as people and programs use it: exit codes, one-line errors, JSON."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latm.bench import words
from latm.cli.app import run
from latm.models.recorded import RecordedModel
from latm.models.scripted import ScriptedModel
from latm.runtime import opened
from latm.settings import load
from latm.types import Case

SORTED = "def solve(words):\n    return sorted(words)"
Latm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def latm(capfdbinary: pytest.CaptureFixture[bytes]) -> Latm:
    """Run a command line in this process: exit code, stdout, stderr."""

    def call(*line: object) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        code = run([str(word) for word in line])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


def write_cases(path: Path, cases: list[Case]) -> Path:
    rows = [json.dumps({"question": c.question, "answer": c.answer}) for c in cases]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return write_cases(tmp_path / "cases.jsonl", list(words.cases(3, 60)))


@pytest.fixture
def maker(tmp_path: Path, home: Path) -> str:
    """The name of a recorded model that makes the word-sorting tool."""
    path = tmp_path / "recording.jsonl"
    name = f"recorded:{path}"

    async def record() -> None:
        inner = RecordedModel(path, ScriptedModel(lambda _: SORTED), name=name)
        settings = load(home=tmp_path / "recording-home", maker=name)
        async with opened(settings, {name: inner}) as runtime:
            await runtime.make("word-sorting", list(words.cases(3, 60)))

    asyncio.run(record())
    return name


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def test_a_file_of_cases_becomes_a_tool_that_answers_new_questions(
    latm: Latm, cases: Path, maker: str, tmp_path: Path
) -> None:
    code, out, _ = latm("make", cases, "--name", "word-sorting", "--maker", maker, "--json")
    made = json.loads(out)
    assert code == 0
    assert made["held_out_passed"] == made["held_out"] >= 40
    assert {"name", "version", "state", "shown", "shown_passed", "error_upper_bound", "tokens",
            "cost_usd", "seconds"} <= made.keys()  # fmt: skip

    fresh = list(words.cases(99, 50))
    questions = write_cases(tmp_path / "questions.jsonl", fresh)
    rows = tmp_path / "answers.jsonl"
    code, out, _ = latm("solve", "word-sorting", questions, "-o", rows, "--rungs", "tool", "--json")
    summary = json.loads(out)
    assert code == 0
    assert (summary["right"], summary["wrong"], summary["tokens"]) == (50, 0, 0)
    first = json.loads(rows.read_text(encoding="utf-8").splitlines()[0])
    assert first == {
        "question": fresh[0].question,
        "answer": fresh[0].answer,
        "rung": "tool",
        "tool": "word-sorting",
        "tokens": 0,
        "error": None,
    }

    question = words.PREFIX + "pear fig apple"
    code, out, _ = latm("ask", question, "--json")
    assert json.loads(out)["answer"] is None  # not proven under the bound yet
    assert latm("tools", "promote", "word-sorting")[0] == 0
    code, out, _ = latm("ask", question, "--json")
    answered = json.loads(out)
    assert (answered["answer"], answered["rung"]) == ("apple fig pear", "tool")
    assert json.loads(latm("tools", "verify", "word-sorting", "--json")[1])["tools"][0]["accepted"]
    shown = json.loads(latm("tools", "show", "word-sorting", "--json")[1])["tools"][0]
    assert "sorted(words)" in shown["source"]
    assert latm("tools", "retire", "word-sorting")[0] == 0
    assert json.loads(latm("tools", "list", "--json")[1])["tools"] == []


def test_a_tool_without_a_template_is_not_judged_as_if_it_had_one(
    latm: Latm, shared: Path, cases: Path
) -> None:
    name = "tracking_shuffled_objects_five_objects"
    transcript = shared / "data" / "latm" / f"{name}.gpt4-transcript.json"
    assert latm("tools", "import", transcript, "--name", "tracking")[0] == 0
    code, _, err = latm("tools", "verify", "tracking", "--cases", cases)
    assert code == 2
    assert "has no template" in one_line(err)


def test_no_tool_is_exit_three_with_the_reasons(latm: Latm, tmp_path: Path) -> None:
    words_alone = ["Why", "How so", "When then", "Who", "Where to", "What"]
    odd = write_cases(tmp_path / "odd.jsonl", [Case(f"{w}?", w) for w in words_alone])
    code, _, err = latm("make", odd, "--name", "odd", "--maker", "recorded:none")
    assert code == 3
    assert "no template covers" in err


def bad_inputs() -> dict[str, tuple[bytes, str]]:
    good = [json.dumps({"question": f"Double {n}?", "answer": str(2 * n)}) for n in range(30)]
    broken = [*good[:16], '{"question": "x", ', *good[17:]]
    missing = [*good[:4], '{"question": "only this"}', *good[5:]]
    contradiction = [*good, json.dumps({"question": "Double 3?", "answer": "7"})]

    def text(lines: list[str]) -> bytes:
        return "\n".join(lines).encode()

    return {
        "an empty file": (b"", "empty"),
        "broken JSON on line 17": (text(broken), "17"),
        "a missing answer": (text(missing), "5"),
        "a contradiction": (text(contradiction), "31"),
        "two cases only": (text(good[:2]), "at least 6"),
        "a very long line": (text(good) + b"\n" + b"x" * (9 << 20), "line"),
        "another encoding": ('{"question": "Grüße", "answer": "x"}'.encode("latin-1"), "UTF-8"),
    }


@pytest.mark.parametrize("kind", bad_inputs())
def test_bad_cases_are_a_one_line_error_with_exit_two(
    latm: Latm, kind: str, tmp_path: Path
) -> None:
    content, said = bad_inputs()[kind]
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    code, out, err = latm("make", path, "--name", "bad", "--maker", "recorded:none", "--json")
    assert (code, out) == (2, "")
    assert said in one_line(err)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (("make", "no-such-file.jsonl", "--name", "x"), 2, "no-such-file.jsonl"),
        (("make", "CASES", "--name", "Bad Name!", "--maker", "recorded:none"), 2, "Bad Name!"),
        (("make", "CASES", "--name", "x", "--maker", "nonsense"), 2, "nonsense"),
        (("make", "CASES", "--name", "x", "--maker", "local:gpt-5"), 2, "local:gpt-5"),
        (("make", "CASES", "--name", "x", "--maker", "local:qwen2.5-coder-1.5b"), 1, "fetch"),
        (("make", "CASES"), 2, "--name"),
        (("solve", "unknown-tool", "CASES"), 2, "unknown-tool"),
        (("solve", "x", "CASES", "--rungs", "magic"), 2, "magic"),
        (("solve", "x", "CASES", "--json"), 2, "-o"),
        (("tools", "show", "unknown-tool"), 2, "unknown-tool"),
        (("tools", "import", "CASES"), 2, "CASES"),
        (("sandbox", "run", "no-such.py", "--arg", "1"), 2, "no-such.py"),
        (("frobnicate",), 2, "frobnicate"),
        (("make", "--frobnicate"), 2, "frobnicate"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_value(
    latm: Latm, cases: Path, line: tuple[str, ...], code: int, said: str
) -> None:
    words_given = [str(cases) if word == "CASES" else word for word in line]
    got, _, err = latm(*words_given)
    assert got == code
    assert said.replace("CASES", cases.name) in one_line(err)


FEES = {"plain": "cents // 10", "capped": "min(cents // 10, 500)", "spoilt": "cents % 7"}


def fee_cases(path: Path, cents: range) -> Path:
    rows = [Case(f"What is the fee for {n} cents?", str(min(n // 10, 500))) for n in cents]
    return write_cases(path, rows)


@pytest.fixture
def fees(latm: Latm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run ``latm make`` on fees of so many cents, with a maker that says one function."""

    def call(says: str, cents: range, *more: str) -> tuple[int, str, str]:
        def model(_: object, name: str) -> ScriptedModel:
            body = f"def solve(cents):\n    return {FEES[says]}"
            return ScriptedModel(lambda _: body, name=name)

        monkeypatch.setattr("latm.runtime.Runtime.model", model)
        path = fee_cases(tmp_path / "fees.jsonl", cents)
        return latm("make", path, "--name", "fees", "--maker", "scripted:model", *more)

    return call


def test_the_bound_is_said_plainly_with_the_cases_that_it_needs(fees: Callable[..., Any]) -> None:
    code, _, err = fees("plain", range(20, 500, 11))
    assert code == 0
    (line,) = (line for line in err.splitlines() if line.startswith("fees/0: "))
    found = re.fullmatch(
        r"fees/0: wrong-answer rate at most (\S+)% at 95% confidence \((\d+) held-out cases, all "
        r"right\); for your bound of 1.0% another (\d+) held-out cases are needed",
        line,
    )
    assert found
    assert float(found[1]) == pytest.approx(100 * (1 - 0.05 ** (1 / int(found[2]))), abs=0.01)
    assert int(found[2]) + int(found[3]) == 299
    report = json.loads(fees("plain", range(20, 500, 11), "--json")[1])
    assert report["error_upper_bound"] == report["tools"][0]["error_upper_bound"]
    assert report["cases_needed"] == int(found[3])


def test_new_cases_that_are_right_are_nothing_to_mend(fees: Callable[..., Any]) -> None:
    fees("plain", range(20, 500, 11))
    code, _, err = fees("spoilt", range(500, 600, 10))
    assert code == 0
    assert "0 tokens" in err
    assert "nothing to mend: 10 new cases, all right" in err


def test_what_is_mended_is_said_and_what_is_not_is_exit_three(fees: Callable[..., Any]) -> None:
    first = json.loads(fees("plain", range(20, 500, 11), "--json")[1])
    code, out, err = fees("spoilt", range(9000, 9600, 100), "--json")
    report = json.loads(out)
    assert code == 3
    assert "'fees' is not mended: 6 wrong; first 'What is the fee for" in one_line(err)
    assert report["version"] == first["version"]
    assert [case["outcome"] for case in report["upgrade"]["remaining"]] == ["wrong"] * 6
    assert report["tools"][0]["wrong"] == 6

    code, _, err = fees("capped", range(9000, 9600, 100), "--seed", "1")
    assert code == 0
    assert "0 new cases; mended 6 of 6 that were wrong or not covered" in err
    assert f"{first['version'][:12]} is retired: superseded by" in err
    report = json.loads(fees("plain", range(9000, 9900, 100), "--json")[1])
    assert report["tools"][0]["parent"] == first["version"]
    assert report["upgrade"] == {
        "new_cases": 3,
        "failing": 0,
        "mended": 0,
        "remaining": [],
        "done": True,
    }
    assert report["changes"] == []


def test_fresh_makes_a_class_anew(fees: Callable[..., Any]) -> None:
    first = json.loads(fees("plain", range(20, 500, 11), "--json")[1])
    report = json.loads(fees("capped", range(20, 500, 11), "--fresh", "--json")[1])
    assert report["version"] != first["version"]
    assert report["tools"][0]["parent"] is None
    assert report["upgrade"] is None
    added, retired = report["changes"]
    assert "is added as shadow" in added
    assert retired == f"fees {first['version'][:12]} is retired: the class was made anew"


_KILLED = """
import asyncio, sys, time
from pathlib import Path
from latm.bench import words
from latm.models.scripted import ScriptedModel
from latm.runtime import opened
from latm.settings import load

class Stalling(ScriptedModel):
    async def chat(self, request):
        if len(self.asked) == 1:
            print("asked twice", flush=True)
            await asyncio.Event().wait()
        return await super().chat(request)

async def main():
    model = Stalling(lambda _: "def solve(words):\\n    return words")
    async with opened(load(maker="scripted:model"), {"scripted:model": model}) as runtime:
        await runtime.make("killed", list(words.cases(3, 60)))

asyncio.run(main())
"""


async def test_a_making_that_is_killed_goes_on_without_paying_again(home: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", _KILLED),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "LATM_HOME": str(home)},
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"asked twice\n"
    child.send_signal(signal.SIGKILL)
    await child.wait()

    model: Any = ScriptedModel(lambda _: SORTED)
    settings = load(home=home, maker="scripted:model")
    async with opened(settings, {"scripted:model": model}) as runtime:
        report = await runtime.make("killed", list(words.cases(3, 60)))
    assert report.replayed == 1
    assert len(model.asked) == 1
    assert report.tools
