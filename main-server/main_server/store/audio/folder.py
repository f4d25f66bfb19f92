"""Audio files in a folder of this machine, readable by its owner only. Disks are waited for in threads."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from main_server.store.audio.files import DEADLINE_S, NAMES_AT_ONCE, Stored, checked, checked_prefix
from main_server.store.errors import AudioGone, AudioUnavailable

T = TypeVar("T")

THREADS = 2


class FolderFiles:
    """Implements AudioFiles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="audio files")
        self._numbers = itertools.count()

    async def put(self, key: str, content: bytes) -> None:
        await self._call(self._put, self._folder / checked(key), content)

    async def get(self, key: str) -> bytes:
        return await self._call((self._folder / checked(key)).read_bytes)

    async def delete(self, key: str) -> None:
        await self._call((self._folder / checked(key)).unlink, True)

    async def delete_prefix(self, prefix: str) -> None:
        await self._call(shutil.rmtree, self._folder / checked_prefix(prefix), True)

    async def names(self, prefix: str) -> AsyncIterator[Sequence[Stored]]:
        found = self._found(self._folder / checked_prefix(prefix))
        while some := await self._call(lambda: list(itertools.islice(found, NAMES_AT_ONCE))):
            yield some

    async def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def _call(self, work: Callable[..., T], *arguments: object) -> T:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        except FileNotFoundError as error:
            raise AudioGone("This recording is not there any more.") from error
        except TimeoutError as error:
            raise AudioUnavailable(f"The folder {self._folder} for audio did not answer in time.") from error
        except OSError as error:
            raise AudioUnavailable(
                f"Audio cannot be kept in {self._folder} ({error.strerror}): let the user that runs Zhiyin write "
                "there, or choose another place with ZHIYIN_AUDIO_URL."
            ) from error

    def _put(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{next(self._numbers)}")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        _sync(path.parent)

    def _found(self, folder: Path) -> Iterator[Stored]:
        for place, _, files in os.walk(folder):
            for name in files:
                path = Path(place, name)
                try:
                    modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                except FileNotFoundError:  # it went meanwhile
                    continue
                yield Stored(path.relative_to(self._folder).as_posix(), modified_at)


def _sync(folder: Path) -> None:
    """The name of a new file survives a power cut, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
