"""Audio files encrypted at rest: AES-256-GCM, each with a key of its own derived from a data key.

A file begins with ZYA1, the id of its data key and a salt. What it is bound to is its key in the store: whoever may
write files can neither read one nor put one in another's place.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from main_server.store.audio.data_keys import ID_BYTES, DataKeys
from main_server.store.audio.files import AudioFiles, Stored
from main_server.store.sealing import KEY_BYTES, NONCE_BYTES, SecretLost

MAGIC = b"ZYA1"
SALT_BYTES = 16
HEADER_BYTES = len(MAGIC) + ID_BYTES + SALT_BYTES
_PURPOSE = b"zhiyin audio file"


class SealedFiles:
    """Implements AudioFiles: `home` sees nothing but what is sealed. `get` also raises SecretLost."""

    def __init__(self, home: AudioFiles, keys: DataKeys) -> None:
        self._home = home
        self._keys = keys

    async def put(self, key: str, content: bytes) -> None:
        key_id, data_key = self._keys.newest
        await self._home.put(key, await asyncio.to_thread(_sealed, key, content, key_id, data_key))

    async def get(self, key: str) -> bytes:
        sealed = await self._home.get(key)
        if not sealed.startswith(MAGIC) or len(sealed) < HEADER_BYTES:
            raise SecretLost("A recording is damaged.")
        data_key = await self._keys.find(sealed[len(MAGIC) : len(MAGIC) + ID_BYTES].decode("ascii", "replace"))
        return await asyncio.to_thread(_opened, key, sealed, data_key)

    async def delete(self, key: str) -> None:
        await self._home.delete(key)

    async def delete_prefix(self, prefix: str) -> None:
        await self._home.delete_prefix(prefix)

    def names(self, prefix: str) -> AsyncIterator[Sequence[Stored]]:
        return self._home.names(prefix)

    async def close(self) -> None:
        await self._home.close()


def _sealed(key: str, content: bytes, key_id: str, data_key: bytes) -> bytes:
    header = MAGIC + key_id.encode() + os.urandom(SALT_BYTES)
    cipher, nonce = _cipher(header, data_key)
    return header + cipher.encrypt(nonce, content, header + key.encode())


def _opened(key: str, sealed: bytes, data_key: bytes) -> bytes:
    header = sealed[:HEADER_BYTES]
    cipher, nonce = _cipher(header, data_key)
    try:
        return cipher.decrypt(nonce, sealed[HEADER_BYTES:], header + key.encode())
    except InvalidTag as error:
        raise SecretLost("A recording is damaged, or is not the one that its place says.") from error


def _cipher(header: bytes, data_key: bytes) -> tuple[AESGCM, bytes]:
    """A key and a nonce for this file alone: its salt is random, so neither comes twice."""
    derive = HKDF(SHA256(), KEY_BYTES + NONCE_BYTES, salt=header[-SALT_BYTES:], info=_PURPOSE)
    made = derive.derive(data_key)
    return AESGCM(made[:KEY_BYTES]), made[KEY_BYTES:]
