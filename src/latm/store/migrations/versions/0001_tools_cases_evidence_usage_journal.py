"""First tables: tools and their events, cases, comparisons, usage, journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _tools()
    _cases_and_comparisons()
    _usage_and_journal()
    if op.get_context().dialect.name == "sqlite":
        _protect_on_sqlite()


def _tools() -> None:
    op.create_table(
        "tool",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("version", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(48), nullable=False),
        sa.Column("shape", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("added_at", sa.String(32), nullable=False),
    )
    op.create_index("tool_by_name", "tool", ["name", "shape"])
    op.create_index("tool_by_state", "tool", ["state", "name", "shape"])
    op.create_table(
        "tool_event",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("version", sa.String(64), sa.ForeignKey("tool.version"), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("tool_event_by_version", "tool_event", ["version"])


def _cases_and_comparisons() -> None:
    op.create_table(
        "class_case",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(48), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("line", sa.Integer),
        sa.Column("at", sa.String(32), nullable=False),
        sa.UniqueConstraint("name", "digest", name="class_case_once"),
    )
    op.create_table(
        "comparison",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("version", sa.String(64), sa.ForeignKey("tool.version"), nullable=False),
        sa.Column("case_digest", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("got", sa.Text),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("comparison_by_version", "comparison", ["version", "case_digest"])


def _usage_and_journal() -> None:
    op.create_table(
        "usage",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
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
    )
    op.create_index("usage_by_name", "usage", ["name", "purpose"])
    op.create_index("usage_by_job", "usage", ["job"])
    op.create_table(
        "journal",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("key", sa.String(96), primary_key=True),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )


def _protect_on_sqlite() -> None:
    """Let the database itself refuse to rewrite what is on record."""
    for table in ("tool_event", "comparison"):
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    op.execute(
        "CREATE TRIGGER tool_content_fixed "
        "BEFORE UPDATE OF number, version, name, shape, content, added_at ON tool "
        "BEGIN SELECT RAISE(ABORT, 'a tool''s content is fixed'); END"
    )
    # 'latm' in ASCII: lets us, and file(1), tell our databases from those of others.
    op.execute("PRAGMA application_id = 1818326125")


def downgrade() -> None:
    raise NotImplementedError("restore the backup instead: events are never thrown away")
