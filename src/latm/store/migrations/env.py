"""Alembic's entry point: runs the pending migrations on the connection it is given.

A connection inside a transaction flows in by ``config.attributes``. Invariant: all pending
migrations are applied in that one transaction, or none.
"""

from __future__ import annotations

from alembic import context

from latm.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
