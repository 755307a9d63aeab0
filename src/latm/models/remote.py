"""Remote models: any provider with an HTTP API.

A `ChatRequest` flows in, a `Reply` flows out. Invariants: no error shows the key, an unknown
price is None, and a reply to a request with a schema fits it or has ``finish`` "other".

The client library is imported with the first call, because that takes seconds. Its own
retries are off: one loop here, within one time limit, serves all providers alike.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, cast

from latm.errors import (
    ModelError,
    ModelRefusedError,
    ModelUnavailableError,
    SettingsError,
    UnknownNameError,
)
from latm.models.grammar import fits
from latm.settings import Price
from latm.types import ChatRequest, Reply, Usage

if TYPE_CHECKING:
    from pydantic_ai.exceptions import AgentRunError
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model as Client
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

# Spelled out, so that the libraries do not look for another one in the environment.
_HOMES: Mapping[str, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "deepseek": "https://api.deepseek.com",
    "openrouter": "https://openrouter.ai/api/v1",
    "together": "https://api.together.xyz/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "xai": "https://api.x.ai/v1",
}
_NO_KEY = "no-key"
_PASSING = frozenset({408, 409, 429})
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_SHOWN = 200
_MILLION = Decimal(1_000_000)


class RemoteModel:
    """One model of one provider.

    Args:
        provider: a known name, or any name when there is a base URL: then it speaks the
            OpenAI protocol.
        model: the provider's own name of the model.
        api_key: may be None only where a base URL is given.
        timeout: of one call with all its retries, in seconds.
        retries: after errors that may pass.
        price: wins over the price list.
        chance: draws the waits between retries.
        sleep: waits so many seconds.

    Raises:
        UnknownNameError: an unknown provider without a base URL.
        SettingsError: the provider needs a key.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        provider: str,
        model: str,
        *,
        api_key: str | None,
        base_url: str | None,
        timeout: float,
        retries: int = 4,
        price: Price | None = None,
        chance: random.Random | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._provider = provider
        self._model = model
        self._key = api_key or None
        self._home = _home_of(self.name, provider, base_url)
        self._timeout = timeout
        self._retries = retries
        self._price = price
        self._chance = chance or random.Random()
        self._sleep = sleep
        self._client: Client | None = None
        self._open = AsyncExitStack()
        self._opening = asyncio.Lock()
        if self._key is None and not base_url:
            raise SettingsError(f"{self.name!r} needs a key: {_set(provider, 'API_KEY')}")

    @property
    def name(self) -> str:
        return f"{self._provider}:{self._model}"

    async def chat(self, request: ChatRequest) -> Reply:
        """Answer one request; errors that may pass are tried again.

        Raises:
            ModelUnavailableError: no answer in time, or errors that did not pass.
            ModelRefusedError: the provider rejected the request itself.
        """
        client = await self._opened()
        try:
            async with asyncio.timeout(self._timeout):
                outcome = await self._ask(client, request)
        except TimeoutError:
            raise ModelUnavailableError(
                f"{self.name!r} gave no answer in {self._timeout:g} s; "
                "ask for fewer tokens or set LATM_REQUEST_SECONDS higher"
            ) from None
        # Raised here and not where it was caught: the library's own error, which may hold
        # the key, must not hang on it as its context.
        if isinstance(outcome, ModelError):
            raise outcome
        return self._reply(outcome, request)

    async def aclose(self) -> None:
        """Close the connections; may be called twice, and a later call opens them again."""
        async with self._opening:
            self._client = None
            await self._open.aclose()

    async def _ask(self, client: Client, request: ChatRequest) -> ModelResponse | ModelError:
        deadline = asyncio.get_running_loop().time() + self._timeout
        for attempt in range(self._retries + 1):
            outcome = await self._attempt(client, request)
            if not isinstance(outcome, _Failure):
                return outcome
            wait = outcome.wait
            if wait is None:
                wait = self._chance.uniform(0, min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT))
            in_time = asyncio.get_running_loop().time() + wait < deadline
            if not (outcome.passing and in_time and attempt < self._retries):
                return outcome.error
            await self._sleep(wait)
        raise AssertionError("the last attempt returns")

    async def _attempt(self, client: Client, request: ChatRequest) -> ModelResponse | _Failure:
        from pydantic_ai import direct  # noqa: PLC0415 - takes seconds, so only when used
        from pydantic_ai.exceptions import AgentRunError, UserError  # noqa: PLC0415

        try:
            return await direct.model_request(
                client,
                _messages_of(request),
                model_settings=self._settings_of(request, client),
                model_request_parameters=_parameters_of(request, client),
            )
        except AgentRunError as error:
            return self._failure(error)
        except UserError as error:  # the library knows that the provider cannot do this
            return _Failure(self._refused(self._reason(error), "change the request"))

    async def _opened(self) -> Client:
        async with self._opening:
            if self._client is None:
                # In a thread: the import must not hold up whoever else uses the loop.
                build = asyncio.to_thread(
                    _client_of, self._provider, self._model, self._home, self._key
                )
                self._client = await self._open.enter_async_context(await build)
            return self._client

    def _settings_of(self, request: ChatRequest, client: Client) -> ModelSettings:
        settings: ModelSettings = {
            "max_tokens": request.max_tokens,
            "timeout": self._timeout,
            "max_retries": 0,
        }
        if _takes_temperature(client):
            settings["temperature"] = request.temperature
        if request.seed is not None and self._provider == "mistral":
            settings["extra_body"] = {"random_seed": request.seed}
        elif request.seed is not None:
            settings["seed"] = request.seed
        if request.stop:
            settings["stop_sequences"] = list(request.stop)
        return settings

    def _reply(self, response: ModelResponse, request: ChatRequest) -> Reply:
        tokens = response.usage
        cached = max(0, min(tokens.cache_read_tokens, tokens.input_tokens))
        usage = Usage(tokens.input_tokens, cached, tokens.output_tokens)
        text = response.text or ""
        finish: Literal["stop", "length", "other"] = "other"
        if response.finish_reason == "length":
            finish = "length"
        elif response.finish_reason == "stop" and fits(text, request.schema):
            finish = "stop"
        cost, source = self._cost(response, usage)
        return Reply(text, self.name, usage, cost, source, finish)

    def _cost(self, response: ModelResponse, usage: Usage) -> tuple[Decimal | None, str | None]:
        if response.usage.unmeasured_requests or not usage.total:
            return None, None
        if self._price is not None:
            return _priced(usage, self._price), "settings"
        if not response.model_name:
            return None, None
        try:
            return response.cost().total_price, "genai-prices"
        except (LookupError, ValueError):  # not in the list, or usage that it cannot price
            return None, None

    def _failure(self, error: AgentRunError) -> _Failure:
        from pydantic_ai import exceptions  # noqa: PLC0415 - imported long ago

        reason = self._reason(error)
        if isinstance(error, exceptions.ModelHTTPError):
            return self._failed_status(error, reason)
        if isinstance(error, exceptions.ContentFilterError):
            return _Failure(self._refused(reason, "change the request"))
        advice = f"check the network and the base URL, {_set(self._provider, 'BASE_URL')}"
        passing = isinstance(error, exceptions.ModelAPIError)
        return _Failure(self._unavailable(reason, advice), passing)

    def _failed_status(self, error: AgentRunError, reason: str) -> _Failure:
        from pydantic_ai import exceptions  # noqa: PLC0415 - imported long ago

        assert isinstance(error, exceptions.ModelHTTPError)
        status = error.status_code
        told = f"status {status}: {reason}" if reason else f"status {status}"
        used_up = isinstance(error, exceptions.ModelQuotaExceededError)
        if 400 <= status < 500 and status not in _PASSING:
            return _Failure(self._refused(told, _advice(status, self._provider)))
        advice = "check the quota of the account" if used_up else "try again later"
        return _Failure(self._unavailable(told, advice), not used_up, error.retry_after)

    def _refused(self, reason: str, advice: str) -> ModelRefusedError:
        return ModelRefusedError(f"{self.name!r} refused the request: {reason}; {advice}")

    def _unavailable(self, reason: str, advice: str) -> ModelUnavailableError:
        return ModelUnavailableError(f"{self.name!r} is unavailable: {reason}; {advice}")

    def _reason(self, error: Exception) -> str:
        """What the provider said: short, printable and without the key."""
        body = getattr(error, "body", None)
        text = _told(body) if body is not None else str(error)
        if self._key is not None:
            text = text.replace(self._key, "[key]")
        text = "".join(c if c.isprintable() else " " for c in text)
        text = " ".join(text.split())
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed attempt. ``wait``: seconds that the provider asked for."""

    error: ModelError
    passing: bool = False
    wait: float | None = None


# --- the library -----------------------------------------------------------------------


def _client_of(provider: str, model: str, home: str, key: str | None) -> Client:
    secret = key or _NO_KEY
    if provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415
        from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

        return AnthropicModel(model, provider=AnthropicProvider(api_key=secret, base_url=home))
    if provider == "google":
        from pydantic_ai.models.google import GoogleModel  # noqa: PLC0415
        from pydantic_ai.providers.google import GoogleProvider  # noqa: PLC0415

        return GoogleModel(model, provider=GoogleProvider(api_key=secret, base_url=home))
    return _openai_client(provider, model, home, secret)


def _openai_client(provider: str, model: str, home: str, secret: str) -> Client:
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415
    from pydantic_ai.profiles.openai import OpenAIModelProfile  # noqa: PLC0415
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider  # noqa: PLC0415

    if provider == "openai":
        return OpenAIChatModel(model, provider=OpenAIProvider(home, secret))
    profile = OpenAIModelProfile(
        # The older field is the one that every server of this protocol knows.
        openai_chat_supports_max_completion_tokens=False,
        supports_json_schema_output=provider != "deepseek",
    )
    other = OpenAICompatibleProvider(provider, base_url=home, api_key=secret, profile=profile)
    return OpenAIChatModel(model, provider=other)


def _messages_of(request: ChatRequest) -> list[ModelMessage]:
    from pydantic_ai import messages  # noqa: PLC0415 - imported long ago

    out: list[ModelMessage] = []
    for message in request.messages:
        if message.role == "assistant":
            out.append(messages.ModelResponse([messages.TextPart(message.content)]))
        elif message.role == "system":
            out.append(messages.ModelRequest([messages.SystemPromptPart(message.content)]))
        else:
            out.append(messages.ModelRequest([messages.UserPromptPart(message.content)]))
    return out


def _takes_temperature(client: Client) -> bool:
    """Whether the library would send it; where not, it warns at every call."""
    profile: Mapping[str, object] = client.profile
    reasons = profile.get("openai_supports_reasoning") and not (
        profile.get("openai_supports_reasoning_effort_none")
        and not profile.get("thinking_enabled_by_default")
    )
    return not reasons and not profile.get("anthropic_disallows_sampling_settings")


def _parameters_of(request: ChatRequest, client: Client) -> ModelRequestParameters:
    from pydantic_ai.models import ModelRequestParameters  # noqa: PLC0415 - imported long ago
    from pydantic_ai.output import OutputObjectDefinition  # noqa: PLC0415

    if request.schema is None:
        return ModelRequestParameters()
    wanted = OutputObjectDefinition(json.loads(request.schema), name="reply", strict=True)
    # Where the provider cannot enforce a schema, the library puts it into the prompt.
    native = client.profile.get("supports_json_schema_output", False)
    return ModelRequestParameters(
        output_mode="native" if native else "prompted", output_object=wanted
    )


# --- values ----------------------------------------------------------------------------


def _home_of(name: str, provider: str, base_url: str | None) -> str:
    home = base_url or _HOMES.get(provider)
    if home is None:
        raise UnknownNameError(
            f"{name!r} is of an unknown provider; known are {', '.join(_HOMES)} and local; for "
            f"another one that speaks the OpenAI protocol {_set(provider, 'BASE_URL')}"
        )
    return home


def _set(provider: str, what: Literal["API_KEY", "BASE_URL"]) -> str:
    if provider.isidentifier():
        return f"set LATM_{provider.upper()}_{what}"
    return f"set {provider!r} in the variable LATM_{what.removeprefix('API_')}S"


def _priced(usage: Usage, price: Price) -> Decimal:
    cached = price.input if price.cached_input is None else price.cached_input
    fresh = usage.input - usage.cached_input
    total = fresh * price.input + usage.cached_input * cached + usage.output * price.output
    return total / _MILLION


def _advice(status: int, provider: str) -> str:
    if status in (401, 403):
        return f"check the key and what it permits, {_set(provider, 'API_KEY')}"
    if status == 404:
        return f"check the model's name and the base URL, {_set(provider, 'BASE_URL')}"
    return "check the quota of the account" if status == 402 else "change the request"


def _told(body: object) -> str:
    for key in ("error", "message"):
        if isinstance(body, Mapping):
            # It was read from JSON, so the keys are texts.
            inner = cast("Mapping[str, object]", body)
            body = inner.get(key, inner)
    return str(body)
