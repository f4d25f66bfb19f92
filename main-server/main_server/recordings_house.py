"""The recordings of a house: where their files lie, who makes them, and who sees to it that they go."""

from __future__ import annotations

from dataclasses import dataclass

from main_server.recordings.archive import Archive
from main_server.recordings.caretaker import Caretaker
from main_server.secret_keys import secret_keys
from main_server.settings import Settings
from main_server.store.audio.address import open_files
from main_server.store.audio.data_keys import DataKeys
from main_server.store.audio.files import AudioFiles
from main_server.store.audio.sealed import SealedFiles
from main_server.store.engine import Database
from main_server.store.erasing import Erasing
from main_server.store.recorder import Recorder
from main_server.store.retention import Retention
from main_server.store.sealing import Seal

CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Recordings:
    """`open` before serving, `close` before the recorder is drained."""

    files: AudioFiles
    archive: Archive
    caretaker: Caretaker

    async def open(self) -> None:
        await self.archive.start()
        await self.caretaker.start()

    async def close(self) -> None:
        await self.archive.close(CLOSE_S)
        await self.caretaker.close()
        await self.files.close()

    async def check(self) -> str | None:
        """What is wrong, in a sentence."""
        return self.archive.problem or self.caretaker.problem or None


async def open_recordings(settings: Settings, database: Database, recorder: Recorder) -> Recordings:
    """Raises ZhiyinError where the keys of recordings cannot be had."""
    keys = DataKeys(database, Seal(secret_keys(settings)))
    await keys.load()
    home = open_files(
        settings.audio_url,
        settings.data_dir,
        key=settings.audio_key.get_secret_value(),
        secret=settings.audio_secret.get_secret_value(),
    )
    files = SealedFiles(home, keys)
    caretaker = Caretaker(Retention(database), Erasing(database, files))
    return Recordings(files, Archive(database, files, recorder.sound_kept), caretaker)
