"""Settings: where they come from, which wins, and what a mistake says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from latm.errors import SettingsError
from latm.settings import Settings, load
from latm.types import Limits

Load = Callable[..., Settings]


@pytest.fixture
def load_here(tmp_path: Path) -> Load:
    """`load` in an empty directory with an empty home and no variables but the given ones."""
    (tmp_path / "here").mkdir()
    (tmp_path / "home").mkdir()

    def load_(environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
        variables = {"LATM_HOME": str(tmp_path / "home"), **(environ or {})}
        return load(environ=variables, directory=tmp_path / "here", **overrides)

    return load_


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here" / "latm.toml"


@pytest.fixture
def at_home(tmp_path: Path) -> Path:
    return tmp_path / "home" / "latm.toml"


def error_of(load_: Load, *args: object, **kwargs: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_any_configuration_the_embedded_models_are_used(load_here: Load) -> None:
    settings = load_here()
    assert settings.maker == "local:qwen2.5-coder-1.5b"
    assert settings.user == "local:qwen2.5-coder-0.5b"
    assert settings.upstream is None
    assert (settings.max_error, settings.confidence) == (0.01, 0.95)
    assert settings.limits == Limits()


def test_the_default_home_is_in_the_persons_directory(tmp_path: Path) -> None:
    assert load(environ={}, directory=tmp_path).home == Path.home() / ".latm"


def test_the_database_lies_in_the_home_unless_named(load_here: Load, tmp_path: Path) -> None:
    assert load_here().database == str(tmp_path / "home" / "latm.db")
    assert load_here({"LATM_DB": "sqlite:////x/y.db"}).database == "sqlite:////x/y.db"
    assert load_here({"LATM_DB": "~/y.db"}).database == str(Path.home() / "y.db")
    assert load_here({"LATM_DB": ":memory:"}).database == ":memory:"


def test_an_override_beats_a_variable_beats_the_file_beats_the_default(
    load_here: Load, here: Path
) -> None:
    here.write_text("seed = 1\nslots = 2\nthreads = 3\n")
    settings = load_here({"LATM_SLOTS": "4", "LATM_THREADS": "5"}, threads=6, max_tokens=None)
    assert (settings.seed, settings.slots, settings.threads) == (1, 4, 6)
    assert settings.max_tokens == 6000


def test_the_file_at_home_counts_only_when_there_is_none_here(
    load_here: Load, here: Path, at_home: Path
) -> None:
    at_home.write_text("seed = 1\n")
    assert load_here().seed == 1
    here.write_text("slots = 2\n")
    assert (load_here().seed, load_here().slots) == (0, 2)


def test_settings_cannot_change(load_here: Load) -> None:
    settings = load_here()
    with pytest.raises(ValueError, match="frozen"):
        settings.seed = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_every_field_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_sandbox_limits_are_taken_from_the_settings(load_here: Load) -> None:
    settings = load_here({"LATM_SANDBOX_WALL_SECONDS": "0.5", "LATM_SANDBOX_OUTPUT_BYTES": "10"})
    assert settings.limits == Limits(wall_seconds=0.5, output_bytes=10)


def test_prices_come_as_json_or_as_a_table(load_here: Load, here: Path) -> None:
    here.write_text('[prices."openai:a"]\ninput = "0.1"\noutput = 2\n')
    prices = load_here({"LATM_PRICES": '{"openai:b": {"input": 1, "output": 2}}'}).prices
    assert prices["openai:a"].input == Decimal("0.1")
    assert prices["openai:b"].cached_input is None


# --- keys and base URLs ------------------------------------------------------------------


def key_of(settings: Settings, provider: str) -> str | None:
    key = settings.api_key(provider)
    return None if key is None else key.get_secret_value()


def test_latms_own_key_beats_the_providers_ordinary_one(load_here: Load) -> None:
    environ = {"OPENAI_API_KEY": "ordinary", "GEMINI_API_KEY": "g"}
    assert key_of(load_here(environ), "openai") == "ordinary"
    assert key_of(load_here(environ), "google") == "g"
    settings = load_here({**environ, "LATM_OPENAI_API_KEY": "own"})
    assert key_of(settings, "openai") == "own"
    assert key_of(settings, "anthropic") is None


def test_any_provider_may_have_a_base_url_and_a_key(load_here: Load) -> None:
    settings = load_here({"LATM_MY_HOST_BASE_URL": "http://h/v1", "LATM_MY_HOST_API_KEY": "k"})
    assert settings.base_url("my_host") == "http://h/v1"
    assert key_of(settings, "my_host") == "k"
    assert settings.base_url("openai") is None


def test_the_ordinary_key_is_not_sent_to_a_host_that_a_projects_file_names(
    load_here: Load, here: Path, at_home: Path
) -> None:
    text = '[base_urls]\nopenai = "http://stranger/v1"\n'
    environ = {"OPENAI_API_KEY": "ordinary"}
    here.write_text(text)
    assert key_of(load_here(environ), "openai") is None
    assert key_of(load_here({**environ, "LATM_OPENAI_API_KEY": "own"}), "openai") == "own"
    here.unlink()
    at_home.write_text(text)
    assert key_of(load_here(environ), "openai") == "ordinary"


def test_no_secret_is_shown(load_here: Load) -> None:
    settings = load_here({"OPENAI_API_KEY": "sk-hidden", "LATM_DB": "postgresql://u:pw-hidden@h/d"})
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    "environ",
    [
        {"LATM_KEYS": '{"openai": "sk-secret"'},
        {"LATM_KEYS": '"sk-secret"'},
        {"LATM_KEYS": '{"openai": ["sk-secret"]}'},
        {"LATM_KEYS": "[" * 100_000 + "sk-secret"},
    ],
)
def test_an_error_never_shows_a_secret(load_here: Load, environ: Mapping[str, str]) -> None:
    message = error_of(load_here, environ)
    assert "LATM_KEYS" in message
    assert "sk-secret" not in message


# --- mistakes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LATM_MAX_ERROR", "abc"),
        ("LATM_MAX_ERROR", "1.5"),
        ("LATM_MAKER", "gpt"),
        ("LATM_SLOTS", "0"),
        ("LATM_MAX_COST_USD", "-1"),
        ("LATM_SANDBOX_MEMORY_BYTES", "1 GB"),
    ],
)
def test_a_bad_variable_is_named_with_its_value_and_an_example(
    load_here: Load, variable: str, value: str
) -> None:
    message = error_of(load_here, {variable: value})
    assert message.startswith(f"{variable}: {value!r} is not valid: ")
    assert "set for example " in message


def test_a_bad_key_of_the_file_is_named_with_the_file(load_here: Load, here: Path) -> None:
    here.write_text('[prices."openai:a"]\ninput = -1\noutput = 2\n')
    assert error_of(load_here).startswith(f"key 'prices' in {str(here)!r} → 'openai:a' → 'input'")


def test_an_unknown_variable_key_or_argument_is_refused_with_a_guess(
    load_here: Load, here: Path
) -> None:
    assert "did you mean LATM_MAX_ERROR?" in error_of(load_here, {"LATM_MAX_EROR": "1"})
    assert "did you mean seed?" in error_of(load_here, seeed=3)
    assert "known are LATM_" in error_of(load_here, {"LATM_WWWWW": "1"})
    here.write_text("sed = 1\n")
    message = error_of(load_here)
    assert str(here) in message
    assert "did you mean seed?" in message


def test_variables_that_an_orchestrator_adds_for_a_service_of_our_name_are_left_alone(
    load_here: Load,
) -> None:
    load_here({"LATM_SERVICE_HOST": "10.0.0.1", "LATM_PORT_80_TCP": "tcp://x", "LATM_PORT": "tcp:"})


def test_an_empty_variable_is_as_good_as_none(load_here: Load) -> None:
    assert load_here({"LATM_MAX_ERROR": "", "OPENAI_API_KEY": ""}) == load_here()


@pytest.mark.parametrize("data", [b"seed =", b"\xff\xfe", b"seed = 1\nseed = 2"])
def test_a_broken_file_is_named(load_here: Load, here: Path, data: bytes) -> None:
    here.write_bytes(data)
    assert str(here) in error_of(load_here)


def test_a_home_that_is_not_a_path_is_refused(load_here: Load, here: Path) -> None:
    assert "'home': 3 is not a path" in error_of(load_here, home=3)


def test_importing_settings_reads_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LATM_MAX_ERROR", "wrong")
    assert Settings().max_error == 0.01
    assert not (tmp_path / "home").exists()


def test_the_upstreams_key_is_read_from_the_variable_that_is_named(load_here: Load) -> None:
    settings = load_here({"MY_KEY": "sk-1"}, upstream_key_env="MY_KEY")
    assert settings.upstream_key is not None
    assert settings.upstream_key.get_secret_value() == "sk-1"
    assert "sk-1" not in repr(settings)


def test_a_named_variable_that_is_not_set_is_an_error(load_here: Load) -> None:
    with pytest.raises(SettingsError, match="'MY_KEY' is not set"):
        load_here({}, upstream_key_env="MY_KEY")


def test_a_projects_file_cannot_choose_both_the_upstream_and_the_variable_with_its_key(
    load_here: Load, here: Path
) -> None:
    here.write_text('upstream_url = "https://evil.example/v1"\nupstream_key_env = "MY_KEY"\n')
    with pytest.raises(SettingsError, match="LATM_UPSTREAM_KEY"):
        load_here({"MY_KEY": "sk-1"})
    trusted = load_here({"MY_KEY": "sk-1"}, upstream_url="https://api.example/v1")
    assert trusted.upstream_key is not None


@pytest.mark.parametrize(
    "url",
    ["ftp://a/v1", "file:///etc", "a.example", "http://", "https://me:pw@a/v1", "https://a/v1?k=1"],
)
def test_an_upstream_is_an_address_and_no_more(load_here: Load, url: str) -> None:
    with pytest.raises(SettingsError, match="upstream_url"):
        load_here({}, upstream_url=url)


def test_a_gateway_key_is_kept_as_its_hash_only(load_here: Load) -> None:
    with pytest.raises(SettingsError, match="LATM_SERVE_KEYS") as raised:
        load_here({"LATM_SERVE_KEYS": '{"team-a": "latm-the-key-itself"}'})
    assert "the-key-itself" not in str(raised.value)
    settings = load_here({"LATM_SERVE_KEYS": '{"team-a": "' + "a" * 64 + '"}'})
    assert settings.serve_keys == {"team-a": "a" * 64}
