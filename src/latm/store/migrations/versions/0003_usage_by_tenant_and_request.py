"""Usage by tenant and request: whose request a row belongs to, and which one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage", sa.Column("tenant", sa.String(48)))
    op.add_column("usage", sa.Column("request", sa.String(64)))


def downgrade() -> None:
    raise NotImplementedError("restore the backup instead: what was spent is never thrown away")
