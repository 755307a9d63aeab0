"""The dispatcher finds the one class that serves, and nothing else."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.errors import UnknownNameError
from latm.identity import version_of
from latm.templates import Matcher
from latm.types import Slot, SlotKind, Template
from latm.using.dispatcher import Dispatcher, Hit, Miss, fixed

from .building import REVERSE, WORDS, tool


def names(route: Hit | Miss) -> str | None:
    return route.name if isinstance(route, Hit) else None


def test_a_question_goes_to_the_class_whose_template_matches() -> None:
    dispatcher = Dispatcher([tool(), tool("reversing", REVERSE), tool("free", None)])
    assert names(dispatcher.route("Sort the words: b a")) == "sorting"
    assert names(dispatcher.route("  Reverse the words: b a please\n")) == "reversing"


@pytest.mark.parametrize(
    "question", ["", "b a", "Sort the words:", "sort the words: b a", "Please Sort the words: b a"]
)
def test_a_question_that_no_template_matches_is_a_miss(question: str) -> None:
    assert Dispatcher([tool()]).route(question) == Miss("no template matches")


def test_two_classes_that_match_are_a_miss_that_names_them() -> None:
    looser = Template(("Sort the ", ""), (Slot("rest", "text"),))
    route = Dispatcher([tool(), tool("anything", looser)]).route("Sort the words: b a")
    assert route == Miss("ambiguous: the templates of anything, sorting match", ambiguous=True)


def test_two_shapes_of_one_class_that_match_are_a_hit_in_the_order_of_shapes() -> None:
    looser = Template(("Sort the ", ""), (Slot("rest", "text"),))
    route = Dispatcher([tool(shape=1), tool(template=looser)]).route("Sort the words: b a")
    assert isinstance(route, Hit)
    assert [s.tool.shape for s in route.tools] == [0, 1]


def test_a_template_without_any_slot_matches_its_text() -> None:
    dispatcher = Dispatcher([tool(template=Template(("What time is it?",), ()))])
    assert names(dispatcher.route("What time is it?")) == "sorting"


def test_a_named_class_gives_its_matching_tools_first_and_else_all() -> None:
    one, two = tool(), tool(shape=1, template=REVERSE)
    dispatcher = Dispatcher([two, one])
    assert [s.tool for s in dispatcher.within("sorting", "Sort the words: a").tools] == [one]
    assert [s.tool for s in dispatcher.within("sorting", "Sort these: a").tools] == [one, two]


def test_an_unknown_class_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownNameError, match="'nope'"):
        Dispatcher([tool()]).within("nope", "Sort the words: a")


def test_a_served_tool_knows_its_version() -> None:
    served = Dispatcher([tool()]).classes["sorting"][0]
    assert served.version == version_of(served.tool)


def test_a_word_at_the_edge_of_a_slot_is_not_fixed() -> None:
    glued = Template(("List the x", "y of z", "ms ago"), (WORDS, Slot("n", "integer")))
    assert fixed(glued) == {"List", "the", "List the", "of", "ago"}


KINDS: tuple[SlotKind, ...] = ("integer", "decimal", "word", "text")
LITERALS = st.sampled_from(
    [" ", "a", " a ", "b: ", " to ", "1 ", ".", "a.b ", " of a", "É ", "\n", "to", "_ ", "?"]
)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    inner = draw(st.lists(LITERALS, max_size=2))
    ends = st.one_of(st.just(""), LITERALS)
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=len(inner) + 1, max_size=len(inner) + 1))
    slots = tuple(Slot(f"s{n}", kind) for n, kind in enumerate(kinds))
    return Template((draw(ends), *inner, draw(ends)), slots)


@given(
    st.lists(st.tuples(st.sampled_from("kmn"), templates()), max_size=8),
    st.data(),
)
def test_the_route_is_that_of_a_loop_over_all_matchers(
    classes: list[tuple[str, Template]], data: st.DataObject
) -> None:
    tools = [tool(name, template, shape=n) for n, (name, template) in enumerate(classes)]
    pieces = [literal for _, t in classes for literal in t.literals] + ["7", "1.5", "x", "a b", " "]
    question = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=7)))
    found = [t for t in tools if t.template and Matcher(t.template).match(question) is not None]
    expected = found[0].name if len({t.name for t in found}) == 1 else None
    route = Dispatcher(tools).route(question)
    assert names(route) == expected
    if isinstance(route, Hit):
        assert [s.tool for s in route.tools] == found


NUMBER = Slot("n", "integer")
TEXT = Slot("text", "text")
UNITS = ["".join(pair) for pair in product("abcdefghij", repeat=2)]
MARKS = ["".join(pair) for pair in product(".,;:!?()[]", repeat=3)]

# Of each set one question, and the only template that could match it.
ALIKE: dict[str, tuple[list[Template], str, Template]] = {
    "a shared beginning and end": (
        [Template((f"Task number {n} is this: ", " ."), (WORDS,)) for n in range(1000)],
        "Task number 77 is this: b a .",
        Template(("Task number 77 is this: ", " ."), (WORDS,)),
    ),
    "two words out of a hundred each": (
        [
            Template(("Convert ", f" from {a} into {b}"), (NUMBER,))
            for a, b in product(UNITS[:32], repeat=2)
        ],
        "Convert 12 from ac into af",
        Template(("Convert ", " from ac into af"), (NUMBER,)),
    ),
    "the same words in other orders": (
        [
            Template((" ".join(order[:3]) + " ", " " + " ".join(order[3:])), (WORDS,))
            for order in permutations("give take the that of to".split())
        ],
        "take give of x y the to that",
        Template(("take give of ", " the to that"), (WORDS,)),
    ),
    "the same words with other marks": (
        [Template(("Total of ", f"{marks} apples"), (NUMBER,)) for marks in MARKS],
        "Total of 12.,! apples",
        Template(("Total of ", ".,! apples"), (NUMBER,)),
    ),
    "no word that stands alone": (
        [Template(("", unit), (NUMBER,)) for unit in UNITS],
        "12af",
        Template(("", "af"), (NUMBER,)),
    ),
}


@pytest.mark.parametrize("name", ALIKE)
def test_of_many_templates_that_are_alike_only_the_one_is_asked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates, question, expected = ALIKE[name]
    asked: list[Template] = []
    texts = Matcher.texts

    def counted(self: Matcher, text: str) -> tuple[str, ...] | None:
        asked.append(self.template)
        return texts(self, text)

    monkeypatch.setattr(Matcher, "texts", counted)
    dispatcher = Dispatcher(tool(f"t{n}", template) for n, template in enumerate(templates))
    assert names(dispatcher.route(question)) == f"t{templates.index(expected)}"
    assert asked == [expected]


def test_a_template_of_many_classes_is_asked_once_and_is_ambiguous(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    texts = Matcher.texts

    def counted(self: Matcher, text: str) -> tuple[str, ...] | None:
        asked.append(text)
        return texts(self, text)

    monkeypatch.setattr(Matcher, "texts", counted)
    anything = Template(("", ""), (TEXT,))
    dispatcher = Dispatcher(tool(f"t{n:03}", anything) for n in range(1000))
    route = dispatcher.route("what is this")
    assert isinstance(route, Miss)
    assert route.ambiguous
    assert route.reason == "ambiguous: the templates of t000, t001, t002, t003 match"
    assert asked == ["what is this"]
