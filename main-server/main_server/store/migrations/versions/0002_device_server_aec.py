"""Whether a device leaves echo cancellation to the server: decides the framing it is configured with at its next boot.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("devices") as devices:
        devices.add_column(sa.Column("server_aec", sa.Boolean(), nullable=True))
