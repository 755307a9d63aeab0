"""Sides of cases: which of them an author of the class's tools was shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Older databases do not say what an author was shown. A case counts as held out only where
# the first comparisons of a version that was made, not carried over from another engine,
# say so; in doubt it was shown.
_DEAL = """
UPDATE class_case SET side = CASE WHEN EXISTS (
    SELECT 1 FROM comparison JOIN tool ON tool.version = comparison.version
    WHERE tool.name = class_case.name
      AND comparison.case_digest = class_case.digest
      AND comparison.source = 'held_out'
      AND tool.content NOT LIKE '%"parent":"%'
      AND comparison.at = (
          SELECT min(first.at) FROM comparison AS first WHERE first.version = tool.version
      )
) THEN 'held_out' ELSE 'shown' END
WHERE EXISTS (SELECT 1 FROM tool WHERE tool.name = class_case.name)
"""


def upgrade() -> None:
    op.add_column("class_case", sa.Column("side", sa.String(16)))
    op.execute(_DEAL)


def downgrade() -> None:
    raise NotImplementedError("restore the backup instead: who saw a case is never thrown away")
