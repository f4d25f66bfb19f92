"""Keys that boards carry in their eFuse, where their owner burned them and told us."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from main_server.store.models.base import KEY_CHARS, NAME_CHARS, Base, UtcDateTime, new_id, utc_now


class DeviceKey(Base):
    """The key of the board with this serial number, sealed. `device_id` is the device that it proved to be when it was
    let in last; that device is nothing without it from then on. "" = it was never let in."""

    __tablename__ = "device_keys"

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    serial_number: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    secret: Mapped[str] = mapped_column(Text, default="")
    device_id: Mapped[str] = mapped_column(String(NAME_CHARS), default="", index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
