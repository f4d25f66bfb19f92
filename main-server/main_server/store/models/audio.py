"""What the sound of talks needs beside its rows: the keys of its files, and the files that are to go."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from main_server.store.models.base import CODE_CHARS, NAME_CHARS, Base, UtcDateTime, utc_now


class AudioErasure(Base):
    """A file that no row names any more and that is still to be deleted. Written by the database itself, with whatever
    deletes the row that named it (erasure_triggers.py)."""

    __tablename__ = "audio_erasures"

    audio_key: Mapped[str] = mapped_column(String(NAME_CHARS), primary_key=True)
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class DataKey(Base):
    """A key that encrypts files; `sealed` (sealing.py)."""

    __tablename__ = "data_keys"

    id: Mapped[str] = mapped_column(String(CODE_CHARS), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
