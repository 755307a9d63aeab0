"""Classes that no tool can serve: knowledge, opinions and creative lines.

The text of `untoolable.txt` flows in, families with a fixed stock flow out: a section a
class, ``?`` before each wording of its question, then ``subject = answer``. Invariant: no
answer is computable from its question.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from latm.bench.families.family import Family, stock

# Named here, so that listing the families reads no file.
CLASSES = {
    "knowledge": "book-author capital event-year painter film-director acronym french-word "
    "melting-point idiom plot",
    "opinion": "food city either-or film hobby",
    "creative": "slogan first-line metaphor cafe-name fortune-cookie",
}


def _section(name: str) -> Sequence[tuple[str, str]]:
    """Questions and answers of one class; its wordings take turns."""
    text = files("latm.bench.families").joinpath("untoolable.txt").read_text(encoding="utf-8")
    lines = text.partition(f"# {name}\n")[2].partition("\n# ")[0].splitlines()
    wordings = [line[2:] for line in lines if line.startswith("? ")]
    pairs = [line.split(" = ", 1) for line in lines if not line.startswith("? ")]
    return [
        (wordings[place % len(wordings)].format(subject), answer)
        for place, (subject, answer) in enumerate(pairs)
    ]


def _family(name: str) -> Family:
    return stock(name, "untoolable", lambda: _section(name))


UNTOOLABLE = tuple(
    _family(f"{kind}-{topic}") for kind, topics in CLASSES.items() for topic in topics.split()
)
