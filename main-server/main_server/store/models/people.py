"""Who talks and what is kept of them: speakers, their voiceprints, and memories."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from main_server.store.models.base import CODE_CHARS, KEY_CHARS, NAME_CHARS, Base, UtcDateTime, new_id, utc_now


class Speaker(Base):
    """A person we recognise by voice. `note` says how roles should treat them."""

    __tablename__ = "speakers"
    __table_args__ = (Index(None, "account_id", "name"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Voiceprint(Base):
    """How one encoder hears a speaker: `dimension` little-endian float32 numbers. Encoders cannot be mixed."""

    __tablename__ = "voiceprints"
    __table_args__ = (Index(None, "speaker_id", "encoder"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    speaker_id: Mapped[str] = mapped_column(ForeignKey("speakers.id", ondelete="CASCADE"))
    utterance_id: Mapped[str | None] = mapped_column(ForeignKey("utterances.id", ondelete="SET NULL"), index=True)
    encoder: Mapped[str] = mapped_column(String(NAME_CHARS))
    dimension: Mapped[int]
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Memory(Base):
    """Something kept between conversations, of one role and, where known, one speaker. `kind`: "summary" or "fact"."""

    __tablename__ = "memories"
    __table_args__ = (
        Index(None, "account_id", "updated_at", "id"),
        Index(None, "account_id", "role_id", "updated_at", "id"),
        Index(None, "role_id", "speaker_id", "updated_at"),
    )

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    role_id: Mapped[str | None] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"))
    speaker_id: Mapped[str | None] = mapped_column(ForeignKey("speakers.id", ondelete="CASCADE"), index=True)
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversations.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(CODE_CHARS))
    text: Mapped[str] = mapped_column(Text)
    pinned: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012
