"""More of a turn's timings: the draft it adopted, the filler said meanwhile, the moment it was told to stop.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("turns") as turns:
        for timing in ("draft_lead_ms", "filler_ms", "stop_heard_ms"):
            turns.add_column(sa.Column(timing, sa.Double(), nullable=True))
