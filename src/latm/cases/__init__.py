"""Cases in: JSONL, JSON, CSV and chat logs become questions with answers.

A file flows in, `Case`s with their origins flow out, or one `CasesError` that names the
line. Invariant: a reader is total: whatever the bytes, it yields cases or raises
`CasesError`; and a line beyond `LINE_LIMIT` is refused before it is held in memory.

Every object of a file has one of the pairs ``question``/``answer``, ``input``/``target``,
``prompt``/``completion``, or ``messages`` (last user turn, last assistant turn):

* JSON Lines: one object a line.
* JSON: a list of objects, or BIG-bench's ``{"examples": [{"input", "target" |
  "target_scores"}]}``.
* CSV (or TSV) with a header that holds one of the pairs.
"""

from __future__ import annotations

from latm.cases.forms import DOCUMENT_LIMIT, LINE_LIMIT
from latm.cases.reading import Asked, iter_questions, read_cases
from latm.cases.sifting import (
    LEAST_HELD_OUT,
    LEAST_SHOWN,
    MOST_SHOWN,
    CaseFile,
    Contradiction,
    Duplicate,
    Split,
    question_digest,
    require_enough,
    same_answer_text,
    sift,
    split,
)

__all__ = [
    "DOCUMENT_LIMIT",
    "LEAST_HELD_OUT",
    "LEAST_SHOWN",
    "LINE_LIMIT",
    "MOST_SHOWN",
    "Asked",
    "CaseFile",
    "Contradiction",
    "Duplicate",
    "Split",
    "iter_questions",
    "question_digest",
    "read_cases",
    "require_enough",
    "same_answer_text",
    "sift",
    "split",
]
