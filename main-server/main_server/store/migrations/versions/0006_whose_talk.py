"""Whose each device, conversation and turn is; claims and tokens of devices; utterances, voiceprints, memories.

Revision 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Spelled out here, not taken from the models: a revision says what the tables were on its day.
_KEY = sa.String(32)
_CODE = sa.String(64)
_HASH = sa.String(64)
_NAME = sa.String(128)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("devices") as devices:
        devices.add_column(sa.Column("account_id", _KEY, nullable=True))
        devices.add_column(sa.Column("role_id", _KEY, nullable=True))
        devices.add_column(sa.Column("name", _NAME, server_default="", nullable=False))
        devices.add_column(sa.Column("tags", sa.JSON(), server_default="[]", nullable=False))
        devices.add_column(sa.Column("claimed_at", _INSTANT, nullable=True))
        devices.add_column(sa.Column("claimed_client_id", _NAME, server_default="", nullable=False))
        devices.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        devices.create_index(devices.f("ix_devices_account_id_last_seen_at_id"), ["account_id", "last_seen_at", "id"])
        devices.create_index(devices.f("ix_devices_role_id"), ["role_id"])
        devices.create_foreign_key(
            devices.f("fk_devices_role_id_roles"), "roles", ["role_id"], ["id"], ondelete="SET NULL"
        )
        devices.create_foreign_key(
            devices.f("fk_devices_account_id_accounts"), "accounts", ["account_id"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("conversations") as conversations:
        conversations.add_column(sa.Column("account_id", _KEY, nullable=True))
        conversations.add_column(sa.Column("role_id", _KEY, nullable=True))
        conversations.add_column(sa.Column("title", _NAME, server_default="", nullable=False))
        conversations.create_index(
            conversations.f("ix_conversations_account_id_started_at_id"), ["account_id", "started_at", "id"]
        )
        conversations.create_index(conversations.f("ix_conversations_role_id"), ["role_id"])
        conversations.create_foreign_key(
            conversations.f("fk_conversations_account_id_accounts"),
            "accounts",
            ["account_id"],
            ["id"],
            ondelete="CASCADE",
        )
        conversations.create_foreign_key(
            conversations.f("fk_conversations_role_id_roles"), "roles", ["role_id"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("turns") as turns:
        turns.add_column(sa.Column("account_id", _KEY, nullable=True))
        turns.add_column(sa.Column("role_id", _KEY, nullable=True))
        turns.create_index(turns.f("ix_turns_account_id_started_at"), ["account_id", "started_at"])
        turns.create_index(turns.f("ix_turns_role_id"), ["role_id"])
        turns.create_foreign_key(
            turns.f("fk_turns_account_id_accounts"), "accounts", ["account_id"], ["id"], ondelete="CASCADE"
        )
        turns.create_foreign_key(turns.f("fk_turns_role_id_roles"), "roles", ["role_id"], ["id"], ondelete="SET NULL")

    op.create_table(
        "claims",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("device_id", _NAME, nullable=False),
        sa.Column("client_id", _NAME, nullable=False),
        sa.Column("code", _CODE, nullable=True),
        sa.Column("challenge", _CODE, nullable=False),
        sa.Column("board", _NAME, nullable=False),
        sa.Column("address", _CODE, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("code", name=op.f("uq_claims_code")),
        sa.UniqueConstraint("device_id", "client_id", name=op.f("uq_claims_device_id_client_id")),
    )
    op.create_index(op.f("ix_claims_expires_at"), "claims", ["expires_at"])

    op.create_table(
        "device_tokens",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("device_key", _KEY, nullable=False),
        sa.Column("client_id", _NAME, nullable=False),
        sa.Column("secret_hash", _HASH, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["device_key"], ["devices.id"], name=op.f("fk_device_tokens_device_key_devices"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_device_tokens_secret_hash")),
    )
    op.create_index(op.f("ix_device_tokens_device_key_created_at"), "device_tokens", ["device_key", "created_at"])

    op.create_table(
        "utterances",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=True),
        sa.Column("device_key", _KEY, nullable=False),
        sa.Column("turn_key", _KEY, nullable=True),
        sa.Column("speaker_id", _KEY, nullable=True),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("length_ms", sa.Double(), nullable=False),
        sa.Column("clarity", sa.Double(), nullable=True),
        sa.Column("audio_key", _NAME, nullable=False),
        sa.Column("encoder", _NAME, nullable=False),
        sa.Column("voiceprint", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_utterances_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["device_key"], ["devices.id"], name=op.f("fk_utterances_device_key_devices"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["speaker_id"], ["speakers.id"], name=op.f("fk_utterances_speaker_id_speakers"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["turn_key"], ["turns.id"], name=op.f("fk_utterances_turn_key_turns"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_utterances")),
    )
    op.create_index(op.f("ix_utterances_account_id_started_at"), "utterances", ["account_id", "started_at"])
    op.create_index(op.f("ix_utterances_device_key_started_at"), "utterances", ["device_key", "started_at"])
    op.create_index(op.f("ix_utterances_speaker_id"), "utterances", ["speaker_id"])
    op.create_index(op.f("ix_utterances_turn_key"), "utterances", ["turn_key"])

    op.create_table(
        "voiceprints",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("speaker_id", _KEY, nullable=False),
        sa.Column("utterance_id", _KEY, nullable=True),
        sa.Column("encoder", _NAME, nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["speaker_id"], ["speakers.id"], name=op.f("fk_voiceprints_speaker_id_speakers"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["utterance_id"],
            ["utterances.id"],
            name=op.f("fk_voiceprints_utterance_id_utterances"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voiceprints")),
    )
    op.create_index(op.f("ix_voiceprints_speaker_id_encoder"), "voiceprints", ["speaker_id", "encoder"])
    op.create_index(op.f("ix_voiceprints_utterance_id"), "voiceprints", ["utterance_id"])

    op.create_table(
        "memories",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=False),
        sa.Column("role_id", _KEY, nullable=True),
        sa.Column("speaker_id", _KEY, nullable=True),
        sa.Column("conversation_id", _KEY, nullable=True),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_memories_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_memories_conversation_id_conversations"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_memories_role_id_roles"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["speaker_id"], ["speakers.id"], name=op.f("fk_memories_speaker_id_speakers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memories")),
    )
    op.create_index(op.f("ix_memories_account_id_updated_at_id"), "memories", ["account_id", "updated_at", "id"])
    op.create_index(op.f("ix_memories_conversation_id"), "memories", ["conversation_id"])
    op.create_index(
        op.f("ix_memories_role_id_speaker_id_updated_at"), "memories", ["role_id", "speaker_id", "updated_at"]
    )
    op.create_index(op.f("ix_memories_speaker_id"), "memories", ["speaker_id"])
