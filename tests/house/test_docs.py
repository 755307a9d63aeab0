"""The documents say what is so."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from .tree import DOCS, ROOT, modules, pages

LINK = re.compile(r"(?<!!)!?\[[^\]\n]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The fragment of each heading, as the common renderers make it."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+\s+(.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    broken: list[str] = []
    for target in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (fragment and fragment not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_decision_is_in_the_index_and_has_its_four_parts() -> None:
    folder = DOCS / "decisions"
    decisions = sorted(folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text("utf-8")
    assert re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index) == [path.name for path in decisions]
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text("utf-8")
        parts = re.findall(r"^## (.+)$", text, re.M)
        assert parts == ["Context", "Choice", "Alternatives", "Consequence"], path.name
        assert len(text.splitlines()) <= 70, f"{path.name} is longer than a screen"


def test_the_guide_fits_on_a_page() -> None:
    assert len((ROOT / "AGENTS.md").read_text("utf-8").splitlines()) <= 100


def test_the_flows_read_like_the_picture() -> None:
    flows = [module for module in modules() if module.path.name == "flow.py"]
    lines = {module.name: len(module.path.read_text("utf-8").splitlines()) for module in flows}
    assert {name: n for name, n in lines.items() if n > 150} == {}


# --- generated pages -------------------------------------------------------------------


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", list(generator().PAGES))
def test_generated_pages_are_up_to_date(name: str) -> None:
    render: Callable[[], str] = generator().PAGES[name]
    assert (DOCS / name).read_text("utf-8") == render(), "run: make docs"


# --- commands in the documents ---------------------------------------------------------


def commands() -> list[tuple[str, list[str]]]:
    """Every `latm …` line of a shell block, with the page that it stands in."""
    found: list[tuple[str, list[str]]] = []
    for page in pages():
        for language, body in BLOCK.findall(page.read_text("utf-8")):
            if language not in ("sh", "console", "bash", "shell"):
                continue
            for line in body.replace("\\\n", " ").splitlines():
                words = line.partition(" #")[0].removeprefix("$ ").split()
                if words and Path(words[0]).name == "latm" and words[1:] != ["COMMAND"]:
                    found.append((relative(page), words[1:]))
    return found


@pytest.mark.parametrize(("page", "words"), commands(), ids=str)
def test_commands_in_the_documents_exist(page: str, words: list[str]) -> None:
    usage: dict[str, str] = generator().command_help()
    path = ""
    for word in words:
        if f"{path} {word}".strip() not in usage:
            break
        path = f"{path} {word}".strip()
    assert path or not words or words[0].startswith("-"), f"{page}: no such command: {words}"
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    unknown = {
        option for option in used if not re.search(rf"(?<![\w-]){option}(?![\w-])", usage[path])
    }
    assert unknown == set(), f"{page}: latm {path} has no such option"


def snippets() -> list[tuple[str, str]]:
    """Every Python block, with the page that it stands in."""
    return [
        (relative(page), body)
        for page in pages()
        for language, body in BLOCK.findall(page.read_text("utf-8"))
        if language == "python"
    ]


@pytest.mark.parametrize(("page", "code"), snippets(), ids=lambda text: text.splitlines()[0])
def test_python_in_the_documents_parses_and_imports(page: str, code: str) -> None:
    for node in ast.walk(ast.parse(code, page)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
