"""The tables, as the newest migration leaves them.

Nothing flows in; the repositories build their statements on these. Invariant: a database
migrated to `HEAD` has exactly these tables (tests compare the two), and money is an
integer of pico-dollars, which adds up exactly in every dialect.
"""

from __future__ import annotations

import sqlalchemy as sa

HEAD = "0004"
"""The migration that this code works with."""

metadata = sa.MetaData()

# SQLite numbers rows by itself only under the type name INTEGER.
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _number() -> sa.Column[int]:
    return sa.Column("number", _Number, primary_key=True, autoincrement=True)


tool = sa.Table(
    "tool",
    metadata,
    _number(),
    sa.Column("version", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(48), nullable=False),
    sa.Column("shape", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("added_at", sa.String(32), nullable=False),
    sa.Index("tool_by_name", "name", "shape"),
    sa.Index("tool_by_state", "state", "name", "shape"),
)

tool_event = sa.Table(
    "tool_event",
    metadata,
    _number(),
    sa.Column("version", sa.String(64), sa.ForeignKey("tool.version"), nullable=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("before", sa.String(16)),
    sa.Column("after", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Index("tool_event_by_version", "version"),
)

class_case = sa.Table(
    "class_case",
    metadata,
    _number(),
    sa.Column("name", sa.String(48), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("line", sa.Integer),
    sa.Column("at", sa.String(32), nullable=False),
    # 'shown' or 'held_out'; null as long as no making has dealt the case.
    sa.Column("side", sa.String(16)),
    sa.UniqueConstraint("name", "digest", name="class_case_once"),
)

comparison = sa.Table(
    "comparison",
    metadata,
    _number(),
    sa.Column("version", sa.String(64), sa.ForeignKey("tool.version"), nullable=False),
    sa.Column("case_digest", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("got", sa.Text),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Index("comparison_by_version", "version", "case_digest"),
)

usage = sa.Table(
    "usage",
    metadata,
    _number(),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("rung", sa.String(16)),
    sa.Column("name", sa.String(48)),
    sa.Column("version", sa.String(64)),
    sa.Column("model", sa.Text),
    sa.Column("job", sa.Text),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("cached_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_pico_usd", sa.BigInteger),
    sa.Column("avoided_pico_usd", sa.BigInteger),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("tenant", sa.String(48)),
    sa.Column("request", sa.String(64)),
    sa.Index("usage_by_name", "name", "purpose"),
    sa.Index("usage_by_job", "job"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("key", sa.String(96), primary_key=True),
    sa.Column("reply", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)

# What stands around the questions of classes; its key covers the tenant, so none share one.
request_context = sa.Table(
    "request_context",
    metadata,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(48), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("withheld", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.String(32), nullable=False),
)

# Misses that belong to no class yet; a class takes the rows of its questions out of here.
miss = sa.Table(
    "miss",
    metadata,
    _number(),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("cached_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_pico_usd", sa.BigInteger),
    sa.Column("at", sa.String(32), nullable=False),
    # A number is never given twice, though rows go: who reads on knows where it was.
    sqlite_autoincrement=True,
)

request_class = sa.Table(
    "request_class",
    metadata,
    _number(),
    sa.Column("name", sa.String(48), nullable=False, unique=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    # 'json', 'frame', 'value' or 'unstable'; null as long as too few answers are known.
    sa.Column("form_kind", sa.String(16)),
    sa.Column("form", sa.Text),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("cases", sa.BigInteger, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("cached_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_pico_usd", sa.BigInteger, nullable=False),
    sa.Column("unpriced", sa.BigInteger, nullable=False),
    sa.Column("first_at", sa.String(32), nullable=False),
    sa.Column("last_at", sa.String(32), nullable=False),
    sa.Index("request_class_by_fingerprint", "fingerprint"),
)

observation = sa.Table(
    "observation",
    metadata,
    _number(),
    sa.Column("class", sa.String(48), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    # How often the same question came, and how often with another answer.
    sa.Column("seen", sa.BigInteger, nullable=False),
    sa.Column("disputed", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.UniqueConstraint("class", "digest", name="observation_once"),
    sa.Index("observation_by_time", "at"),
)

# Who groups misses into classes: one process at a time, until the given time.
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("until", sa.String(32), nullable=False),
)
