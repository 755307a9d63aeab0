"""The sets of tools are what they say, and the counts are those of the dispatcher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latm.bench import choosing, dispatch
from latm.bench.choosing import Choice
from latm.bench.families import Family
from latm.bench.families.family import cases_of
from latm.bench.toolsets import KINDS, item, pseudo_word, tool_of
from latm.cli.app import run as latm
from latm.templates import Matcher
from latm.using.dispatcher import Dispatcher, Hit, Miss

WITH_TEMPLATE = [kind for kind in KINDS if kind != "without"]
APART = [kind for kind in WITH_TEMPLATE if kind != "same"]


@pytest.mark.parametrize("kind", WITH_TEMPLATE)
def test_each_question_fits_the_template_beside_it(kind: str) -> None:
    for number in (0, 1, 17, 99, 100):
        made = item(kind, number, 100)
        assert made.template is not None
        assert Matcher(made.template).match(made.question) is not None


@pytest.mark.parametrize("kind", APART)
def test_each_question_gets_to_its_own_tool_and_one_without_a_tool_to_none(kind: str) -> None:
    dispatcher = Dispatcher(tool_of(n, item(kind, n, 400)) for n in range(400))
    for number in range(400):
        route = dispatcher.route(item(kind, number, 400).question)
        assert isinstance(route, Hit)
        assert route.name == f"tool-{number:05}"
        assert isinstance(dispatcher.route(item(kind, 400 + number, 400).question), Miss)


def test_pseudo_words_are_all_different_and_no_other_ones_beginning() -> None:
    words = {pseudo_word(n) for n in range(5000)}
    assert len(words) == 5000
    assert not any(word[:-1] in words for word in words)


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_is_timed_and_every_question_is_counted(kind: str) -> None:
    small, large = dispatch.run([kind], [20, 40], rounds=1, memory=False)
    assert (small.tools, large.tools) == (20, 40)
    for scale in (small, large):
        assert scale.questions == dispatch.QUESTIONS
        assert scale.right == (0 if kind == "same" else scale.questions)
        assert scale.false_hits == 0
        assert min(scale.hit_us, scale.hit_p90_us, scale.miss_us) > 0
        assert scale.index_mb is None


def test_the_table_has_a_ratio_to_the_smallest_set() -> None:
    scales = [
        dispatch.Scale("varied", 100, 100, 50.0, 60.0, 10.0, 100, 0, 0.01),
        dispatch.Scale("varied", 10_000, 100, 75.0, 90.0, 10.0, 99, 1, 1.0, 42.0, 154.0),
    ]
    assert dispatch.table(scales).splitlines()[-1] == (
        "| words of their own | 10,000 | 75.0 | 1.50 | 10.0 | 1.00 | 90 | 99 of 100 | 1 | 1.00 "
        "| 42 | 154 |"
    )


# --- choosing --------------------------------------------------------------------------


def family(name: str, form: str) -> Family:
    def generate(seed: int, count: int) -> tuple[choosing.Case, ...]:
        pairs = [(form.format(n * 7 + seed, n * 3 + 1), str(n)) for n in range(count)]
        return cases_of(name, seed, pairs)

    return Family(name, "everyday", generate)


SUM = family("sum", "What is the sum of {} and {}?")
PRODUCT = family("product", "Multiply {} by {}.")
CHANGE = family("change", "A customer pays {} dollars for goods of {} dollars. The change?")


def test_half_of_the_families_are_known_and_each_is_once() -> None:
    templates, *_ = choosing.run_half([SUM, PRODUCT, CHANGE])
    assert (templates.experiment, templates.stage, templates.handful) == ("half", "templates", 6)
    # 12 questions of 3 families, asked of two of them and then of the third.
    assert (templates.known, templates.unknown) == (36, 36)
    assert (templates.right, templates.false_hits, templates.wrong_tool) == (36, 0, 0)
    assert templates.accuracy == 1.0


def test_two_families_with_the_same_questions_are_misses_for_both() -> None:
    found = choosing.run_half([SUM, PRODUCT, family("twin", "What is the sum of {} and {}?")])
    templates = found[0]
    assert (templates.right, templates.false_misses, templates.false_hits) == (12, 24, 0)


def test_errors_of_three_kinds_are_told_apart() -> None:
    choice = Choice("known", "class", 6, 20, 10, 15, 2, 3, 1)
    assert choice.accuracy == pytest.approx(24 / 30)
    row = choosing.table([choice]).splitlines()[2]
    assert row.endswith("| 6 | 30 | 80.0 % | 1 of 10 | 2 of 20 | 3 of 20 |")


def test_the_papers_experiments_have_all_fifteen_splits(tmp_path: Path) -> None:
    forms = ["What is the sum of {} and {}?", "Multiply {} by {}.", "Sort {} and {}, please."]
    forms += ["Is {} more than {}?", "Divide: {} over {} is?", "Count from {} up to {} and stop"]
    for task, form in zip(choosing.paper(tmp_path), forms, strict=True):
        rows = [{"question": form.format(n, n + 5), "answer": str(n)} for n in range(60)]
        name = task.name.removeprefix("paper-").replace("-", "_")
        text = "\n".join(map(json.dumps, rows))
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    pick, known, *_ = choosing.run(tmp_path, [6], [1])
    assert (pick.experiment, pick.known, pick.unknown) == ("pick", 6 * 54, 0)
    assert (known.experiment, known.known, known.unknown) == ("known", 15 * 4 * 54, 15 * 2 * 54)
    assert (pick.accuracy, known.accuracy) == (1.0, 1.0)


# --- the command -----------------------------------------------------------------------


@pytest.mark.parametrize("words", ["--kinds nope", "--sizes 0", "--sizes x", "--rounds 0"])
def test_a_mistake_is_one_line_and_exit_code_2(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latm(["bench", "dispatch", *words.split()]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_command_writes_a_table_and_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latm.cli.bench.every_family", lambda: (SUM, PRODUCT))
    words = f"bench dispatch --out {tmp_path} --sizes 5 --kinds glued --rounds 1 --json"
    assert latm(words.split()) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [scale["tools"] for scale in printed["scales"]] == [5]
    assert [choice["stage"] for choice in printed["choices"]] == list(choosing.STAGES)
    rows = (tmp_path / "results.jsonl").read_text("utf-8").splitlines()
    assert len(rows) == 1 + len(choosing.STAGES)
    assert "no word that stands alone" in (tmp_path / "table.md").read_text("utf-8")
