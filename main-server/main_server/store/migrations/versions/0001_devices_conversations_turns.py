"""Devices, conversations and turns.

Revision 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Spelled out here, not taken from the models: a revision says what the tables were on its day.
_INSTANT = sa.DateTime(timezone=True)
_CODE = sa.String(64)
_NAME = sa.String(128)


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("device_id", _NAME, nullable=False),
        sa.Column("client_id", _NAME, nullable=False),
        sa.Column("board", _NAME, nullable=False),
        sa.Column("chip", _NAME, nullable=False),
        sa.Column("firmware", _NAME, nullable=False),
        sa.Column("language", _CODE, nullable=False),
        sa.Column("first_seen_at", _INSTANT, nullable=False),
        sa.Column("last_seen_at", _INSTANT, nullable=False),
        sa.Column("last_talk_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("device_id", name=op.f("uq_devices_device_id")),
    )
    op.create_index(op.f("ix_devices_last_seen_at"), "devices", ["last_seen_at"])
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("device_key", sa.String(32), nullable=False),
        sa.Column("session_id", _NAME, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("closed_reason", _CODE, nullable=False),
        sa.Column("turn_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("session_id", name=op.f("uq_conversations_session_id")),
        sa.ForeignKeyConstraint(
            ["device_key"], ["devices.id"], name=op.f("fk_conversations_device_key_devices"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_conversations_device_key_started_at"), "conversations", ["device_key", "started_at"])
    op.create_table(
        "turns",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("turn_id", _NAME, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("trigger", _CODE, nullable=False),
        sa.Column("user_text", sa.Text(), nullable=False),
        sa.Column("reply_text", sa.Text(), nullable=False),
        sa.Column("heard_text", sa.Text(), nullable=False),
        sa.Column("outcome", _CODE, nullable=False),
        sa.Column("error_code", _CODE, nullable=False),
        sa.Column("language", _CODE, nullable=False),
        sa.Column("emotion", _CODE, nullable=False),
        sa.Column("recogniser", _NAME, nullable=False),
        sa.Column("model", _NAME, nullable=False),
        sa.Column("voice", _NAME, nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("tools", sa.JSON(), nullable=False),
        sa.Column("speech_ms", sa.Double(), nullable=True),
        sa.Column("silence_ms", sa.Double(), nullable=True),
        sa.Column("transcribe_ms", sa.Double(), nullable=True),
        sa.Column("transcribe_wait_ms", sa.Double(), nullable=True),
        sa.Column("first_token_ms", sa.Double(), nullable=True),
        sa.Column("first_clause_ms", sa.Double(), nullable=True),
        sa.Column("first_speech_ms", sa.Double(), nullable=True),
        sa.Column("first_sound_ms", sa.Double(), nullable=True),
        sa.Column("reply_ms", sa.Double(), nullable=True),
        sa.Column("total_ms", sa.Double(), nullable=True),
        sa.Column("speech_end_to_sound_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turns")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_turns_conversation_id_conversations"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_turns_conversation_id_started_at"), "turns", ["conversation_id", "started_at"])
    op.create_index(op.f("ix_turns_started_at"), "turns", ["started_at"])
