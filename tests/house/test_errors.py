"""The error tree is written once and documented."""

from __future__ import annotations

import inspect
import re

import pytest

from latm import errors

from .tree import DOCS

PAGE = DOCS / "reference" / "errors.md"
CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, Exception) and cls.__module__ == errors.__name__
]


def drawn_tree() -> dict[str, str | None]:
    """Class → parent, read from the picture in the docstring of errors.py."""
    tree: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([\s│├└─]*)(\w+Error)\b", line)
        if not found:
            continue
        depth = len(found[1])
        while path and path[-1][0] >= depth:
            path.pop()
        tree[found[2]] = path[-1][1] if path else None
        path.append((depth, found[2]))
    return tree


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {c.__name__: None if c is errors.LatmError else c.__mro__[1].__name__ for c in CLASSES}
    assert drawn_tree() == real


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_every_error_is_documented_with_its_exit_code(error: type[errors.LatmError]) -> None:
    row = re.search(rf"^\|\s*`{error.__name__}`\s*\|\s*(\d)\s*\|", PAGE.read_text("utf-8"), re.M)
    assert row, f"docs/reference/errors.md has no row for {error.__name__}"
    assert int(row[1]) == error.exit_code


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_every_error_says_what_it_means(error: type[errors.LatmError]) -> None:
    assert (error.__doc__ or "").endswith(".")
