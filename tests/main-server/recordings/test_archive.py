"""The archive costs no turn anything: what cannot be written is given up and counted, and no row names it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from contracts.audio import OpusFormat
from contracts.hearing import CommitReason, Utterance
from contracts.roles import RecordingPolicy
from fakes.conversation_actors import ToyChannel
from fakes.device_sound import packets
from fakes.happenings import DEVICE_ID, NOON, ended
from fakes.spoken import at_level, say
from main_server.conversation.tape import NEITHER, Sides, Take
from main_server.recordings.archive import Archive, Recorded
from main_server.recordings.tape import ArchiveTape
from main_server.store.accounts import Accounts
from main_server.store.audio.files import AudioFiles
from main_server.store.audio.folder import FolderFiles
from main_server.store.backlog import SoundKept
from main_server.store.devices import Devices
from main_server.store.engine import Database, default_url, open_database
from main_server.store.errors import AudioUnavailable
from main_server.store.migrate import migrate
from main_server.store.models import Account, Device, Rank
from main_server.store.recorder import Recorder
from main_server.store.sounds import KEPT_DAYS
from sound.decode import decode

SPEECH = [packet.payload for packet in packets(at_level(say("where are you now"), -20))]
AUDIO, TEXT, NONE = RecordingPolicy.AUDIO, RecordingPolicy.TEXT, RecordingPolicy.NONE


class BrokenDisk(FolderFiles):
    """A folder whose disk is full while `full` is set, and that is slow while `free` is not."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.full = False
        self.free = asyncio.Event()
        self.free.set()

    async def put(self, key: str, content: bytes) -> None:
        await self.free.wait()
        if self.full:
            raise AudioUnavailable("There is no room.")
        await super().put(key, content)


@dataclass
class Room:
    database: Database
    files: BrokenDisk
    kept: list[SoundKept] = field(default_factory=list)

    def archive(self, **bounds: int) -> Archive:
        return Archive(self.database, self.files, self.kept.append, now=lambda: NOON, **bounds)

    async def device(self, *, claimed: bool, keeps: bool = True) -> None:
        recorder = Recorder(self.database)
        await recorder.start()
        recorder.on_event(ended())
        assert await recorder.drain(20)
        await recorder.close()
        async with self.database.writing() as session:
            device = await Devices(session).by_device_id(DEVICE_ID)
            assert device is not None
            device.keeps_utterances = keeps
            if claimed:
                account = await Accounts(session).add(
                    Account(name="olga", rank=Rank.MEMBER, password_hash="", language="")
                )
                await Devices(session).give(device, account.id)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    await migrate(default_url(tmp_path))
    made = Room(open_database(default_url(tmp_path)), BrokenDisk(tmp_path / "audio"))
    yield made
    await made.files.close()
    await made.database.close()


def recorded(number: int = 1, recording: RecordingPolicy = AUDIO, started_at: datetime = NOON) -> Recorded:
    utterance = Utterance("where are you now", 1, 0, 16_000, CommitReason.SILENCE)
    audio = recording is AUDIO
    take = Take(Sides(True, audio), recording, utterance, tuple(SPEECH), list(SPEECH) if audio else [])
    return Recorded(ended(turn_id=f"s1-{number}", started_at=started_at), take, OpusFormat(), OpusFormat(24_000, 60))


async def names(files: AudioFiles) -> set[str]:
    return {stored.key async for some in files.names("recordings/") for stored in some}


async def test_files_are_there_before_anybody_is_told_of_them(room: Room) -> None:
    archive = room.archive()
    await archive.start()
    archive.add(recorded())
    await archive.close(20)
    [kept] = room.kept
    assert await names(room.files) == {kept.heard_key, kept.said_key}
    assert (kept.turn_id, kept.length_ms, kept.kept_until) == ("s1-1", 1000, None)
    assert kept.clarity is not None and kept.clarity > 10
    for key in (kept.heard_key, kept.said_key):
        sound = decode(await room.files.get(key), max_s=10)
        assert abs(sound.duration_ms - 60 * len(SPEECH)) < 10


async def test_the_oldest_are_given_up_and_counted_when_the_disk_is_slower_than_the_talk(room: Room) -> None:
    archive = room.archive(max_turns=3)
    await archive.start()
    room.files.free.clear()
    archive.add(recorded(0))
    await asyncio.sleep(0.01)
    for number in range(1, 8):
        archive.add(recorded(number))
    assert (archive.depth, archive.dropped) == (4, 4)
    room.files.free.set()
    await archive.close(20)
    assert [kept.turn_id for kept in room.kept] == ["s1-0", "s1-5", "s1-6", "s1-7"]
    assert archive.depth == 0


async def test_bytes_are_bounded_too(room: Room) -> None:
    size = recorded().size_bytes
    archive = room.archive(max_bytes=2 * size + 1)
    for number in range(5):
        archive.add(recorded(number))
    assert (archive.depth, archive.dropped) == (2, 3)
    tiny = room.archive(max_bytes=size - 1)
    tiny.add(recorded())
    assert (tiny.depth, tiny.dropped) == (0, 1)
    await tiny.start()
    await tiny.close(1)


async def test_what_cannot_be_written_has_no_row_is_counted_and_said(room: Room) -> None:
    archive = room.archive()
    await archive.start()
    room.files.full = True
    archive.add(recorded(1))
    while not archive.problem:
        await asyncio.sleep(0.01)
    assert room.kept == [] and archive.dropped == 1 and "There is no room." in archive.problem
    room.files.full = False
    archive.add(recorded(2))
    await archive.close(20)
    assert [kept.turn_id for kept in room.kept] == ["s1-2"] and archive.problem == ""


@pytest.mark.parametrize(("claimed", "keeps", "kept"), [(True, True, True), (True, False, False), (False, True, False)])
async def test_only_a_claimed_device_whose_switch_is_on_keeps_its_utterances(
    room: Room, claimed: bool, keeps: bool, kept: bool
) -> None:
    await room.device(claimed=claimed, keeps=keeps)
    archive = room.archive()
    tape = ArchiveTape(archive, ToyChannel(device_id=DEVICE_ID))
    await tape.begin()
    assert tape.sides(TEXT) == Sides(heard=kept, said=False)
    assert tape.sides(AUDIO) == Sides(True, True)
    assert tape.sides(NONE) == NEITHER
    await archive.start()
    archive.add(recorded(recording=TEXT))  # the talk began before the switch was moved
    await archive.close(20)
    assert len(room.kept) == len(await names(room.files)) == (1 if kept else 0)
    if kept:
        assert room.kept[0].said_key == ""
        assert room.kept[0].kept_until is not None and (room.kept[0].kept_until - NOON).days == KEPT_DAYS


async def test_a_switch_that_is_turned_off_during_a_talk_counts_at_once(room: Room) -> None:
    await room.device(claimed=True)
    archive = room.archive()
    tape = ArchiveTape(archive, ToyChannel(device_id=DEVICE_ID))
    await tape.begin()
    async with room.database.writing() as session:
        await session.execute(update(Device).values(keeps_utterances=False))
    await archive.start()
    tape.keep(ended(), recorded(recording=TEXT).take)
    await archive.close(20)
    assert room.kept == [] and await names(room.files) == set()


async def test_a_database_that_does_not_answer_keeps_nothing_and_stops_nobody(room: Room, tmp_path: Path) -> None:
    await room.device(claimed=True)
    (tmp_path / "zhiyin.db").write_bytes(b"no database any more" * 500)
    await room.database.engine.dispose()
    assert await room.archive().keeps_utterances(DEVICE_ID) is False
