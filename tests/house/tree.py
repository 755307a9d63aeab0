"""What the house tests look at: the tracked files, the modules and what they import."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "latm"
DOCS = ROOT / "docs"


@dataclass(frozen=True, slots=True)
class Module:
    """A module of latm: dotted name below ``latm`` (empty for the package itself) and tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The top-level module or package that it belongs to."""
        return self.name.partition(".")[0]

    def imports(self) -> Iterator[str]:
        """Full names of the imported modules, wherever the import stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def attributes(self) -> Iterator[str]:
        """Dotted accesses such as ``os.environ``, one level deep."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield f"{node.value.id}.{node.attr}"


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the package."""
    found: list[Module] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found.append(Module(".".join(parts), path, ast.parse(path.read_text(encoding="utf-8"))))
    return tuple(found)


@cache
def tracked() -> tuple[Path, ...]:
    """The files under version control; skips the test where there is none."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return tuple(ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file())


def pages() -> tuple[Path, ...]:
    """The documents for people."""
    return (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))
