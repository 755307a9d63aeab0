"""Writes the generated pages of the documents; run it by `make docs`.

The settings model, the command tree and the modules' docstrings flow in, Markdown flows
out. Invariant: the pages hold nothing of the machine that makes them; tests/house compares
them with the code.
"""

from __future__ import annotations

import ast
import io
import re
import types
import typing
from collections.abc import Callable
from pathlib import Path

from cyclopts import App
from pydantic.fields import FieldInfo
from rich.console import Console

HERE = Path(__file__).parent
NOTE = "<!-- Made by `make docs`; do not edit. -->\n\n"


def settings_page() -> str:
    """One row for each field of `latm.settings.Settings`."""
    from latm.settings import FILE_NAME, PREFIX, Settings  # noqa: PLC0415 - after latm is set up

    rows = [
        f"| `{PREFIX}{name.upper()}` | `{name}` | {_type(field.annotation)} "
        f"| {_default(name, field)} | {_cell(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    return (
        f"{NOTE}# Settings\n\n"
        f"A setting is an environment variable, or a key of `{FILE_NAME}` in the current folder,"
        " or else in the home of latm. Variables win over the file, the file over the defaults;"
        " an option of the command line wins over all. They are read once, at the start.\n\n"
        "| variable | key | type | default | meaning |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _type(annotation: object) -> str:
    if annotation is None or annotation is types.NoneType:
        return "none"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part) for part in arguments if part is not types.NoneType)
    if origin is not None:
        return "table"
    names = {
        "str": "text", "Path": "path", "int": "integer", "float": "number", "Decimal": "number",
        "bool": "true or false", "SecretStr": "secret",
    }  # fmt: skip
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, name)


def _default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return "`~/.latm`"
    value: object = field.get_default(call_default_factory=True, validated_data={})
    return "none" if value is None or value == {} else f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def cli_page() -> str:
    """The whole command tree, from the code's own help."""
    text = _app().generate_docs().strip()
    return f"{NOTE}{text}\n"


def command_help() -> dict[str, str]:
    """Command path (empty for `latm` itself) → its help as people see it."""
    found: dict[str, str] = {}
    _collect(_app(), [], found)
    return found


def _collect(app: App, path: list[str], found: dict[str, str]) -> None:
    out = io.StringIO()
    app.help_print([], console=Console(file=out, width=200, no_color=True))
    found[" ".join(path)] = out.getvalue()
    for name in app:
        if not name.startswith("-"):
            _collect(app[name], [*path, name], found)


def _app() -> App:
    from latm.cli.app import build  # noqa: PLC0415 - the settings page needs no command line

    return build()


def structure_page() -> str:
    """The page as it stands, with its table of modules made new."""
    text = (HERE / "structure.md").read_text("utf-8")
    package = HERE.parent / "src" / "latm"
    rows = "".join(
        f"| `{name}` | {_cell(_first_sentence(package, name))} |\n"
        for name in _module_names(package)
    )
    table = f"| module | what it is for |\n|---|---|\n{rows}"
    return re.sub(
        r"(?<=<!-- modules: made by `make docs` -->\n).*(?=<!-- end -->)",
        lambda _: table,
        text,
        flags=re.S,
    )


def _module_names(package: Path) -> list[str]:
    files = (path.relative_to(package).with_suffix("") for path in package.rglob("*.py"))
    names = {".".join(part for part in file.parts if part != "__init__") for file in files}
    return sorted(names - {""})


def _first_sentence(package: Path, name: str) -> str:
    path = package.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return docstring.partition("\n\n")[0]


PAGES: dict[str, Callable[[], str]] = {
    "structure.md": structure_page,
    "reference/settings.md": settings_page,
    "reference/cli.md": cli_page,
}

if __name__ == "__main__":
    for page, render in PAGES.items():
        (HERE / page).write_text(render(), encoding="utf-8")
        print(f"docs/{page}")
