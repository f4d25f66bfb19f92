"""An index for the memories of one role: an account with a hundred thousand of them waited 0.4 s for a page.

Revision 0010, after 0009.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = ["account_id", "role_id", "updated_at", "id"]
    op.create_index(op.f("ix_memories_account_id_role_id_updated_at_id"), "memories", columns)
