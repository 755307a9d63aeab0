"""The only reader of the environment.

``LATM_*`` variables and a ``latm.toml`` flow in once, by `load`; a frozen `Settings`
flows out and is handed down. Invariant: building a `Settings` reads nothing, and no error
or ``repr`` ever shows a secret. Precedence: overrides, then variables, then the file
(``latm.toml`` in the current directory, else in the home), then defaults.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from latm.errors import SettingsError
from latm.settings.fields import DayBudget, Price, Settings

FILE_NAME = "latm.toml"
PREFIX = "LATM_"

_ORDINARY_KEYS: Mapping[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "together": ("TOGETHER_API_KEY",),
    "fireworks": ("FIREWORKS_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
_ORDINARY_BASE_URLS: Mapping[str, str] = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
}
_PER_PROVIDER = re.compile(r"LATM_([A-Z0-9_]+)_(API_KEY|BASE_URL)")
# Kubernetes gives every pod variables like these for a service that is called "latm".
_NOT_OURS = re.compile(r"LATM_(SERVICE_(HOST|PORT)|PORT(_|$)|TEST_)")

__all__ = ["FILE_NAME", "PREFIX", "DayBudget", "Price", "Settings", "load"]


def load(
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    **overrides: object,
) -> Settings:
    """Read the settings once.

    Parameters:
        environ: the variables; those of the process when absent.
        directory: where ``latm.toml`` is looked for first; the current one when absent.
        overrides: values by field name that win over all else; None means "not given".

    Raises:
        SettingsError: a value is malformed, a key or variable is unknown, or the file
            cannot be read; names the variable or the file and key, and what to set instead.
    """
    variables = os.environ if environ is None else environ
    found = {name: _Found(value, f"argument {name!r}") for name, value in overrides.items()}
    found = {name: item for name, item in found.items() if item.value is not None}
    for name, item in _from_variables(variables).items():
        found.setdefault(name, item)
    home = _path(found["home"]) if "home" in found else Path.home() / ".latm"
    here = Path.cwd() if directory is None else directory
    untrusted_urls: frozenset[str] = frozenset()
    trusted = True
    file = next((f for f in (here / FILE_NAME, home / FILE_NAME) if f.is_file()), None)
    if file is not None:
        from_file = _from_file(file)
        if file.parent.resolve() != home.resolve():
            untrusted_urls = frozenset(_mapping_of(from_file.get("base_urls")))
            trusted = "upstream_url" in found or "upstream_url" not in from_file
        for name, item in from_file.items():
            found[name] = _merged(found.get(name), item)
    _add_ordinary(found, variables, untrusted_urls)
    _add_upstream_key(found, variables, trusted=trusted)
    return _validated(found)


# --- sources ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """A raw value and where it was read, in words for an error."""

    value: object
    origin: str


def _from_variables(variables: Mapping[str, str]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    maps: dict[str, dict[str, object]] = {"keys": {}, "base_urls": {}}
    for variable, value in sorted(variables.items()):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or value == "":
            continue
        if name in _MAPPINGS:
            found[name] = _Found(_json_object(variable, value), variable)
        elif name in Settings.model_fields:
            found[name] = _Found(value, variable)
        elif match := _PER_PROVIDER.fullmatch(variable):
            kind = "keys" if match[2] == "API_KEY" else "base_urls"
            maps[kind][match[1].lower()] = value
        elif not _NOT_OURS.match(variable):
            hint = _hint(name, list(Settings.model_fields), lambda field: PREFIX + field.upper())
            raise SettingsError(f"unknown variable {variable}: {hint}")
    for name, entries in maps.items():
        if entries:
            suffix = "API_KEY" if name == "keys" else "BASE_URL"
            item = _Found(entries, f"variables {PREFIX}…_{suffix}")
            found[name] = _merged(found.get(name), item)
    return found


def _from_file(file: Path) -> dict[str, _Found]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {str(file)!r}: {_one_line(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{str(file)!r} is not TOML: {_one_line(error)}") from error
    for name in table:
        if name not in Settings.model_fields:
            hint = _hint(name, list(Settings.model_fields))
            raise SettingsError(f"unknown key {name!r} in {str(file)!r}: {hint}")
    return {name: _Found(value, f"key {name!r} in {str(file)!r}") for name, value in table.items()}


def _add_ordinary(
    found: dict[str, _Found], variables: Mapping[str, str], untrusted_urls: frozenset[str]
) -> None:
    """Add keys and base URLs from the providers' own variables, where latm has none.

    A ``latm.toml`` that came with somebody's project must not send the person's ordinary
    key to a host of its choice, so a base URL from there needs ``LATM_<PROVIDER>_API_KEY``.
    """
    keys: dict[str, object] = {}
    for provider, names in _ORDINARY_KEYS.items():
        value = next((variables[name] for name in names if variables.get(name)), None)
        if value is not None and provider not in untrusted_urls:
            keys[provider] = value
    urls: dict[str, object] = {
        provider: variables[name]
        for provider, name in _ORDINARY_BASE_URLS.items()
        if variables.get(name)
    }
    for name, entries in (("keys", keys), ("base_urls", urls)):
        if entries:
            found[name] = _merged(found.get(name), _Found(entries, "the providers' variables"))


def _add_upstream_key(
    found: dict[str, _Found], variables: Mapping[str, str], *, trusted: bool
) -> None:
    """Add the upstream's key from the variable that is named for it.

    A ``latm.toml`` that came with somebody's project must not choose both the host and
    which of the person's variables is sent there.
    """
    item = found.get("upstream_key_env")
    if item is None or "upstream_key" in found:
        return
    if not trusted:
        raise SettingsError(
            f"{item.origin}: a project's {FILE_NAME} names the upstream, so its key has to come "
            f"in {PREFIX}UPSTREAM_KEY, or the upstream by --upstream"
        )
    value = variables.get(str(item.value))
    if not value:
        raise SettingsError(f"{item.origin}: the variable {item.value!r} is not set; set it")
    found["upstream_key"] = _Found(value, f"variable {item.value}")


def _merged(first: _Found | None, second: _Found) -> _Found:
    """The first value; where both are mappings, their union, the first one winning."""
    if first is None:
        return second
    if not isinstance(first.value, Mapping) or not isinstance(second.value, Mapping):
        return first
    union = {**_mapping_of(second), **_mapping_of(first)}
    return _Found(union, f"{first.origin} or {second.origin}")


def _mapping_of(item: _Found | None) -> Mapping[str, object]:
    value = None if item is None else item.value
    # Keys of JSON objects and TOML tables are texts; the values are validated later.
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _json_object(variable: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        example = _example(variable.removeprefix(PREFIX).lower())
        message = f"{variable} is not a JSON object: set for example {example}"
        raise SettingsError(message) from error


# --- validation ------------------------------------------------------------------------

_MAPPINGS = frozenset({"keys", "base_urls", "prices", "serve_keys", "serve_budgets"})
_HIDDEN = _MAPPINGS | {"db", "upstream_key", "serve_admin_key"}


def _validated(found: Mapping[str, _Found]) -> Settings:
    values: dict[str, object] = {name: item.value for name, item in found.items()}
    if "home" in found:
        values["home"] = _path(found["home"])
    if isinstance(db := values.get("db"), str) and db != ":memory:" and "://" not in db:
        values["db"] = str(Path(db).expanduser())
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name, *inner = (str(part) for part in first["loc"])
    if name not in Settings.model_fields:
        raise SettingsError(f"unknown setting {name!r}: {_hint(name, list(Settings.model_fields))}")
    where = found[name].origin + "".join(f" → {part!r}" for part in inner if part != "[key]")
    shown = "" if name in _HIDDEN else f": {_short(found[name].value)}"
    raise SettingsError(
        f"{where}{shown} is not valid: {_lower(first['msg'])}; set for example {_example(name)}"
    )


def _path(item: _Found) -> Path:
    if not isinstance(item.value, str | Path) or not str(item.value):
        shown = _short(item.value)
        raise SettingsError(f"{item.origin}: {shown} is not a path; use for example ~/.latm")
    return Path(item.value).expanduser()


def _example(name: str) -> str:
    field = Settings.model_fields[name]
    return str((field.examples or [field.default or "openai:gpt-5-mini"])[0])


def _hint(name: str, known: list[str], spell: Callable[[str], str] = str) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {spell(near[0])}?"
    return f"known are {', '.join(map(spell, sorted(known)))}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _lower(message: str) -> str:
    return _one_line(message[:1].lower() + message[1:])


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
