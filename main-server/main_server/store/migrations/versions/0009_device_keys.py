"""Keys that boards carry in their eFuse, and claims of boards that have to prove theirs.

Revision 0009, after 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Spelled out here, not taken from the models: a revision says what the tables were on its day.
_KEY = sa.String(32)
_NAME = sa.String(128)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "device_keys",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("serial_number", _NAME, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("device_id", _NAME, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("last_proven_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_keys")),
        sa.UniqueConstraint("serial_number", name=op.f("uq_device_keys_serial_number")),
    )
    op.create_index(op.f("ix_device_keys_device_id"), "device_keys", ["device_id"])
    with op.batch_alter_table("claims") as claims:
        claims.add_column(sa.Column("key_id", _KEY, nullable=True))
        claims.add_column(sa.Column("proven_at", _INSTANT, nullable=True))
        claims.add_column(sa.Column("proven_from", sa.String(64), server_default="", nullable=False))
        claims.add_column(sa.Column("told", sa.Boolean(), server_default=sa.true(), nullable=False))
        claims.create_index(claims.f("ix_claims_key_id"), ["key_id"])
        claims.create_foreign_key(
            claims.f("fk_claims_key_id_device_keys"), "device_keys", ["key_id"], ["id"], ondelete="CASCADE"
        )
