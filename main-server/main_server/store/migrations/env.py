"""What Alembic runs for each command. The connection, and its transaction, come from main_server.store.migrate."""

from __future__ import annotations

from alembic import context

from main_server.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite can alter little in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
