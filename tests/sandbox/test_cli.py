"""`latm sandbox`: what it prints, and what it exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latm.cli import sandbox as command
from latm.cli.app import run
from latm.errors import SandboxUnavailableError
from latm.sandbox import Sandbox, engines


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert run(["sandbox", *words]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    path = tmp_path / "sort.py"
    path.write_text("def tool(x):\n    return sorted(x.split())\n")
    return path


def test_check_shows_engines_walls_and_canaries(capsys: pytest.CaptureFixture[str]) -> None:
    result = printed(capsys, "check", "--json")
    assert result["ok"] is True
    rows = result["engines"]
    assert isinstance(rows, list)
    assert "no connection is made" in str(rows)  # pyright: ignore[reportUnknownArgumentType]


def test_check_shows_people_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "check"]) == 0
    assert "held" in capsys.readouterr().out


def test_check_fails_where_no_engine_is_usable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    async def opener(processes: int) -> Sandbox:
        raise SandboxUnavailableError("no walls here")

    monkeypatch.setattr(engines, "_OPENERS", {"monty": opener, "jail": opener})
    assert run(["sandbox", "check"]) == 1
    assert "no walls here" in capsys.readouterr().err
    assert run(["sandbox", "run", str(tool)]) == 1
    assert "no walls here" in capsys.readouterr().err


def test_tool_is_run_in_the_small_interpreter_first(
    capsys: pytest.CaptureFixture[str], tool: Path
) -> None:
    result = printed(capsys, "run", str(tool), "--arg", '"b a"', "--json")
    assert result["ok"] is True
    assert result["value"] == ["a", "b"]
    assert result["engine"] == "monty"
    assert isinstance(result["ms"], float)


def test_tool_that_needs_full_python_is_run_in_the_jail(
    capsys: pytest.CaptureFixture[str], tool: Path
) -> None:
    tool.write_text("import fractions\ndef tool(x):\n    return str(fractions.Fraction(x))\n")
    result = printed(capsys, "run", str(tool), "--arg", "0.5", "--json")
    assert (result["value"], result["engine"]) == ("1/2", "jail")


def test_engine_may_be_named(capsys: pytest.CaptureFixture[str], tool: Path) -> None:
    result = printed(capsys, "run", str(tool), "--arg", '"a"', "--engine", "jail", "--json")
    assert result["engine"] == "jail"


def test_tool_that_fails_is_a_result(capsys: pytest.CaptureFixture[str], tool: Path) -> None:
    tool.write_text("def tool(x):\n    raise ValueError('no')\n")
    result = printed(capsys, "run", str(tool), "--json")
    assert result["ok"] is False
    assert result["error"] == {"kind": "raised", "message": "ValueError: no"}


def test_result_is_shown_to_people(capsys: pytest.CaptureFixture[str], tool: Path) -> None:
    assert run(["sandbox", "run", str(tool), "--arg", '"a"']) == 0
    assert "monty" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere.py"],
        ["."],
        ["{tool}", "--arg", "[1"],
        ["{tool}", "--arg", "NaN"],
        ["{tool}", "--engine", "docker"],
        ["{binary}"],
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], tool: Path, words: list[str]
) -> None:
    binary = tool.with_name("binary.py")
    binary.write_bytes(b"\xff\xfe\x00")
    filled = [word.format(tool=tool, binary=binary) for word in words]
    assert run(["sandbox", "run", *filled]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


def test_commands_show_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("check", "run"):
        assert run(["sandbox", name, "--help"]) == 0
        assert f"Example: latm sandbox {name}" in capsys.readouterr().out
    assert command.app.name == ("sandbox",)
