"""A zip that is written while it is read: JSON of conversations and Ogg of both sides, in little memory.

The standard library's zipfile writes to what cannot be rewound, so it needs no other; only the names of what is inside
are held until the end, some 0.5 kB each.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime

from main_server.api.problems import Problem

EXPORTS_OF_ACCOUNT = 2
EXPORTS = 6
EXPORT_S = 3_600.0
"""From the first byte to the last: a reader that is slower than this is let go."""


class Exports:
    """How many are under way: each holds a connection, and reads for as long as it takes."""

    def __init__(self) -> None:
        self._under_way: Counter[str] = Counter()

    def check_room(self, account_id: str) -> None:
        """Raises Problem where there is none."""
        if self._under_way[account_id] >= EXPORTS_OF_ACCOUNT or self._under_way.total() >= EXPORTS:
            raise Problem(429, "too_many_exports", "Other exports are under way: wait for them.", retry_after_s=10)

    @contextmanager
    def one(self, account_id: str) -> Iterator[None]:
        """Counts one for as long as the block lasts."""
        self._under_way[account_id] += 1
        try:
            yield
        finally:
            self._under_way[account_id] -= 1
            self._under_way += Counter()  # forgets accounts that have none


class ZipStream:
    """A zip file as pieces of bytes: `file` puts one in, `taken` gives what there is of the zip so far."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", allowZip64=True)  # type: ignore[arg-type]  # it only writes

    async def file(self, name: str, at: datetime, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Puts a file in, piece by piece, and packs it."""
        with self._zip.open(_entry(name, at, zipfile.ZIP_DEFLATED), "w") as entry:
            async for piece in pieces:
                await asyncio.to_thread(entry.write, piece)
                if made := self._sink.taken():
                    yield made
        yield self._sink.taken()

    async def whole(self, name: str, at: datetime, content: bytes) -> bytes:
        """Puts a file in that is packed already."""
        await asyncio.to_thread(self._zip.writestr, _entry(name, at, zipfile.ZIP_STORED), content)
        return self._sink.taken()

    def end(self) -> bytes:
        """The directory of what is in it."""
        self._zip.close()
        return self._sink.taken()


def _entry(name: str, at: datetime, packing: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, at.timetuple()[:6])
    entry.compress_type = packing
    entry.external_attr = 0o600 << 16
    return entry


class _Sink:
    """What zipfile writes into: no position, no way back."""

    def __init__(self) -> None:
        self._made = bytearray()

    def write(self, data: bytes) -> int:
        self._made += data
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        made = bytes(self._made)
        self._made.clear()
        return made
