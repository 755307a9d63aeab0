"""``latm db``: path, migrate, verify."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from latm.cli import db
from latm.store.schema import HEAD


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LATM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "latm.db"


def run(*words: str) -> object:
    return db.app(words, result_action="return_value")


def test_path_says_where_the_database_is_and_makes_nothing(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("path") == 0
    assert capsys.readouterr().out == f"{database}\n"
    assert run("path", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(database)}
    assert not database.exists()


def test_migrate_makes_the_database_and_names_its_schema(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("migrate") == 0
    assert f"has schema {HEAD}" in capsys.readouterr().out
    assert run("migrate", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(database), "schema": HEAD}


def test_verify_fails_on_a_tool_that_was_altered(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify") == 0
    assert "0 versions of tools, sound" in capsys.readouterr().out
    with sqlite3.connect(database) as raw:
        raw.execute("INSERT INTO tool VALUES (NULL, 'abc', 'x', 0, '{}', 'live', '')")
    raw.close()
    assert run("verify") == 1
    assert "abc: content of tool 'x' does not hash" in capsys.readouterr().out
    assert run("verify", "--json") == 1
    printed = json.loads(capsys.readouterr().out)
    assert (printed["tools"], printed["sound"]) == (1, False)
    assert printed["damage"][0]["subject"] == "abc"


@pytest.mark.parametrize("command", ["path", "migrate", "verify"])
def test_every_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(command, "--help")
    assert f"Example: latm db {command}" in capsys.readouterr().out
