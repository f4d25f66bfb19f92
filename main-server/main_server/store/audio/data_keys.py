"""The keys that encrypt audio files. They lie in the database, sealed with the keys that lie outside of it, so that
new secret keys need no file to be written again: the newest encrypts, all decrypt."""

from __future__ import annotations

import base64
import os

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.engine import Database
from main_server.store.models import DataKey, utc_now
from main_server.store.sealing import KEY_BYTES, Seal, SecretLost, place_of

ID_BYTES = 12


class DataKeys:
    """Those of one database, remembered; `load` first."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._keys: dict[str, bytes] = {}
        self._newest = ""

    async def load(self) -> None:
        """Makes the first one where there is none. Raises StoreError."""
        await self._read()
        if not self._keys:
            async with self._database.writing() as session:
                await add_data_key(session, self._seal)
            await self._read()

    @property
    def newest(self) -> tuple[str, bytes]:
        """The id of the key that encrypts, and the key."""
        return self._newest, self._keys[self._newest]

    async def find(self, key_id: str) -> bytes:
        """The key of this id; another process may have made it just now. Raises SecretLost."""
        if key_id not in self._keys:
            await self._read()
        if key_id not in self._keys:
            raise SecretLost("The key of a recording is not in this database: bring the one it was made with.")
        return self._keys[key_id]

    async def _read(self) -> None:
        async with self._database.reading() as session:
            rows = list(await session.scalars(select(DataKey).order_by(DataKey.created_at, DataKey.id)))
        lost: SecretLost | None = None
        for row in rows:
            if row.id in self._keys:
                continue
            try:
                self._keys[row.id] = base64.b64decode(self._seal.open(row.sealed, _place(row.id)))
                self._newest = row.id
            except SecretLost as error:  # sealed with a newer secret key than this process was started with
                lost = error
        if lost is not None and not self._keys:
            raise lost


async def add_data_key(session: AsyncSession, seal: Seal) -> None:
    """A new key, which encrypts from now on."""
    key_id = os.urandom(ID_BYTES // 2).hex()
    sealed = seal.seal(base64.b64encode(os.urandom(KEY_BYTES)).decode(), _place(key_id))
    session.add(DataKey(id=key_id, sealed=sealed, created_at=utc_now()))
    await session.flush()


def _place(key_id: str) -> str:
    return place_of(DataKey.__tablename__, DataKey.sealed.key, key_id)
