"""What is in the repository, and what is not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypedDict, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .tree import ROOT, tracked

HERE = Path(__file__)
FORBIDDEN = re.compile(r"(^|/)(uv\.lock|pylock.*\.toml|.*\.(gguf|db|sqlite3?|whl|pyc))$")
LARGEST = 2 * 1024 * 1024
# Hosts and paths of the machines that the project is built on; spelled in pieces so that
# this file does not hold them.
MACHINE = re.compile(
    "|".join(
        (
            r"\b(test\.)?py" + r"pi\.org",
            r"python" + r"hosted\.org",
            r"registry\." + r"npmjs",
            r"deb\." + r"debian\.org",
            r"/wor" + r"k/(main|shared|\.)",
            r"/op" + r"t/(wheels|py" + r"pi)",
            r"\.pyen" + r"v/",
            r"--(extra-)?index" + r"-url[ =]http",
        )
    )
)


class Project(TypedDict):
    """The part of pyproject.toml that names requirements."""

    dependencies: list[str]
    optional: dict[str, list[str]]
    groups: dict[str, list[str]]
    build: list[str]


def project() -> Project:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return cast(  # the shape is checked by the build backend and by the tests that use it
        "Project",
        {
            "dependencies": table["project"]["dependencies"],
            "optional": table["project"]["optional-dependencies"],
            "groups": table["dependency-groups"],
            "build": table["build-system"]["requires"],
        },
    )


def locked() -> dict[str, set[str]]:
    """Name → versions in requirements.lock (several where platforms differ)."""
    versions: dict[str, set[str]] = {}
    text = (ROOT / "requirements.lock").read_text("utf-8")
    for name, version in re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", text, re.M):
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def test_no_forbidden_file_is_tracked() -> None:
    names = [str(path.relative_to(ROOT)) for path in tracked()]
    assert [name for name in names if FORBIDDEN.search(name)] == []


def test_no_large_file_is_tracked() -> None:
    assert [str(path) for path in tracked() if path.stat().st_size > LARGEST] == []


def test_no_host_or_path_of_a_machine_is_written_down() -> None:
    found: list[str] = []
    for path in tracked():
        if path == HERE:
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {hit[0]!r}" for hit in MACHINE.finditer(text)]
    assert found == []


def test_the_lock_satisfies_pyproject() -> None:
    names = project()
    wanted = [
        *names["dependencies"],
        *(line for lines in names["optional"].values() for line in lines),
        *(line for lines in names["groups"].values() for line in lines),
        *names["build"],
    ]
    versions = locked()
    unmet = [
        text
        for text in wanted
        if (needed := Requirement(text))
        and not any(
            needed.specifier.contains(version, prereleases=True)
            for version in versions.get(canonicalize_name(needed.name), ())
        )
    ]
    assert unmet == [], "run: make lock"


def test_every_locked_requirement_has_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_licence_is_the_whole_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text) > 11_000
