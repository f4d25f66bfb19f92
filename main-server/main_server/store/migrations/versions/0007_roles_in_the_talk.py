"""What a role needs to be talked to: its second model, what it keeps; summaries, costs and sounds of what was said.

Revision 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEY = sa.String(32)
_CODE = sa.String(64)
_NAME = sa.String(128)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("roles") as roles:
        roles.add_column(sa.Column("second_model_id", _KEY, nullable=True))
        roles.add_column(sa.Column("greets", sa.Boolean(), server_default=sa.true(), nullable=False))
        roles.add_column(sa.Column("retention_days", sa.Integer(), server_default="0", nullable=False))
        roles.create_index(roles.f("ix_roles_second_model_id"), ["second_model_id"])
        roles.create_foreign_key(
            roles.f("fk_roles_second_model_id_providers"), "providers", ["second_model_id"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("devices") as devices:
        devices.add_column(sa.Column("keeps_utterances", sa.Boolean(), server_default=sa.true(), nullable=False))

    with op.batch_alter_table("conversations") as conversations:
        conversations.add_column(sa.Column("summary", sa.Text(), server_default="", nullable=False))
        conversations.add_column(sa.Column("summarised_turns", sa.Integer(), server_default="0", nullable=False))
        conversations.add_column(sa.Column("memory_due_at", _INSTANT, nullable=True))
        conversations.create_index(conversations.f("ix_conversations_memory_due_at"), ["memory_due_at"])

    with op.batch_alter_table("turns") as turns:
        turns.add_column(sa.Column("speaker_id", _KEY, nullable=True))
        turns.add_column(sa.Column("cost", sa.Double(), nullable=True))
        turns.add_column(sa.Column("currency", _CODE, server_default="", nullable=False))
        turns.add_column(sa.Column("audio_key", _NAME, server_default="", nullable=False))
        turns.create_index(turns.f("ix_turns_speaker_id"), ["speaker_id"])
        turns.create_foreign_key(
            turns.f("fk_turns_speaker_id_speakers"), "speakers", ["speaker_id"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("utterances") as utterances:
        utterances.add_column(sa.Column("kept_until", _INSTANT, nullable=True))
        utterances.create_index(utterances.f("ix_utterances_kept_until"), ["kept_until"])
