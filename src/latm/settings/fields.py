"""The settings as values: names, types, bounds, defaults, and what each one is for.

Nothing flows in; `latm.settings` fills these in, and docs/reference/settings.md is made
from them. Invariant: immutable, and a secret never shows in a ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from latm.types import Limits

ModelName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*:\S+$", examples=["openai:gpt-5-mini"])
]


TenantName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
KeyHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


RedactionName = Literal["card", "email", "iban", "phone", "secret"]


def _listed(value: object) -> object:
    """A comma list as a list; anything else as it is."""
    if not isinstance(value, str):
        return value
    return value.split(",") if value else []


def _base_url(value: str) -> str:
    """An address of the operator's choice: scheme, host and path, no more."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an http or https address")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("it holds more than scheme, host and path")
    return value.rstrip("/")


class Price(BaseModel):
    """Price of a model, in US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0, description="Input tokens, $ per million.")
    output: Decimal = Field(ge=0, description="Output tokens, $ per million.")
    cached_input: Decimal | None = Field(
        default=None, ge=0, description="Input tokens from the cache; like `input` when absent."
    )


class DayBudget(BaseModel):
    """What one tenant's requests to the upstream may come to in a day, of UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: Decimal | None = Field(default=None, ge=0, description="US dollars; no bound when absent.")
    tokens: int | None = Field(default=None, ge=0, description="Input and output tokens.")
    requests: int | None = Field(default=None, ge=0, description="Requests.")


class Settings(BaseModel):
    """All settings of a process. Field ``x`` is variable ``LATM_X`` and key ``x`` of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Field(
        default_factory=lambda: Path.home() / ".latm",
        description="Directory of the state: database, embedded models.",
        examples=["~/.latm"],
    )
    db: str | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="Database: a path, `:memory:` or a URL; `latm.db` in the home when absent.",
        examples=["/var/lib/latm/latm.db"],
    )
    maker: ModelName = Field(
        default="local:qwen2.5-coder-1.5b", description="Model that makes tools."
    )
    user: ModelName = Field(
        default="local:qwen2.5-coder-0.5b",
        description="Light model that fills in a tool's arguments.",
    )
    embedding: Literal["words", "minilm", "off"] = Field(
        default="words",
        description=(
            "What finds the nearest class of a question that no template knows, for tools "
            "without one; the light model judges it. `words`: by the words they share; `minilm`: "
            "by meaning, needs the extra `semantic`; `off`: such a question is a miss."
        ),
        examples=["minilm"],
    )
    upstream: ModelName | None = Field(
        default=None, description="Strong model for requests that no tool serves; none when absent."
    )
    keys: Mapping[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr],
        description=(
            "API key per provider. Also `LATM_<PROVIDER>_API_KEY`, and the provider's ordinary "
            "variable such as `OPENAI_API_KEY`."
        ),
        examples=['{"openai": "…"}'],
    )
    base_urls: Mapping[str, str] = Field(
        default_factory=dict[str, str],
        description=(
            "Base URL per provider; a provider of any name with a base URL speaks the OpenAI "
            "protocol. Also `LATM_<PROVIDER>_BASE_URL`."
        ),
        examples=['{"openai": "http://localhost:8000/v1"}'],
    )
    prices: Mapping[str, Price] = Field(
        default_factory=dict[str, Price],
        description="Prices that override the price list, by `provider:model`.",
        examples=['{"openai:gpt-5-mini": {"input": "0.25", "output": "2"}}'],
    )
    max_error: float = Field(
        default=0.01, gt=0, lt=1, description="Greatest wrong-answer rate of a live tool, a share."
    )
    confidence: float = Field(
        default=0.95, gt=0, lt=1, description="Confidence at which `max_error` must hold, a share."
    )
    audit_share: float = Field(
        default=0.02,
        gt=0,
        le=1,
        description="Least share of a live tool's answers that the upstream is asked for, too.",
        examples=[0.02],
    )
    audit_calls: int = Field(
        default=1000,
        ge=0,
        description="Calls of the upstream a day for audits, and for disputes about an answer.",
        examples=[1000],
    )
    audit_usd: Decimal | None = Field(
        default=None,
        ge=0,
        description="US dollars a day for the same; no bound when absent.",
        examples=["2.50"],
    )
    max_tokens: int = Field(
        default=6000,
        ge=1,
        description="Budget for making one tool: input and output tokens of all calls.",
    )
    max_cost_usd: Decimal | None = Field(
        default=None,
        ge=0,
        description="Budget for making one tool in US dollars; no bound when absent.",
        examples=["0.50"],
    )
    request_seconds: float = Field(
        default=120.0, gt=0, description="Time limit of one model call, in seconds.", examples=[120]
    )
    sandbox_wall_seconds: float = Field(
        default=2.0, gt=0, description="Wall time of one call of a tool, in seconds.", examples=[2]
    )
    sandbox_cpu_seconds: float = Field(
        default=1.0, gt=0, description="CPU time of one call of a tool, in seconds.", examples=[1]
    )
    sandbox_memory_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=16 * 1024 * 1024,
        description="Memory of one call of a tool, in bytes.",
        examples=[268435456],
    )
    sandbox_result_bytes: int = Field(
        default=256 * 1024, ge=1, description="Size of a tool's result as JSON, in bytes."
    )
    sandbox_output_bytes: int = Field(
        default=64 * 1024, ge=0, description="Size of what a tool may print, in bytes."
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        description="Threads of an embedded model; all cores when absent.",
        examples=[4],
    )
    slots: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Calls that an embedded model answers at the same time.",
        examples=[1],
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**31,
        description="Seed of the split of cases and of the samples of models.",
        examples=[0],
    )
    without: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(),
        description="Parts of the search for a tool that are switched off, for measurements.",
        examples=["known,samples"],
    )
    record: bool = Field(
        default=True,
        description=(
            "Keep the questions that the gateway's upstream answered, with their answers: what "
            "tools are made from. `false` keeps none, so nothing is learnt."
        ),
        examples=["false"],
    )
    record_days: float = Field(
        default=30.0,
        gt=0,
        description="How long recorded questions are kept, in days.",
        examples=[30],
    )
    record_cases: int = Field(
        default=500, ge=10, description="Different recorded questions of a class that are kept."
    )
    record_classes: int = Field(
        default=2000, ge=1, description="Classes without tools that are kept."
    )
    redact: Annotated[tuple[RedactionName, ...], BeforeValidator(_listed)] = Field(
        default=("card", "secret"),
        description=(
            "A question or answer that holds one of these is not kept at all: `card` numbers, "
            "`email` addresses, `iban`, `phone` numbers, and what looks like a `secret`."
        ),
        examples=["card,secret,email,phone"],
    )
    making: bool = Field(
        default=True,
        description="Make tools in the background, beside the gateway, from what it has learnt.",
        examples=["false"],
    )
    making_cases: int = Field(
        default=40, ge=10, description="Cases of a class before a tool is made for it."
    )
    making_days: float = Field(
        default=30.0,
        gt=0,
        description="Within so many days a tool has to save what its making costs.",
        examples=[30],
    )
    making_tokens_a_day: int = Field(
        default=200_000,
        ge=0,
        description="Budget of all background makings of a day, of UTC, in tokens.",
    )
    making_usd_a_day: Decimal | None = Field(
        default=None,
        ge=0,
        description="The same in US dollars; no bound when absent.",
        examples=["2.00"],
    )
    making_poll_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Pause between two looks for classes that are worth a making, in seconds.",
        examples=[10],
    )
    jobs_db: str | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="Database of jobs: a path or a URL; `jobs.db` in the home when absent.",
        examples=["/var/lib/latm/jobs.db"],
    )
    jobs_node: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] = Field(
        default="local",
        description="Name of the place where jobs run; stable, and one process at a time has it.",
        examples=["worker-1"],
    )
    upstream_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        default=None,
        description="Base URL of the OpenAI-compatible API behind the gateway.",
        examples=["https://api.openai.com/v1"],
    )
    upstream_key: SecretStr | None = Field(
        default=None,
        description="Key for the API behind the gateway; the client's own one when absent.",
        examples=["…"],
    )
    upstream_key_env: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the variable that holds `upstream_key`.",
        examples=["OPENAI_API_KEY"],
    )
    upstream_seconds: float = Field(
        default=600.0,
        gt=0,
        description="Longest silence of the API behind the gateway, in seconds.",
        examples=[600],
    )
    serve_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that the gateway listens on; loopback only, as long as it has no key.",
    )
    serve_port: int = Field(
        default=8080, ge=0, le=65535, description="Port of the gateway; 0 takes a free one."
    )
    serve_workers: int = Field(
        default=1, ge=1, le=64, description="Processes of the gateway.", examples=[2]
    )
    serve_body_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, description="Largest request to the gateway, in bytes."
    )
    serve_keys: Mapping[TenantName, KeyHash] = Field(
        default_factory=dict[str, str],
        repr=False,
        description="SHA-256 of the gateway key of each tenant; `latm serve --new-key` makes one.",
        examples=['{"team-a": "(64 hexadecimal digits)"}'],
    )
    serve_admin_key: KeyHash | None = Field(
        default=None,
        repr=False,
        description="SHA-256 of the key of the gateway's administration.",
        examples=["(64 hexadecimal digits)"],
    )
    exact_seconds: float = Field(
        default=0.0,
        ge=0,
        le=86_400,
        description=(
            "How long the gateway repeats the upstream's answer to the very same request, in "
            "seconds; 0 asks the upstream each time."
        ),
        examples=[600],
    )
    serve_off: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(),
        description="Tenants that no tool answers.",
        examples=["team-a,team-b"],
    )
    serve_budgets: Mapping[TenantName, DayBudget] = Field(
        default_factory=dict[str, DayBudget],
        description="What a tenant may use of the upstream a day: `usd`, `tokens`, `requests`.",
        examples=['{"team-a": {"usd": "5", "requests": 10000}}'],
    )
    serve_log_json: bool = Field(
        default=False,
        description="Write the gateway's log as JSON lines, with a line for each request.",
    )
    serve_traces: bool = Field(
        default=False,
        description=(
            "Send OpenTelemetry spans to where the `OTEL_EXPORTER_OTLP_*` variables say; needs "
            "the extra `otel`."
        ),
    )
    serve_texts: bool = Field(
        default=False,
        description="Put questions, and answers of tools, into the log's lines and the spans.",
    )

    @property
    def database(self) -> str:
        """Where the database is: a path, ``:memory:`` or a URL (may hold a password)."""
        return self.db if self.db is not None else str(self.home / "latm.db")

    @property
    def jobs_database(self) -> str:
        """Where the jobs are: a path or a URL (may hold a password)."""
        return self.jobs_db if self.jobs_db is not None else str(self.home / "jobs.db")

    @property
    def limits(self) -> Limits:
        """The bounds of one call of a tool."""
        return Limits(
            wall_seconds=self.sandbox_wall_seconds,
            cpu_seconds=self.sandbox_cpu_seconds,
            memory_bytes=self.sandbox_memory_bytes,
            result_bytes=self.sandbox_result_bytes,
            output_bytes=self.sandbox_output_bytes,
        )

    def api_key(self, provider: str) -> SecretStr | None:
        """The API key of a provider, None when there is none."""
        return self.keys.get(provider)

    def base_url(self, provider: str) -> str | None:
        """The base URL of a provider, None for the provider's own."""
        return self.base_urls.get(provider)
