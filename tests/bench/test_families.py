"""Families of questions: made by seed, without repetitions, with true answers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import getcontext, localcontext
from functools import cache
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from uuid import UUID

import pytest

from latm.bench.families import Family, families, family, gym
from latm.bench.families.family import drawn
from latm.bench.families.identifiers import ean_check, iban_holds, isbn13, luhn_holds, slug
from latm.bench.families.rules import grade, meets_policy, parking_fee, shipping
from latm.bench.families.units import roman
from latm.cases import question_digest
from latm.errors import CasesError, InputError, UnknownNameError
from latm.types import Case

COUNT = 40

needs_gym = pytest.mark.skipif(
    find_spec("reasoning_gym") is None, reason="needs the extra: install 'latm[bench]'"
)
FRESH = [
    pytest.param(f, marks=needs_gym if f.group == "gym" else ()) for f in families() if f.fresh
]
STOCKS = [f for f in families() if not f.fresh]


def by_name(value: object) -> str:
    return value.name if isinstance(value, Family) else str(value)


@cache
def drawn_once(name: str, seed: int) -> tuple[Case, ...]:
    return tuple(family(name).generate(seed, COUNT))


def questions(cases: Sequence[Case]) -> set[str]:
    return {case.question for case in cases}


# --- what holds for every family -------------------------------------------------------


def test_names_are_unique_and_can_name_a_tool(tmp_path: Path) -> None:
    names = [f.name for f in families(shared=tmp_path)]
    assert len(names) == len(set(names))
    assert [n for n in names if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,47}", n)] == []


def test_there_are_enough_families_of_every_group(tmp_path: Path) -> None:
    assert len(families("everyday")) >= 32
    assert len(families("gym")) >= 28
    assert len(families("untoolable")) == 20
    assert len(families("paper", shared=tmp_path)) == 6


def test_a_group_holds_its_own_families_only() -> None:
    assert {f.group for f in families("untoolable")} == {"untoolable"}


@pytest.mark.parametrize("fam", FRESH, ids=by_name)
def test_a_family_gives_as_many_different_questions_as_are_wanted(fam: Family) -> None:
    cases = drawn_once(fam.name, 1)
    assert len({question_digest(case.question) for case in cases}) == len(cases) == COUNT


@pytest.mark.parametrize("fam", FRESH, ids=by_name)
def test_the_same_seed_asks_the_same(fam: Family) -> None:
    assert tuple(fam.generate(1, COUNT)) == drawn_once(fam.name, 1)


@pytest.mark.parametrize("fam", FRESH, ids=by_name)
def test_another_seed_asks_mostly_something_else(fam: Family) -> None:
    first, second = (questions(drawn_once(fam.name, seed)) for seed in (1, 2))
    assert len(first & second) <= COUNT // 4


@pytest.mark.parametrize("fam", FRESH, ids=by_name)
def test_the_same_question_has_the_same_answer_under_every_seed(fam: Family) -> None:
    pairs = {(c.question, c.answer) for seed in (1, 2) for c in drawn_once(fam.name, seed)}
    assert len(pairs) == len({question for question, _ in pairs})


@pytest.mark.parametrize("fam", FRESH, ids=by_name)
def test_questions_and_answers_say_something_and_answers_differ(fam: Family) -> None:
    cases = drawn_once(fam.name, 1)
    assert [c for c in cases if not c.question.strip() or c.answer.strip() in ("", "None")] == []
    assert len({case.answer for case in cases}) > 1


@pytest.mark.parametrize("fam", STOCKS, ids=by_name)
def test_a_seed_decides_the_order_of_a_stock_and_nothing_else(fam: Family) -> None:
    first, again, second = (fam.generate(seed, 1_000) for seed in (1, 1, 2))
    assert first == again != second
    assert questions(first) == questions(second)
    assert len(questions(first)) == len(first) >= 25
    assert fam.generate(1, 10) == first[:10]


@pytest.mark.parametrize("fam", STOCKS, ids=by_name)
def test_a_class_that_no_tool_can_serve_hardly_repeats_an_answer(fam: Family) -> None:
    cases = fam.generate(1, 1_000)
    assert len({case.answer for case in cases}) >= len(cases) - 1
    assert [c for c in cases if not c.answer.strip() or "{" in c.question] == []


def test_a_family_that_is_used_up_says_how_many_questions_it_has() -> None:
    coin = drawn("coin", "everyday", lambda dice: (dice.choice(["Heads?", "Tails?"]), "perhaps"))
    assert len(coin.generate(1, 2)) == 2
    with pytest.raises(InputError, match="only 2 questions, not 3"):
        coin.generate(1, 3)


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(UnknownNameError, match="iban-check"):
        family("iban-chek")


def test_a_family_is_found_by_its_name() -> None:
    assert family("leap-year").name == "leap-year"


# --- the paper's tasks -----------------------------------------------------------------


def test_the_papers_tasks_are_left_out_without_their_folder() -> None:
    assert families("paper") == ()


def test_a_paper_task_is_read_from_the_folder_of_shared_cases(tmp_path: Path) -> None:
    rows = [{"question": f"Sort: b{n} a{n}", "answer": f"a{n} b{n}"} for n in range(9)]
    text = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "word_sorting.jsonl").write_text(text, encoding="utf-8")
    cases = family("paper-word-sorting", shared=tmp_path).generate(3, 9)
    assert {(c.question, c.answer) for c in cases} == {(r["question"], r["answer"]) for r in rows}


def test_a_paper_task_whose_file_is_missing_says_so_when_asked(tmp_path: Path) -> None:
    task = family("paper-dyck-languages", shared=tmp_path)
    with pytest.raises(CasesError, match="dyck_languages"):
        task.generate(1, 1)


def test_the_shared_tasks_hold_sixty_cases_each(shared: Path) -> None:
    tasks = families("paper", shared=shared / "data" / "latm")
    assert [len(questions(task.generate(1, 100))) for task in tasks] == [60] * 6


# --- reasoning-gym ---------------------------------------------------------------------


@needs_gym
@pytest.mark.parametrize("name", gym.NAMES)
def test_the_gyms_own_scorer_gives_the_gold_answer_full_marks(name: str) -> None:
    answers = {c.question: c.answer for c in drawn_once(f"gym-{name.replace('_', '-')}", 1)[:5]}
    items = gym.dataset(name, 1, 60)
    with localcontext():
        scores = [
            items.score_answer(answers[item["question"].strip()], item)
            for item in (items[index] for index in range(5))
            if item["question"].strip() in answers
        ]
    assert scores
    assert set(scores) == {1.0}


@needs_gym
def test_drawing_cases_leaves_the_precision_of_money_alone() -> None:
    before = getcontext().prec
    family("gym-decimal-arithmetic").generate(3, 5)
    assert getcontext().prec == before


def test_without_reasoning_gym_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(InputError, match=re.escape("latm[bench]")):
        family("gym-gcd").generate(1, 1)


# --- answers that are known otherwise --------------------------------------------------


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (iban_holds("DE89370400440532013000"), True),
        (iban_holds("GB82WEST12345698765432"), True),
        (iban_holds("DE89370400440532013001"), False),
        (luhn_holds("4111111111111111"), True),
        (luhn_holds("4111111111111112"), False),
        (isbn13("0306406152"), "9780306406157"),
        (isbn13("043942089X"), "9780439420891"),
        (ean_check("400638133393"), 1),
        (roman(1994), "MCMXCIV"),
        (roman(1888), "MDCCCLXXXVIII"),
        (slug("Don't Fear A/B Tests (and How to Fix It)"), "dont-fear-a-b-tests-and-how-to-fix-it"),
        (f"{parking_fee(60)} {parking_fee(61)} {parking_fee(1_000)}", "2.50 4.30 15.00"),
        (f"{shipping('EU', 2_000)} {shipping('EU', 2_010)}", "9.90 14.90"),
        ([grade(percent) for percent in (0, 59, 60, 79, 89, 90, 100)], list("FFDCBAA")),
        (meets_policy("Sunrise42!"), True),
        (meets_policy("sunrise42!"), False),
    ],
)
def test_the_rules_agree_with_published_examples(found: object, known: object) -> None:
    assert found == known


def zeller(day: date) -> str:
    """Zeller's congruence: the weekday by arithmetic alone."""
    month, year = (day.month, day.year) if day.month > 2 else (day.month + 12, day.year - 1)
    century, rest = divmod(year, 100)
    place = (day.day + 13 * (month + 1) // 5 + rest + rest // 4 + century // 4 + 5 * century) % 7
    return "Saturday Sunday Monday Tuesday Wednesday Thursday Friday".split()[place]


def weekday(question: str) -> str:
    return zeller(date.fromisoformat(question[24:34]))


def due(question: str) -> str:
    """Counts over a list of working days instead of stepping."""
    opened, days = re.findall(r"\d{4}-\d\d-\d\d|(?<=SLA is )\d+", question)[:2]
    after = (date.fromisoformat(opened) + timedelta(days=n) for n in range(1, 99))
    return [str(day) for day in after if zeller(day)[:1] != "S"][int(days) - 1]


def uptime(question: str) -> str:
    """The parts added up again give the seconds."""
    return re.findall(r"\d+", question)[0]


def seconds(answer: str) -> str:
    units = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    return str(sum(int(part[:-1]) * units[part[-1]] for part in answer.split()))


def leap(question: str) -> str:
    year = int(re.findall(r"\d{4}", question)[0])
    return "yes" if (date(year, 3, 1) - date(year, 2, 1)).days == 29 else "no"


def uuid(question: str) -> str:
    return str(UUID(question.split(": ", 1)[1]))


def units_sold(question: str) -> str:
    rows = takewhile(lambda line: line.startswith("|"), question.splitlines()[2:])
    return str(sum(int(row.split("|")[2]) for row in rows))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("weekday-of-date", weekday),
        ("add-business-days", due),
        ("leap-year", leap),
        ("normalise-uuid", uuid),
        ("table-column-sum", units_sold),
    ],
)
def test_answers_agree_with_another_way_to_compute_them(
    name: str, expected: Callable[[str], str]
) -> None:
    cases = drawn_once(name, 1)
    assert [case.answer for case in cases] == [expected(case.question) for case in cases]


def test_the_parts_of_an_uptime_add_up_to_its_seconds() -> None:
    cases = drawn_once("uptime-duration", 1)
    assert [seconds(case.answer) for case in cases] == [uptime(case.question) for case in cases]


def test_the_shares_of_a_bill_add_up_to_the_bill() -> None:
    for case in drawn_once("split-bill", 1):
        shares = [share.replace(".", "") for share in re.findall(r"\d+\.\d\d", case.answer)]
        bill = re.findall(r"\d+\.\d\d", case.question)[0].replace(".", "")
        assert sum(map(int, shares)) == int(bill)


@pytest.mark.parametrize("name", [f.name for f in families() if f.name.endswith("-to-json")])
def test_every_text_value_of_a_json_answer_stands_in_its_question(name: str) -> None:
    for case in drawn_once(name, 1):
        values = json.loads(case.answer).values()
        assert [v for v in values if isinstance(v, str) and v not in case.question] == []


def test_one_request_comes_in_several_wordings() -> None:
    heads = {case.question.split()[0] for case in drawn_once("age-on-date", 1)}
    assert len(heads) >= 4
