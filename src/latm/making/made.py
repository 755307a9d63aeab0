"""What goes into the making of one shape, and what came out of the making of a class.

Plain values. Invariant: a tool in `Made` was accepted by the verifier, and its verdicts are
those of its held-out cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from latm.making.shape import Shape
from latm.types import Case, Tool, Verdict


@dataclass(frozen=True, slots=True)
class Work:
    """The cases of one shape; ``said`` is why it has no tool.

    Attributes:
        shape: None for cases that no template covers.
    """

    shape: Shape | None
    shown: Sequence[Case]
    held_out: Sequence[Case]
    said: str = ""


@dataclass(slots=True)
class Made:
    """What came of it; also with tools, ``reasons`` tells what is not covered and why.

    Attributes:
        verdicts: of each tool, on its held-out cases.
        warnings: what the cases leave open about the tools.
        held_out_uncovered: held-out questions that no template takes.
    """

    tools: list[Tool] = field(default_factory=list[Tool])
    verdicts: list[tuple[Verdict, ...]] = field(default_factory=list[tuple[Verdict, ...]])
    reasons: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    held_out_uncovered: int = 0
