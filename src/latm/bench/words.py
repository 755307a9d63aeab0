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

_ONSETS = (
    "b br c ch cl d dr f fl g gr h j k l m n p pl qu r s sh sl st str t th tr v w wh z".split()
)
_VOWELS = "a ai e ea i o oa oo ou u y".split()
_CODAS = "b ck d ft g ll m mp n nd ng nt p r rd rm s ss st t tch x".split()
_ENDINGS = ["", "", "", "ed", "er", "ing", "ish", "ly", "ness", "s"]

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
    syllables = dice.choice((1, 1, 2, 2, 3))
    body = "".join(
        dice.choice(_ONSETS) + dice.choice(_VOWELS) + dice.choice(_CODAS) for _ in range(syllables)
    )
    return body + dice.choice(_ENDINGS)
