"""The search through the runtime: what costs nothing, what is mended, what is put together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from latm.bench import words
from latm.bench.families import Family, families
from latm.models.scripted import Script, ScriptedModel
from latm.runtime import MakeReport, opened
from latm.settings import load
from latm.types import Case, ChatRequest

MAKER = "scripted:model"
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kim", "Lou")


async def make(
    script: Script,
    cases: Sequence[Case],
    home: Path,
    max_tokens: int = 20_000,
    without: tuple[str, ...] = (),
) -> tuple[MakeReport, ScriptedModel]:
    model = ScriptedModel(script)
    loaded = load(home=home, maker=MAKER, max_tokens=max_tokens, without=without)
    async with opened(loaded, {MAKER: model}) as runtime:
        return await runtime.make("some-class", cases), model


async def answers(home: Path, questions: Sequence[str]) -> list[str | None]:
    async with opened(load(home=home, maker=MAKER), {MAKER: ScriptedModel([])}) as runtime:
        flow = await runtime.flow("some-class", rungs=("tool",))
        return [(await flow.answer(q, name="some-class", rungs=("tool",))).text for q in questions]


def orders(count: int = 60) -> list[Case]:
    return [
        Case(
            f"Turn into JSON: order {1000 + 7 * n} of {NAMES[n % 12]} comes to {n + 3} pieces",
            f'{{"customer": "{NAMES[n % 12].upper()}", "order": {1000 + 7 * n}}}',
        )
        for n in range(count)
    ]


async def test_answers_that_stand_in_the_question_need_no_model(home: Path) -> None:
    report, model = await make([], orders(), home)
    assert model.asked == []
    assert report.usage.total == 0
    assert report.tools[0].tool.provenance.strategy == "copies"
    (text,) = await answers(home, ["Turn into JSON: order 9 of Zoe comes to 4 pieces"])
    assert text == '{"customer": "ZOE", "order": 9}'


async def test_only_the_field_that_is_not_copied_is_asked_for(home: Path) -> None:
    cases = [
        Case(c.question, c.answer.replace("}", f', "total": {2 * (n + 3) + 1}}}'))
        for n, c in enumerate(orders())
    ]

    def write(request: ChatRequest) -> str:
        prompt = request.messages[-1].content
        assert "ADA" not in prompt
        name = prompt.partition("def compute(")[2].partition(")")[0]
        return f"def compute({name}):\n    return 2 * {name.split(', ')[-1]} + 1"

    report, model = await make(write, cases, home)
    assert len(model.asked) == 1
    (text,) = await answers(home, ["Turn into JSON: order 9 of Zoe comes to 4 pieces"])
    assert text == '{"customer": "ZOE", "order": 9, "total": 9}'
    assert report.tools[0].tool.provenance.strategy == "task"


def choices(count: int = 60) -> list[Case]:
    rows: list[Case] = []
    for n in range(count):
        options = [f"{n + k * (n % 5 + 2)} coins" for k in range(3)]
        place = n % 3
        listed = "\n".join(f"({'ABC'[i]}) {o}" for i, o in enumerate(options))
        half = int(options[place].split()[0])
        rows.append(Case(f"Half of {2 * half} is how much?\n{listed}", f"({'ABC'[place]})"))
    return rows


async def test_the_options_text_is_asked_for_and_its_letter_is_found_without_a_model(
    home: Path,
) -> None:
    def write(request: ChatRequest) -> str:
        prompt = request.messages[-1].content
        assert "'A'" not in prompt
        name = prompt.partition("def compute(")[2].partition(")")[0]
        return f"def compute({name}):\n    return {name} / 2"

    report, _ = await make(write, choices(), home)
    assert len(report.tools) == 1
    told = await answers(
        home,
        [
            "Half of 20 is how much?\n(A) 1 coins\n(B) 10 coins\n(C) 5 coins",
            "Half of 20 is how much?\n(A) 1 coins\n(B) 2 coins\n(C) 5 coins",
        ],
    )
    assert told == ["(B)", None]


def spans(count: int = 60) -> list[Case]:
    rows: list[Case] = []
    for n in range(count):
        start, length = 8 * 60 + 30 * (n % 11), 30 * (n % 4 + 1)
        end = start + length
        clock = [f"{m // 60:02d}:{m % 60:02d}" for m in (start, end)]
        rows.append(Case(f"When ends a {length / 60}-hour talk from {clock[0]} on?", clock[1]))
    return rows


async def test_times_of_the_day_are_hours_for_the_model_and_times_for_the_user(home: Path) -> None:
    def write(request: ChatRequest) -> str:
        prompt = request.messages[-1].content
        assert ":00'" not in prompt
        names = prompt.partition("def compute(")[2].partition(")")[0]
        return f"def compute({names}):\n    return {names.replace(', ', ' + ')}"

    report, _ = await make(write, spans(), home)
    assert len(report.tools) == 1
    assert await answers(home, ["When ends a 1.5-hour talk from 09:30 on?"]) == ["11:00"]


WORDS = sorted(set(words.word_list(random.Random(3), 60)))


def parity(count: int = 60) -> list[Case]:
    return [
        Case(f"Is {3 * n + 7} an even number of eggs?", "yes" if (3 * n + 7) % 2 == 0 else "no")
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("cases", "body", "question", "answer"),
    [
        (parity(), "{0} % 2 == 0", "Is 64 an even number of eggs?", "yes"),
        (
            [Case(f"Say {w} backwards", w[::-1]) for w in WORDS],
            "list(reversed({0}))",
            "Say abc backwards",
            "cba",
        ),
        (
            [Case(f"Add 2 to {n} pears", f"It makes {n + 2} pears") for n in range(60)],
            "f'It makes {{{0} + 2}} pears'",
            "Add 2 to 70 pears",
            "It makes 72 pears",
        ),
        (
            [Case(f"Half of {n} in whole pears, rounded up", str((n + 1) // 2)) for n in range(60)],
            "{0} / 2",
            "Half of 71 in whole pears, rounded up",
            "36",
        ),
    ],
)
async def test_a_right_value_in_a_wrong_form_is_mended_without_another_call(
    cases: Sequence[Case], body: str, question: str, answer: str, home: Path
) -> None:
    def write(request: ChatRequest) -> str:
        name = request.messages[-1].content.partition("def solve(")[2].partition(")")[0]
        return f"def solve({name}):\n    return {body.format(name)}"

    report, model = await make(write, cases, home)
    assert len(model.asked) == 1
    assert report.tools[0].tool.provenance.strategy == "task+adapters"
    assert await answers(home, [question]) == [answer]


async def test_a_table_that_forgets_a_pair_is_completed_from_the_items_seen(home: Path) -> None:
    pairs = {"a": "b", "c": "d", "e": "f", "g": "h"}
    marks = [*"aceg", *"bdfh"]
    rows: list[Case] = []
    for n in range(60):
        items = random.Random(n).choices(marks, k=9 + n % 4)
        wanted = [pairs.get(i, i) for i in items]
        rows.append(Case(f"Close all of these marks: {' '.join(items)}", " ".join(wanted)))

    def write(request: ChatRequest) -> str:
        name = request.messages[-1].content.partition("def solve(")[2].partition(")")[0]
        return (
            f"def solve({name}):\n    table = {{'a': 'b', 'c': 'd', 'e': 'f'}}\n"
            f"    return [table.get(i, i) for i in {name}]"
        )

    report, model = await make(write, rows, home)
    assert len(model.asked) == 1
    assert len(report.tools) == 1
    assert await answers(home, ["Close all of these marks: g g a"]) == ["h h b"]


async def test_a_candidate_that_misses_by_one_place_is_patched_without_another_call(
    home: Path,
) -> None:
    cases = [
        Case(f"Is {n} apples of {k} a full crate?", "yes" if n >= k else "no")
        for n in range(20, 40)
        for k in (24, n, 36)
    ]

    def write(request: ChatRequest) -> str:
        names = request.messages[-1].content.partition("def solve(")[2].partition(")")[0]
        return f"def solve({names}):\n    return 'yes' if {names.replace(', ', ' > ')} else 'no'"

    report, model = await make(write, sorted(set(cases), key=lambda c: c.question), home)
    assert len(model.asked) == 1
    assert report.tools[0].tool.provenance.strategy == "task+patches"


async def test_an_earlier_tool_of_the_same_kind_is_shown_as_an_example(home: Path) -> None:
    def write(request: ChatRequest) -> str:
        prompt = request.messages[-1].content
        name = prompt.partition("def solve(")[2].partition(")")[0]
        if "third" in prompt:
            known = "similar" in prompt and "* 2" in prompt
            return f"def solve({name}):\n    return {name} {'* 3' if known else '- 1'}"
        return f"def solve({name}):\n    return {name} * 2"

    model = ScriptedModel(write)
    doubled = [Case(f"What is {n} doubled, please?", str(2 * n)) for n in range(40, 80)]
    third = [Case(f"Of what is {n} the third part?", str(3 * n)) for n in range(40, 80)]
    async with opened(load(home=home, maker=MAKER), {MAKER: model}) as runtime:
        await runtime.make("doubled", doubled)
        report = await runtime.make("thirds", third)
    assert report.tools[0].tool.provenance.strategy == "similar"


def mixed(count: int = 60) -> list[Case]:
    return [
        Case(f"Read the length {n}cm aloud", f"{n} centimetres")
        if n % 2
        else Case(f"Read the length {n}-{n + 5} aloud", f"{n} to {n + 5}")
        for n in range(11, 11 + count)
    ]


async def test_candidates_that_each_serve_one_form_are_joined_by_what_tells_the_forms_apart(
    home: Path,
) -> None:
    sources = [
        "def solve(x):\n    return x.replace('cm', ' centimetres')",
        "def solve(x):\n    return x.replace('-', ' to ')",
    ]

    def write(request: ChatRequest) -> str:
        if "def solve(" not in request.messages[-1].content:
            return "no idea"
        return sources[len(seen) % 2] if not seen.append(None) else ""

    seen: list[None] = []
    report, _ = await make(write, mixed(), home)
    assert len(report.tools) >= 1
    told = await answers(home, ["Read the length 20cm aloud", "Read the length 20-25 aloud"])
    assert told == ["20 centimetres", "20 to 25"]


async def test_a_shape_reuses_the_solver_of_another_shape_of_its_class(home: Path) -> None:
    def say(n: int) -> str:
        return (
            f"What is twice {n}, please tell me?" if n % 2 else f"Kindly double the number {n} now"
        )

    cases = [Case(say(n), str(2 * n)) for n in range(100, 180)]

    def write(request: ChatRequest) -> str:
        name = request.messages[-1].content.partition("def solve(")[2].partition(")")[0]
        return f"def solve({name}):\n    return 2 * {name}"

    report, model = await make(write, cases, home)
    assert len(report.tools) == 2
    assert len(model.asked) == 1
    assert report.tools[1].tool.provenance.strategy == "known"


@pytest.mark.parametrize("family", families("untoolable")[::4], ids=lambda f: f.name)
async def test_what_is_not_computed_is_given_up_after_two_calls(family: Family, home: Path) -> None:
    cases = family.generate(1, 30)
    report, model = await make(
        lambda _: f"def solve(*a):\n    return '{len(_.messages)}'", cases, home
    )
    assert report.tools == ()
    assert len(model.asked) <= 2


async def test_a_part_that_is_switched_off_is_not_used(home: Path) -> None:
    report, model = await make(
        lambda _: "def solve(*a):\n    return None", orders(), home, 1500, ("copies",)
    )
    assert report.tools == ()
    assert model.asked
