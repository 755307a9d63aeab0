"""New questions of the word-sorting task, in the form of the shared cases.

A seed flows in, cases flow out. Invariants: the same seed gives the same cases on every
machine; no two cases of one call are equal; the answer is the words in code point order,
which is what the task's own answers follow.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from latm.types import Case, Origin

PREFIX = "Sort the following words alphabetically: List: "

_KNOWN = """
    acorn amber anchor apple arrow autumn bacon badge banjo barley basil beacon blossom bramble
    bronze cactus candle canyon cedar chalk cherry cinder clover cobalt copper coral cotton
    crystal daisy dawn desert dolphin ember falcon feather fern fiddle flint forest fossil
    garden ginger glacier granite harbor hazel heron honey indigo island ivory jasper kettle
    lantern lemon lichen linen maple marble meadow mellow midnight mosaic nectar nutmeg oak
    orchard otter pebble pepper pigeon plum prairie quartz quill raven ribbon river saffron
    sapphire shadow silver sparrow spruce summit thistle thunder timber tulip umber velvet
    violet walnut willow winter yarrow zephyr
""".split()
_ONSETS = "b br c ch cl d f fl g gr h j k l m n p pl r s sh sl st t tr v w z".split()
_VOWELS = "a e ea i o oo u".split()
_CODAS = ["", "", "ck", "d", "l", "m", "n", "nd", "r", "s", "t"]
_ENDINGS = ["", "", "ed", "er", "ing", "ly", "ness", "s"]

TRAPS = (
    *("it&t", "at&t", "r&d", "o'clock", "don't", "dont", "ma'am", "rock'n'roll", "o'brien"),
    *("a", "i", "ad", "adb", "be", "bee", "been", "the", "then", "thence", "zzz"),
    *("well-being", "wellbeing", "x-ray", "3d", "4th", "café", "naïve", "über"),
)
"""Words that break careless parsers and comparisons: marks, prefixes of each other, digits."""

_MAX_WORDS = 20


def cases(seed: int, count: int) -> Iterator[Case]:
    """New cases: 2 to 20 distinct words each, about one word in twelve a trap.

    Args:
        count: how many; made as they are asked for, only a digest of each is kept.
    """
    # Reproducible by seed and no secret: a cryptographic source would be wrong here.
    dice = random.Random(seed)
    seen: set[bytes] = set()
    while len(seen) < count:
        words = word_list(dice, dice.randint(2, _MAX_WORDS))
        question = PREFIX + " ".join(words)
        digest = hashlib.blake2b(question.encode(), digest_size=8).digest()
        if digest in seen:
            continue
        seen.add(digest)
        yield Case(question, " ".join(sorted(words)), Origin(f"words seed {seed}", len(seen)))


def word_list(dice: random.Random, length: int) -> list[str]:
    """Distinct words in random order."""
    words: dict[str, None] = {}
    while len(words) < length:
        words[dice.choice(TRAPS) if dice.random() < 1 / 12 else _word(dice)] = None
    return list(words)


def words_of(question: str) -> list[str]:
    """The words of a question in this form: what the bare function is called with."""
    return question.removeprefix(PREFIX).split()


def _word(dice: random.Random) -> str:
    """A known word, or one that nobody has met."""
    if dice.random() < 0.4:
        return dice.choice(_KNOWN)
    syllables = dice.choice((1, 2, 2))
    body = "".join(
        dice.choice(_ONSETS) + dice.choice(_VOWELS) + dice.choice(_CODAS) for _ in range(syllables)
    )
    return body + dice.choice(_ENDINGS)
