"""Every wall carries weight: with it a payload is held, without it the same payload is not.

Where two walls cover each other, the test takes the other away as well and says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from latm.sandbox import bwrap
from latm.sandbox.engines import open_engines
from latm.sandbox.jail import JailSandbox
from latm.sandbox.launcher import Launcher
from latm.sandbox.layers import ALL, Layer
from latm.settings import Settings
from latm.types import Json, Limits, Outcome, Program

from .box import Box, planted
from .corpus import OWN, payloads
from .test_corpus import argument_of, held

LIMITS = Limits(wall_seconds=0.7, cpu_seconds=0.5)


@dataclass(frozen=True, slots=True)
class Proof:
    """``payload`` is held with ``present``, and not with ``present`` less ``layer``."""

    layer: Layer
    payload: str
    present: frozenset[Layer] = ALL
    limits: Limits = LIMITS


PROOFS = (
    # Either of the two keeps files away; each is shown to do it alone.
    Proof(Layer.NAMESPACES, "reads_host_file", ALL - {Layer.LANDLOCK}),
    Proof(Layer.LANDLOCK, "reads_host_file", ALL - {Layer.NAMESPACES}),
    Proof(Layer.SECCOMP, "multiplies", limits=Limits(wall_seconds=5)),
    Proof(Layer.RLIMITS, "maps_much_memory", limits=Limits(wall_seconds=5, cpu_seconds=5)),
    Proof(Layer.ENVIRONMENT, "peeks_at_environment"),
    Proof(Layer.DESCRIPTORS, "peeks_at_descriptors"),
    Proof(Layer.WALL_CLOCK, "waits_past_the_deadline"),
    # The child refuses such a value too, but it is the tool's to tamper with; this one does.
    Proof(Layer.STRICT_REPLY, "forges_a_frame_with_nan"),
)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with planted(tmp_path / "box") as made:
        yield made


async def outcome_of(proof: Proof, layers: frozenset[Layer], box: Box) -> tuple[bool, Outcome]:
    payload = next(p for p in payloads(OWN / "hostile") if p.name == proof.payload)
    argument: Json = argument_of(payload, box)
    sandbox = await JailSandbox.open(1, layers)
    try:
        outcome = await sandbox.run(Program(payload.source, "solve"), [argument], proof.limits)
    finally:
        await sandbox.aclose()
    return held(payload, outcome), outcome


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.layer.value)
async def test_payload_turns_red_without_the_layer(proof: Proof, box: Box) -> None:
    green, seen = await outcome_of(proof, proof.present, box)
    assert green, f"with every wall it should be held: {seen}"
    green, seen = await outcome_of(proof, proof.present - {proof.layer}, box)
    assert not green, f"without {proof.layer.value} it should not be held: {seen}"


def test_every_layer_has_a_proof() -> None:
    assert {proof.layer for proof in PROOFS} == ALL


def test_no_setting_reaches_the_layers() -> None:
    assert "layers" not in inspect.signature(open_engines).parameters
    fields = Settings.model_fields
    assert not [name for name in fields if "layer" in name or "unsafe" in name]


# --- the walls around the interpreter of `monty` ---------------------------------------
# The interpreter holds everything by itself, so no payload can turn red for them; another
# program takes its place and does what an interpreter taken over would do.


@pytest.mark.parametrize("walls", [("bwrap",), ("landlock",)], ids=lambda walls: walls[0])
def test_worker_behind_a_wall_cannot_read_host_files(walls: tuple[str, ...]) -> None:
    assert reads_passwd(())
    assert not reads_passwd(walls)


def reads_passwd(walls: tuple[str, ...]) -> bool:
    launcher = Launcher("/bin/cat", walls)
    try:
        assert launcher.works(("--version",))
        return launcher.works(("/etc/passwd",))
    finally:
        launcher.close()


def test_worker_behind_seccomp_cannot_open_a_socket() -> None:
    assert opens_socket(("landlock",))
    assert not opens_socket(("landlock", "seccomp"))


def opens_socket(walls: tuple[str, ...]) -> bool:
    launcher = Launcher(str(bwrap.interpreter()), walls)
    try:
        assert launcher.works(("-I", "-S", "-c", "1"))
        return launcher.works(("-I", "-S", "-c", "import _socket; _socket.socket()"))
    finally:
        launcher.close()
