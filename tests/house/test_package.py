"""What `import latm` gives and costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import latm

from .tree import DOCS, ROOT

HEAVY = {
    "alembic",
    "anthropic",
    "dbos",
    "huggingface_hub",
    "matplotlib",
    "numpy",
    "openai",
    "pydantic_ai",
    "pydantic_monty",
    "sqlalchemy",
    "xllamacpp",
}


def loaded_after(code: str, folder: Path) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after the code."""
    report = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-B", "-c", report],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def test_importing_latm_loads_nothing_heavy_and_leaves_no_file(tmp_path: Path) -> None:
    loaded = loaded_after("import latm", tmp_path)
    assert loaded & (HEAVY | {"pydantic", "rich", "cyclopts", "asyncio"}) == set()
    assert list(tmp_path.iterdir()) == []


def test_the_help_of_the_command_line_loads_nothing_heavy_and_leaves_no_file(
    tmp_path: Path,
) -> None:
    code = """
import sys
from latm.cli import main
sys.argv = ["latm", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded_after(code, tmp_path) & HEAVY == set()
    assert list(tmp_path.iterdir()) == []


def test_public_names_are_few_and_documented() -> None:
    page = (DOCS / "reference" / "library.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `latm\.(\w+)` \|", page, re.M))
    assert set(latm.__all__) == documented
    assert len(latm.__all__) <= 30
    assert all(hasattr(latm, name) for name in latm.__all__)


def test_the_changelog_ends_at_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[(\d[^\]]*)\]", text, re.M)
    assert versions[0] == latm.__version__


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    kinds = set(re.findall(r"^### (.+)$", text, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
