"""Accounts, what proves them, invitations, settings, and what was done.

Revision 0004, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
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
        "accounts",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("rank", _CODE, nullable=False),
        sa.Column("founder", sa.Boolean(), nullable=True),
        sa.Column("watches_id", _KEY, nullable=True),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("language", _CODE, nullable=False),
        sa.Column("disabled_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("password_changed_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["watches_id"], ["accounts.id"], name=op.f("fk_accounts_watches_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("founder", name=op.f("uq_accounts_founder")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
    )
    op.create_index(op.f("ix_accounts_watches_id"), "accounts", ["watches_id"])

    op.create_table(
        "logins",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=False),
        sa.Column("secret_hash", _HASH, nullable=False),
        sa.Column("browser", _NAME, nullable=False),
        sa.Column("address", _CODE, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("last_used_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_logins_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_logins_secret_hash")),
    )
    op.create_index(op.f("ix_logins_account_id_last_used_at"), "logins", ["account_id", "last_used_at"])
    op.create_index(op.f("ix_logins_expires_at"), "logins", ["expires_at"])

    op.create_table(
        "api_tokens",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("secret_hash", _HASH, nullable=False),
        sa.Column("hint", _CODE, nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("last_used_at", _INSTANT, nullable=True),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_api_tokens_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_tokens_secret_hash")),
    )
    op.create_index(op.f("ix_api_tokens_account_id_created_at"), "api_tokens", ["account_id", "created_at"])

    op.create_table(
        "invitations",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=True),
        sa.Column("secret_hash", _HASH, nullable=False),
        sa.Column("rank", _CODE, nullable=False),
        sa.Column("note", _NAME, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.Column("used_by_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_invitations_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["used_by_id"], ["accounts.id"], name=op.f("fk_invitations_used_by_id_accounts"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_invitations_secret_hash")),
    )
    op.create_index(op.f("ix_invitations_account_id_created_at"), "invitations", ["account_id", "created_at"])
    op.create_index(op.f("ix_invitations_used_by_id"), "invitations", ["used_by_id"])

    op.create_table(
        "audit_entries",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("account_id", _KEY, nullable=True),
        sa.Column("actor", _NAME, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("action", _CODE, nullable=False),
        sa.Column("target_id", _NAME, nullable=False),
        sa.Column("address", _CODE, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_audit_entries_account_id_accounts"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_account_id_at_id"), "audit_entries", ["account_id", "at", "id"])
    op.create_index(op.f("ix_audit_entries_at_id"), "audit_entries", ["at", "id"])

    op.create_table(
        "settings",
        sa.Column("name", _CODE, nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
