"""Form of the source: size, docstrings, who may import what."""

from __future__ import annotations

import ast

import pytest

from .tree import ROOT, Module, modules

LONGEST_MODULE = 400
# A module may only leave this list or shrink; a new one is split instead.
LONGER: dict[str, int] = {}

# Foreign package → the parts of latm that may name it.
HOMES: dict[str, set[str]] = {
    "subprocess": {"sandbox", "models", "bench"},
    "multiprocessing": {"sandbox", "models", "bench", "jobs"},
    "pydantic_monty": {"sandbox"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "aiosqlite": {"store"},
    "sqlite3": {"store"},
    "pydantic_ai": {"models"},
    "openai": {"models", "bench"},
    "anthropic": {"models"},
    "genai_prices": {"models"},
    "xllamacpp": {"models"},
    "huggingface_hub": {"models"},
    "cyclopts": {"cli", "bench"},
    "rich": {"cli", "bench"},
    "aiohttp": {"gateway"},
    "fastapi": {"gateway", "dashboard"},
    "starlette": {"gateway", "dashboard", "mcp", "bench"},
    "uvicorn": {"gateway", "cli", "bench"},
    "prometheus_client": {"gateway"},
    "opentelemetry": {"gateway"},
    "matplotlib": {"bench", "cli"},
    "reasoning_gym": {"bench"},
    "re2": {"templates", "induction"},
    "numpy": {"embedding"},
    "onnxruntime": {"embedding"},
    "tokenizers": {"embedding"},
    "dbos": {"jobs"},
}
# The jail's child clears the environment before a tool runs; it reads nothing from it.
NEAR_THE_ENVIRONMENT = {"settings", "sandbox.jail_child"}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv"}
PROCESSES = {
    "os.fork",
    "os.system",
    "os.popen",
    "os.posix_spawn",
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
}
ADAPTERS = {"models.remote", "models.local", "sandbox.monty", "sandbox.jail", "store.sqlite"}
CLOCKS = {"time.time", "datetime.now", "datetime.utcnow", "random.random", "random.shuffle"}


def by_name(module: Module) -> str:
    return module.name or "latm"


def of(module: Module) -> str:
    return str(module.path.relative_to(ROOT))


@pytest.mark.parametrize("module", modules(), ids=by_name)
def test_a_module_opens_with_what_flows_in_and_out(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, f"{of(module)} has no docstring"
    assert docstring.splitlines()[0].endswith((".", "?", ":")), f"{of(module)}: no sentence"


@pytest.mark.parametrize("module", modules(), ids=by_name)
def test_a_module_fits_on_a_few_screens(module: Module) -> None:
    lines = len(module.path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGER.get(module.name, LONGEST_MODULE), f"split {of(module)}: {lines} lines"


def test_the_list_of_longer_modules_only_shrinks() -> None:
    lines = {m.name: len(m.path.read_text(encoding="utf-8").splitlines()) for m in modules()}
    assert {name for name in LONGER if lines.get(name, 0) <= LONGEST_MODULE} == set()


def test_foreign_packages_stay_in_their_homes() -> None:
    strays = {
        f"{of(module)} imports {package}"
        for module in modules()
        for package in {name.partition(".")[0] for name in module.imports()}
        if package in HOMES and module.folder not in HOMES[package]
    }
    assert strays == set()


def test_only_the_runtime_names_concrete_adapters() -> None:
    strays = {
        f"{of(module)} imports {name}"
        for module in modules()
        for name in module.imports()
        if name.removeprefix("latm.") in ADAPTERS
        and module.folder not in {"runtime", "bench", "testing", name.split(".")[1]}
    }
    assert strays == set()


def test_only_settings_reads_the_environment() -> None:
    readers = {
        module.name
        for module in modules()
        if ENVIRONMENT & {*module.attributes(), *module.imports()}
    }
    assert readers <= NEAR_THE_ENVIRONMENT


def test_only_the_sandbox_and_the_local_model_start_processes() -> None:
    starters = {
        of(module)
        for module in modules()
        if PROCESSES & {*module.attributes(), *module.imports()}
        and module.folder not in HOMES["subprocess"]
    }
    assert starters == set()


def test_an_event_loop_is_started_only_at_the_edges() -> None:
    starters = {
        module.folder
        for module in modules()
        if {"asyncio.run", "asyncio.Runner"} & {*module.attributes(), *module.imports()}
    }
    assert starters <= {"cli", "runtime", "bench", "models", "jobs"}


def test_pure_modules_read_no_clock_and_no_dice() -> None:
    pure = {"types", "templates", "induction", "answers", "identity", "lifecycle", "monitor.bound"}
    impure = {m.name for m in modules() if {m.name, m.folder} & pure and CLOCKS & {*m.attributes()}}
    assert impure == set()


def test_classes_inherit_at_most_once_errors_excepted() -> None:
    own = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for module in modules()
        if module.name != "errors"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    deep = {
        name for name, bases in own.items() if any(set(own.get(b, [])) & own.keys() for b in bases)
    }
    assert deep == set()
