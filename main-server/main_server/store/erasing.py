"""Files that no row names any more are deleted: those that were noted with the row, at once; strays after a day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select

from main_server.store.audio.files import RECORDINGS, AudioFiles
from main_server.store.engine import Database
from main_server.store.errors import AudioUnavailable
from main_server.store.models import AudioErasure, Turn, Utterance

FILES_AT_ONCE = 100
CALLS_AT_ONCE = 8
STRAY_AFTER = timedelta(days=1)
"""A file that is so old and has no row will never have one: the process that put it was killed before."""


class Erasing:
    """Several processes may do it at once, or twice."""

    def __init__(
        self, database: Database, files: AudioFiles, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._files = files
        self._now = now

    async def run(self) -> int:
        """Deletes the files that were noted; how many. Raises StoreError; what is left is noted still."""
        query = select(AudioErasure.audio_key).order_by(AudioErasure.noted_at).limit(FILES_AT_ONCE)
        erased = 0
        while True:
            async with self._database.reading() as session:
                keys = list(await session.scalars(query))
            if not keys:
                return erased
            await self._delete(keys)
            async with self._database.writing() as session:
                await session.execute(delete(AudioErasure).where(AudioErasure.audio_key.in_(keys)))
            erased += len(keys)

    async def sweep(self) -> int:
        """Deletes old files that no row names; how many. Raises StoreError."""
        swept = 0
        async for some in self._files.names(RECORDINGS):
            old = [stored.key for stored in some if stored.modified_at < self._now() - STRAY_AFTER]
            strays = sorted(set(old) - await self._named(old))
            await self._delete(strays)
            swept += len(strays)
        return swept

    async def _named(self, keys: Sequence[str]) -> set[str]:
        if not keys:
            return set()
        async with self._database.reading() as session:
            named: set[str] = set()
            for column in (Turn.audio_key, Utterance.audio_key):
                named |= set(await session.scalars(select(column).where(column.in_(keys), column != "")))
            return named

    async def _delete(self, keys: Sequence[str]) -> None:
        """Of all, as far as it goes; then raises what went wrong."""
        for first in range(0, len(keys), CALLS_AT_ONCE):
            calls = [self._files.delete(key) for key in keys[first : first + CALLS_AT_ONCE]]
            for failure in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(failure, ValueError):  # a key that no file can have
                    continue
                if isinstance(failure, BaseException):
                    raise failure if isinstance(failure, AudioUnavailable) else AudioUnavailable(str(failure))
