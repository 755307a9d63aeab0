"""Families of reasoning-gym whose answer is computable from the text of the question.

A seed and a count flow in, cases flow out. Invariants: one gold answer each, in the form
that the question asks for, so that an exact comparison is fair; easy and hard ones alike,
chosen before any of them was tried; the package is imported when cases are asked for.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from decimal import localcontext
from typing import TYPE_CHECKING

from latm.bench.families.family import Family, cases_of, too_few
from latm.errors import InputError
from latm.types import Case

if TYPE_CHECKING:
    from reasoning_gym.dataset import ProceduralDataset

NAMES = """
    base_conversion basic_arithmetic binary_alternation binary_matrix bitwise_arithmetic
    caesar_cipher calendar_arithmetic chain_sum complex_arithmetic count_bits count_primes
    course_schedule decimal_arithmetic decimal_chain_sum dice fraction_simplification
    game_of_life gcd largest_island lcm leg_counting letter_counting manipulate_matrix maze
    number_filtering number_format number_sorting products rotate_matrix rotten_oranges
    self_reference simple_equations simple_geometry spell_backward spiral_matrix
    string_insertion string_manipulation string_splitting string_synthesis syllogism
    time_intervals word_sequence_reversal word_sorting
""".split()
"""Left out for their sort: answers in any order, in several forms or by a scorer alone; and
isomorphic_strings and ransom_note, whose items differ from process to process."""

# As they come, these have no more than a few hundred questions.
_OPTIONS = {
    "string_splitting": {"max_initial_machines": 20},
    "string_synthesis": {"max_initial_blocks": 20},
}
_REPEATS = 3
"""How many items are drawn for each one wanted before a family counts as used up."""


def dataset(name: str, seed: int, size: int) -> ProceduralDataset:
    """The data set of that name in reasoning-gym; its item i depends on the seed and i.

    Raises:
        InputError: the package is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Its dependencies compare with `is` and warn when they are compiled.
            warnings.simplefilter("ignore", SyntaxWarning)
            import reasoning_gym  # noqa: PLC0415 - an extra, and it takes seconds
    except ImportError as error:
        raise InputError(f"{name!r} needs reasoning-gym: install 'latm[bench]'") from error
    # Item i of seed s is item 0 of seed s + i: neighbouring seeds would share their items.
    start = random.Random(f"{name} {seed}").randrange(2**31)
    options = _OPTIONS.get(name, {})
    return reasoning_gym.create_dataset(name, seed=start, size=size, **options)  # pyright: ignore[reportUnknownMemberType] - its options are untyped


def _family(name: str) -> Family:
    title = f"gym-{name.replace('_', '-')}"

    def generate(seed: int, count: int) -> Sequence[Case]:
        items = dataset(name, seed, _REPEATS * count + 100)
        answers: dict[str, str] = {}
        # Some families set the precision of decimals for the whole thread.
        with localcontext():
            for index in range(len(items)):
                if len(answers) == count:
                    return cases_of(title, seed, answers.items())
                item = items[index]
                answers.setdefault(item["question"].strip(), item["answer"])
        raise too_few(title, len(answers), count)

    return Family(title, "gym", generate)


GYM = tuple(_family(name) for name in NAMES)
