"""Sound of talks: the keys of its files, and those that are to be erased.

Revision 0008, after 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_NAMES_A_FILE = sa.text("audio_key <> ''")


def upgrade() -> None:
    op.create_table(
        "audio_erasures",
        sa.Column("audio_key", sa.String(128), nullable=False),
        sa.Column("noted_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("audio_key", name=op.f("pk_audio_erasures")),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
    )
    for table in ("turns", "utterances"):
        op.create_index(
            op.f(f"ix_{table}_audio_key"),
            table,
            ["audio_key"],
            sqlite_where=_NAMES_A_FILE,
            postgresql_where=_NAMES_A_FILE,
        )
