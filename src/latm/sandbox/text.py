"""Turn any text of a tool into one printable line.

Text of unknown origin flows in; a line without control, format, bidirectional, surrogate or
private characters flows out. Invariant: the result is printable, has at most `limit`
characters and no line break, so that it may stand in a log, a terminal or a header's value.
"""

from __future__ import annotations

_ELLIPSIS = "…"


def one_line(text: str, limit: int = 300) -> str:
    """Escape what is not printable and cut to ``limit`` characters.

    >>> one_line("bad\\n\\x1b[2J")
    'bad\\\\n\\\\x1b[2J'
    """
    # Cutting first bounds the work; an escape is at most ten characters long.
    head = text[: limit + 1]
    if not head.isprintable():
        head = "".join(c if c.isprintable() else _escape(c) for c in head)
    if len(head) > limit or len(text) > limit:
        head = head[: limit - 1] + _ELLIPSIS
    return head


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
