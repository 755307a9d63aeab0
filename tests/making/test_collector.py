"""Misses are grouped into classes: online, apart by fingerprint, within bounds."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latm.bench.families import family
from latm.induction import pieces
from latm.making.collector import LONGEST, Bounds, Collector, Known
from latm.making.filing import MOST_TOUCHED, keys_of, keys_of_template
from latm.making.gathering import Gathering
from latm.store import Store
from latm.store.observed import Born, Context, Grouping, Miss
from latm.templates import Matcher
from latm.types import Slot, Template

HERE, THERE = "a" * 64, "b" * 64


class Stream:
    """Questions go in; it keeps what each came to, as a store would."""

    def __init__(self, collector: Collector | None = None) -> None:
        self.collector = collector or Collector()
        self.asked: dict[int, str] = {}
        self.home: dict[int, str] = {}
        self.gone: set[int] = set()
        self.templates: dict[str, Template] = {}

    def ask(self, questions: Iterable[str], fingerprint: str = HERE) -> list[int]:
        numbers: list[int] = []
        for question in questions:
            numbers.append(len(self.asked) + 1)
            self.asked[numbers[-1]] = question
            miss = Miss(fingerprint, question, "", number=numbers[-1])
            self.settle(self.collector.take([miss]))
        return numbers

    def settle(self, grouping: Grouping) -> None:
        for born in grouping.born:
            assert born.name not in self.templates
            self.templates[born.name] = born.template
        self.templates.update(grouping.grown)
        for number, name in grouping.joined.items():
            assert number not in self.home
            assert name in self.templates
            self.home[number] = name
        assert not self.gone & set(grouping.gone)
        self.gone |= set(grouping.gone)
        for name in grouping.dropped:
            del self.templates[name]

    def homes(self, numbers: Iterable[int]) -> Counter[str | None]:
        return Counter(self.home.get(number) for number in numbers)

    @property
    def shown(self) -> set[str]:
        return {"".join(pieces(template)) for template in self.templates.values()}


def sums(first: int, count: int) -> list[str]:
    return [f"What is the sum of {n} and {n * 7 % 50}?" for n in range(first, first + count)]


def of_family(name: str, count: int = 24) -> list[str]:
    return [case.question for case in family(name).generate(5, count)]


ONE_OFFS = [
    "Who painted the ceiling of the Sistine Chapel?",
    "Explain recursion to a child.",
    "Write a limerick about rain.",
    "My cat refuses to eat, what now?",
    "Summarise the plot of Hamlet.",
    "Is it safe to eat raw eggs?",
    "Plan a weekend in Lisbon for two.",
    "What does 'ennui' mean?",
    "Compare Rust with Go for a web server.",
    "Draft an apology to a customer.",
    "Name three rivers in Asia.",
    "How do vaccines work?",
]


def test_questions_of_one_template_become_a_class() -> None:
    stream = Stream()
    numbers = stream.ask(sums(1, 20))
    (name,) = stream.templates
    assert stream.shown == {"What is the sum of {sum_} and {value}?"}
    assert stream.homes(numbers) == {name: 20}
    assert name.startswith("what-is-the-sum-of")


def test_questions_that_are_asked_once_make_no_class() -> None:
    stream = Stream()
    stream.ask(ONE_OFFS)
    assert stream.templates == {}
    assert stream.home == {}


FAMILIES = (
    "weekday-of-date",
    "add-vat",
    "split-bill",
    "roman-years",
    "iban-check",
    "access-log-to-json",
    "table-column-sum",
    "dedupe-tags",
    "camel-and-snake-case",
    "ticket-priority",
    "parking-fee",
    "count-words",
)


def test_many_classes_in_one_stream_are_told_apart() -> None:
    stream = Stream()
    questions = [(name, text) for name in FAMILIES for text in of_family(name)]
    questions += [("", text) for text in ONE_OFFS]
    random.Random(3).shuffle(questions)
    numbers = stream.ask(text for _, text in questions)
    owners = {number: name for number, (name, _) in zip(numbers, questions, strict=True)}
    mixed = {
        name: {owners[number] for number, of in stream.home.items() if of == name}
        for name in stream.templates
    }
    assert {name: owner for name, owner in mixed.items() if len(owner) > 1} == {}
    grouped = Counter(owners[number] for number in stream.home)
    assert {name: grouped[name] for name in FAMILIES if grouped[name] < 18} == {}
    assert grouped[""] == 0


def test_fingerprints_share_nothing() -> None:
    stream = Stream()
    for one, two in zip(sums(1, 5), sums(6, 5), strict=True):
        stream.ask([one], HERE)
        stream.ask([two], THERE)
    assert stream.templates == {}  # together they would have been enough
    mine, theirs = stream.ask(sums(20, 6), HERE), stream.ask(sums(30, 6), THERE)
    assert len(stream.templates) == 2
    assert not set(stream.homes(mine)) & set(stream.homes(theirs))


def test_a_class_grows_when_its_questions_turn_out_to_be_of_more_kinds() -> None:
    stream = Stream()
    whole = stream.ask(f"Convert {n} dollars to euros, please." for n in range(3, 15))
    (name,) = stream.templates
    parts = stream.ask(f"Convert {n}.{n % 10}5 dollars to euros, please." for n in range(3, 15))
    assert set(stream.templates) == {name}
    assert stream.homes([*whole, *parts]) == {name: 24}
    (slot,) = stream.templates[name].slots
    assert slot.kind == "decimal"


def test_two_directions_of_a_conversion_are_two_classes() -> None:
    stream = Stream()
    to_miles = [f"Convert {n} km to miles." for n in range(10, 30)]
    to_km = [f"Convert {n} miles to km." for n in range(10, 30)]
    one, two = stream.ask(to_miles), stream.ask(to_km)
    assert len(stream.templates) == 2
    assert not set(stream.homes(one)) & set(stream.homes(two))


def test_the_same_question_over_and_over_is_no_class() -> None:
    stream = Stream()
    stream.ask(["What are your opening hours today?"] * 200)
    assert stream.templates == {}
    assert stream.collector.size == (0, 1)
    assert len(stream.gone) == 200 - 64


def test_a_question_that_is_too_long_is_not_looked_at() -> None:
    stream = Stream()
    (number,) = stream.ask(["x " * LONGEST])
    assert stream.gone == {number}
    assert stream.collector.size == (0, 0)


def test_a_class_without_a_stable_form_gives_way_to_a_tighter_one() -> None:
    vague = [
        f"What is the {thing}?" for thing in ("capital of Peru", "best colour", "time in Rome")
    ]
    vague += [f"What is the {thing}?" for thing in ("oldest bridge", "tallest hill", "law of Ohm")]
    vague += [f"What is the {thing}?" for thing in ("meaning of life", "use of a comma")]
    stream = Stream()
    stream.ask(vague)
    (loose,) = stream.templates
    tight = [f"What is the square of the number {n}?" for n in range(10, 22)]
    assert set(stream.homes(stream.ask(tight[:2]))) == {loose}
    stream.collector.loosen(loose, loose=True)
    stream.ask(tight[2:])
    assert len(stream.templates) == 2
    (new,) = set(stream.templates) - {loose}
    assert stream.homes(stream.ask(["What is the square of the number 99?"])) == {new: 1}


# --- bounds ----------------------------------------------------------------------------


SMALL = Bounds(classes=5, waiting=40, each=16)
WORDS = ("red", "sum", "of", "the", "list", "7", "12", "is", "?", "it's", "x1", "Zürich", "0.5")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join),
        ),
        max_size=120,
    )
)
def test_memory_is_bounded_and_every_miss_has_one_fate(asked: list[tuple[str, str]]) -> None:
    stream = Stream(Collector(SMALL))
    for key, question in asked:
        stream.ask([question], key * 64)
        classes, waiting = stream.collector.size
        assert classes <= SMALL.classes
        assert waiting <= SMALL.waiting
    assert not stream.gone & set(stream.home)
    assert len(stream.templates) <= SMALL.classes


def test_what_was_not_seen_for_longest_makes_room() -> None:
    stream = Stream(Collector(Bounds(classes=2)))
    first, second, third = (
        [f"Please {verb} the number {n} for me." for n in range(10, 22)]
        for verb in ("double", "triple", "halve")
    )
    stream.ask(first)
    stream.ask(second)
    stream.ask(first[:1])
    stream.ask(third)
    assert stream.shown == {
        "Please double the number {number} for me.",
        "Please halve the number {number} for me.",
    }


def test_a_class_with_tools_does_not_make_room() -> None:
    first = Stream()
    first.ask(sums(1, 10))
    ((name, template),) = first.templates.items()
    known = Known(Born(name, HERE, template), tuple(sums(1, 3)), kept=True)
    stream = Stream(Collector(Bounds(classes=2), [known]))
    stream.templates[name] = template
    for verb in ("double", "triple", "halve"):
        stream.ask(f"Please {verb} the number {n} for me." for n in range(10, 22))
    assert name in stream.templates
    assert stream.homes(stream.ask(sums(30, 1))) == {name: 1}


def filler(count: int) -> list[Known]:
    """Classes of as many kinds of questions, alike but for three words."""
    words = [a + b + c for a in "bdfkl" for b in "aeiou" for c in "mnr"]
    slots = (Slot("one", "integer"), Slot("two", "integer"))
    found: list[Known] = []
    for n in range(count):
        first, second, third = n % 75, n // 75, (n * 7 + n // 75) % 75
        kind = f"{words[first]} {words[second]} {words[third]}"
        template = Template((f"What is the {kind} of ", " and ", "?"), slots)
        born = Born(kind.replace(" ", "-"), HERE, template)
        found.append(Known(born, tuple(f"What is the {kind} of {n} and 3?" for n in range(3))))
    return found


@pytest.mark.parametrize("kind", ["hits", "noise", "new"])
def test_what_a_miss_costs_does_not_grow_with_the_number_of_classes(kind: str) -> None:
    questions = {
        "hits": [f"What is the bar bam bur of {n} and 4?" for n in range(60)],
        "noise": [f"{text} ({n})" for n in range(5) for text in ONE_OFFS],
        "new": [f"What is the greatest common divisor of {n} and {n + 6}?" for n in range(60)],
    }[kind]

    def work(classes: int) -> tuple[int, int]:
        collector = Collector(Bounds(classes=5000), filler(classes))
        before = collector.work
        collector.take([Miss(HERE, text, "", number=n) for n, text in enumerate(questions, 1)])
        return collector.work[0] - before[0], collector.work[1] - before[1]

    few, many = work(500), work(5000)
    most = len(questions) * MOST_TOUCHED * max(len(keys_of(text)) for text in questions)
    assert many[0] <= min(most, 1.5 * few[0])
    assert many[1] <= few[1] + 3


# --- where to look ---------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["un", "it's ", " sum of ", "the ", "-", "th ", "'s "]), min_size=2),
    st.lists(st.sampled_from(["7", "do", "x y", "3.5", "Ann"]), min_size=8, max_size=8),
)
def test_a_template_is_found_by_every_question_that_it_matches(
    literals: list[str], values: Sequence[str]
) -> None:
    literals = literals[:9]
    slots = tuple(Slot(f"s{n}", "text") for n in range(len(literals) - 1))
    template = Template(tuple(literals), slots)
    question = "".join(
        a + b for a, b in itertools.zip_longest(literals, values[: len(slots)], fillvalue="")
    ).strip()
    if Matcher(template).texts(question) is not None:
        assert keys_of_template(template) <= keys_of(question)


# --- from the store, and back ----------------------------------------------------------


async def gathered(store: Store, holder: str) -> Gathering:
    gathering = Gathering(holder, Bounds(), 30, 100, lambda: 0.0)
    while await gathering.turn(store):
        pass
    return gathering


def recorded(questions: Iterable[str], fingerprint: str = HERE) -> list[Miss]:
    return [Miss(fingerprint, question, "7") for question in questions]


async def test_a_restart_goes_on_where_the_last_process_was_killed(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "latm.db") as store:
        observations = store.observations
        await observations.record(recorded(sums(1, 4)), [Context(HERE, "team", "gpt")])
        first = await gathered(store, "first")
        assert len(await observations.waiting(0, 10)) == 4  # too few for a class
        await first.end(store)

        await observations.record(recorded([*sums(5, 4), "Who are you?"]))
        second = await gathered(store, "second")
        (found,) = await observations.classes()
        assert (found.requests, found.cases) == (8, 8)
        assert [one.question for one in await observations.waiting(0, 10)] == ["Who are you?"]
        await second.end(store)

        await observations.record(recorded(sums(20, 3)))
        await gathered(store, "third")
        (found,) = await observations.classes()
        assert found.requests == 11


async def test_two_processes_find_the_classes_of_one(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "latm.db") as store:
        await store.observations.record(recorded(sums(1, 4)), [Context(HERE, "team", "gpt")])
        one = await gathered(store, "one")
        await store.observations.record(recorded(sums(5, 4)))
        await gathered(store, "two")  # has no lease, does nothing
        assert await store.observations.classes() == ()
        while await one.turn(store):
            pass
        (found,) = await store.observations.classes()
        assert found.requests == 8


async def test_a_forgotten_class_is_found_again_from_new_questions_only(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "latm.db") as store:
        await store.observations.record(recorded(sums(1, 8)), [Context(HERE, "team", "gpt")])
        gathering = await gathered(store, "one")
        (found,) = await store.observations.classes()
        await store.observations.forget(found.name)
        await store.observations.record(recorded(sums(20, 8)))
        while await gathering.turn(store):
            pass
        (again,) = await store.observations.classes()
        assert again.requests == 8
        kept = {one.question for one in await store.observations.kept(again.name)}
        assert kept == set(sums(20, 8))


async def test_old_questions_are_dropped_while_gathering(tmp_path: Path) -> None:
    day = 86_400.0
    async with await Store.open(tmp_path / "latm.db") as store:
        old = [Miss(HERE, text, "7", at="1970-01-01T00:00:00") for text in sums(1, 8)]
        await store.observations.record(old, [Context(HERE, "team", "gpt")])
        gathering = Gathering("one", Bounds(), 30, 100, lambda: 31 * day)
        while await gathering.turn(store):
            pass
        recorded_now = await store.observations.recorded()
        assert (recorded_now.waiting, recorded_now.kept) == (0, 0)
