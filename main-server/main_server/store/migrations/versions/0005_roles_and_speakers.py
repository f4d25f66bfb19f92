"""Roles with their versions, the providers and voices they use, and the people they know.

Revision 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Spelled out here, not taken from the models: a revision says what the tables were on its day.
_KEY = sa.String(32)
_CODE = sa.String(64)
_HASH = sa.String(64)
_NAME = sa.String(128)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "providers",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=False),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("engine", _CODE, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_providers_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
    )
    op.create_index(op.f("ix_providers_account_id_kind_name"), "providers", ["account_id", "kind", "name"])

    op.create_table(
        "voices",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=False),
        sa.Column("provider_id", _KEY, nullable=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("engine_voice", _NAME, nullable=False),
        sa.Column("language", _CODE, nullable=False),
        sa.Column("clip_key", _NAME, nullable=False),
        sa.Column("clip_sha256", _HASH, nullable=False),
        sa.Column("transcript", sa.Text(), nullable=False),
        sa.Column("consent_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_voices_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_voices_provider_id_providers"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voices")),
    )
    op.create_index(op.f("ix_voices_account_id_created_at_id"), "voices", ["account_id", "created_at", "id"])
    op.create_index(op.f("ix_voices_provider_id"), "voices", ["provider_id"])

    op.create_table(
        "roles",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=True),
        sa.Column("template", _CODE, nullable=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("language", _CODE, nullable=False),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("greeting", sa.Text(), nullable=False),
        sa.Column("model_id", _KEY, nullable=True),
        sa.Column("small_model_id", _KEY, nullable=True),
        sa.Column("voice_id", _KEY, nullable=True),
        sa.Column("speed", sa.Double(), nullable=False),
        sa.Column("pitch", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("patience", _CODE, nullable=False),
        sa.Column("replacements", sa.JSON(), nullable=False),
        sa.Column("exit_phrases", sa.JSON(), nullable=False),
        sa.Column("memory_policy", _CODE, nullable=False),
        sa.Column("recording_policy", _CODE, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_roles_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["providers.id"], name=op.f("fk_roles_model_id_providers"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["small_model_id"], ["providers.id"], name=op.f("fk_roles_small_model_id_providers"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["voice_id"], ["voices.id"], name=op.f("fk_roles_voice_id_voices"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("template", name=op.f("uq_roles_template")),
    )
    op.create_index(op.f("ix_roles_account_id_updated_at_id"), "roles", ["account_id", "updated_at", "id"])
    op.create_index(op.f("ix_roles_model_id"), "roles", ["model_id"])
    op.create_index(op.f("ix_roles_small_model_id"), "roles", ["small_model_id"])
    op.create_index(op.f("ix_roles_voice_id"), "roles", ["voice_id"])

    op.create_table(
        "role_versions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("role_id", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("editor", _NAME, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_role_versions_role_id_roles"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_versions")),
        sa.UniqueConstraint("role_id", "version", name=op.f("uq_role_versions_role_id_version")),
    )

    op.create_table(
        "speakers",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_speakers_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_speakers")),
    )
    op.create_index(op.f("ix_speakers_account_id_name"), "speakers", ["account_id", "name"])
