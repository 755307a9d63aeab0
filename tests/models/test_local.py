"""The embedded model: a child process that can crash, be refused and be closed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from latm.errors import ModelFileError, ModelRefusedError, ModelUnavailableError
from latm.models.catalog import CATALOG
from latm.models.conformance import CHECKS
from latm.models.grammar import enforceable, fits
from latm.models.local import LocalModel
from latm.types import ChatRequest, Json, Message

PERSON = json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)


def asked(text: str, **options: object) -> ChatRequest:
    return ChatRequest((Message("user", text),), **options)  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def light(models_dir: Path) -> AsyncIterator[LocalModel]:
    small = next(m for m in CATALOG if "0.5b" in m.name)
    model = LocalModel(f"local:{small.name}", models_dir / small.file, slots=2)
    yield model
    await model.aclose()
    await model.aclose()


@pytest.mark.model
@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.xdist_group("model")
class TestEmbedded:
    async def test_a_reply_counts_its_tokens_and_costs_nothing(self, light: LocalModel) -> None:
        reply = await light.chat(asked("Say hello.", max_tokens=4))
        assert reply.text
        assert reply.usage.input > 0
        assert 0 < reply.usage.output <= 4
        assert (reply.cost_usd, reply.price_source) == (0, "local")
        assert reply.finish == "length"

    async def test_replies_to_concurrent_requests_fit_their_schema_and_question(
        self, light: LocalModel
    ) -> None:
        texts = [f"Give JSON for the person Ann{n}, aged {40 + n}." for n in range(4)]
        requests = [asked(text, max_tokens=60, schema=PERSON) for text in texts]
        replies = await asyncio.gather(*(light.chat(r) for r in requests))
        assert [json.loads(r.text)["age"] for r in replies] == [40, 41, 42, 43]

    async def test_a_request_beyond_the_context_is_refused_in_one_line(
        self, light: LocalModel
    ) -> None:
        with pytest.raises(ModelRefusedError) as caught:
            await light.chat(asked("again " * 20_000))
        assert "\n" not in str(caught.value)

    async def test_a_crash_of_the_child_costs_nothing_but_a_new_start(
        self, light: LocalModel
    ) -> None:
        await light.chat(asked("Say hello.", max_tokens=2))
        child = light._child  # pyright: ignore[reportPrivateUsage]
        assert child is not None
        os.kill(child.process.pid, signal.SIGSEGV)
        await child.process.wait()
        assert (await light.chat(asked("Say hello.", max_tokens=2))).text

    async def test_the_adapter_conforms(self, light: LocalModel) -> None:
        for check in CHECKS:
            await check(light)

    async def test_class_escapes_of_a_pattern_are_enforced(self, light: LocalModel) -> None:
        schema = json.dumps({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"})
        reply = await light.chat(asked("Today is 2024-3-3. Which day is it?", schema=schema))
        assert fits(reply.text, schema)

    async def test_the_same_prompt_again_is_read_from_the_cache(self, light: LocalModel) -> None:
        request = asked("Name the seven days of the week.", max_tokens=1)
        await light.chat(request)
        again = (await light.chat(request)).usage
        assert again.cached_input >= again.input - 1

    async def test_chats_that_see_one_crash_share_one_new_start(self, light: LocalModel) -> None:
        chats = [light.chat(asked(f"Count to {n}.", max_tokens=40)) for n in (20, 30)]
        running = asyncio.gather(*chats)
        child = await _child_of(light)
        child.kill()
        assert all(reply.text for reply in await running)
        assert (await _child_of(light)).returncode is None

    async def test_the_child_is_given_no_key_in_its_arguments_nor_environment(
        self, light: LocalModel
    ) -> None:
        await light.chat(asked("Say hello.", max_tokens=1))
        arguments, environment = _public(await _child_of(light))
        assert light._key.encode() not in arguments  # pyright: ignore[reportPrivateUsage]
        names = {entry.split(b"=")[0] for entry in environment.split(b"\0")}
        assert names == {b"OMP_WAIT_POLICY", b"LC_ALL", b"PYTHONPATH", b""}


async def _child_of(model: LocalModel) -> asyncio.subprocess.Process:
    return (await model._running()).process  # pyright: ignore[reportPrivateUsage]


def _public(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    folder = Path(f"/proc/{process.pid}")
    if not folder.is_dir():
        pytest.skip("no /proc here")
    return (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()


async def test_a_missing_file_is_an_error_that_tells_how_to_fetch_it(tmp_path: Path) -> None:
    model = LocalModel("local:qwen2.5-coder-0.5b", tmp_path / "absent.gguf")
    with pytest.raises(ModelFileError, match="latm models fetch"):
        await model.chat(asked("Hello"))
    await model.aclose()


@pytest.mark.timeout(60)
async def test_a_damaged_file_is_an_error_and_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    model = LocalModel("local:damaged", path)
    with pytest.raises(ModelUnavailableError, match="latm models verify"):
        await model.chat(asked("Hello"))
    await model.aclose()


async def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "latm.models.llama_server"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await child.communicate(json.dumps({"parent": 0}).encode() + b"\n")
    assert (child.returncode, said) == (0, b"")


def test_class_escapes_are_spelled_out_because_the_grammar_ignores_them() -> None:
    schema: Json = {"type": "string", "pattern": r"^\d{4}-\d{2}$"}
    assert enforceable(schema) == {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}


@pytest.mark.parametrize(
    ("pattern", "spelled"),
    [
        (r"[\d.]+", "[0-9.]+"),
        (r"\\d", r"\\d"),
        (r"\[\d\]", r"\[[0-9]\]"),
        (r"\w\s", "[A-Za-z0-9_][ ]"),
    ],
)
def test_class_escapes_are_spelled_out_inside_sets_too(pattern: str, spelled: str) -> None:
    assert enforceable({"type": "string", "pattern": pattern}) == {
        "type": "string",
        "pattern": spelled,
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "Ann"}', '{"name": "Ann", "age": "4"}'])
def test_a_text_that_does_not_fit_its_schema_is_found_out(text: str) -> None:
    assert not fits(text, PERSON)
    assert fits('{"name": "Ann", "age": 4}', PERSON)
    assert fits(text, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


@given(json_values)
def test_rewriting_a_schema_is_total_and_settles(schema: object) -> None:
    once = enforceable(schema)  # type: ignore[arg-type]
    assert enforceable(once) == once
