"""Secrets sealed with keys that lie outside the database: a copy of the database opens none of them.

AES-256-GCM. A sealed text names its key and is bound to its place (table, column, row), so that nobody who can write
rows can move another's secret into a row of their own and have it used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.errors import StoreError
from main_server.store.models import DataKey, DeviceKey, Provider

KEY_BYTES = 32
NONCE_BYTES = 12

SEALED = ((Provider, Provider.secret), (DeviceKey, DeviceKey.secret), (DataKey, DataKey.sealed))
"""The columns that hold sealed texts; "" = no secret."""


class SecretLost(StoreError):
    """A sealed text does not open: its key is not here, or it was tampered with."""

    code = "secret_lost"


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def key_text(key: bytes) -> str:
    """A key as it is written into a file or a setting."""
    return base64.b64encode(key).decode()


def key_of(text: str) -> bytes:
    """A key as people write it, in either alphabet of base64. Raises ValueError."""
    try:
        key = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")) + "==", validate=False)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key is {KEY_BYTES} random bytes in base64")
    return key


class Seal:
    """Seals with the first key; opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("a seal needs a key")
        self._ciphers = {_name(key): AESGCM(key) for key in keys}
        self._first = _name(keys[0])

    def seal(self, secret: str, place: str) -> str:
        """The sealed text of a secret at its place; "" stays ""."""
        if not secret:
            return ""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._ciphers[self._first].encrypt(nonce, secret.encode(), place.encode())
        return f"v1.{self._first}.{base64.b64encode(sealed).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """The secret. Raises SecretLost."""
        if not sealed:
            return ""
        _, _, rest = sealed.partition(".")
        name, _, body = rest.partition(".")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise SecretLost(
                "A secret was sealed with another key: set ZHIYIN_SECRET_KEY to the same on all servers, or bring the "
                "file secret_key of the old data folder; else enter the secret again."
            )
        try:
            raw = base64.b64decode(body, validate=True)
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError) as error:  # binascii.Error is a ValueError
            raise SecretLost("A secret in the database is damaged: enter it again.") from error

    def is_newest(self, sealed: str) -> bool:
        """Whether it is sealed with the first key."""
        return not sealed or sealed.startswith(f"v1.{self._first}.")


def place_of(table: str, column: str, row_id: str) -> str:
    """What a sealed text is bound to."""
    return f"{table}.{column}.{row_id}"


async def reseal(session: AsyncSession, seal: Seal) -> int:
    """Seals everything with the newest key; how many there were. Raises SecretLost, and nothing has changed then."""
    resealed = 0
    for table, column in SEALED:
        for row_id, sealed in (await session.execute(select(table.id, column).where(column != ""))).all():
            if seal.is_newest(sealed):
                continue
            place = place_of(table.__tablename__, column.key, row_id)
            fresh = seal.seal(seal.open(sealed, place), place)
            await session.execute(update(table).where(table.id == row_id).values({column.key: fresh}))
            resealed += 1
    return resealed


def _name(key: bytes) -> str:
    return hashlib.sha256(b"zhiyin key name" + key).hexdigest()[:12]
