"""Erasing really erases: whatever way a row goes, its file goes, too, and a crash in between changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from fakes.happenings import NOON, ended, opened
from fakes.outsider import Outsider
from main_server.store.accounts import Accounts
from main_server.store.audio.address import open_files
from main_server.store.audio.files import AudioFiles, new_recording_key
from main_server.store.backlog import SoundKept
from main_server.store.devices import Devices
from main_server.store.engine import Database, open_database
from main_server.store.erasing import Erasing
from main_server.store.errors import AudioUnavailable
from main_server.store.migrate import migrate
from main_server.store.models import Account, AudioErasure, Conversation, Device, Rank, Role, Turn, Utterance
from main_server.store.recorder import Recorder
from main_server.store.retention import Retention
from main_server.store.sounds import KEPT_DAYS, KEPT_UTTERANCES

ENOUGH_S = 20.0


class Home:
    """A database and a folder, in which toys of one account have talked."""

    def __init__(self, database: Database, files: AudioFiles, folder: Path) -> None:
        self.database = database
        self.files = files
        self.folder = folder
        self.recorder = Recorder(database)
        self.erasing = Erasing(database, files)

    async def talk(
        self,
        session_id: str,
        turns: int = 1,
        device_id: str = "d1",
        at: datetime = NOON,
        kept_until: datetime | None = None,
        said: bool = True,
    ) -> list[str]:
        """Turns with both sides' sound; the keys of their files."""
        self.recorder.on_event(opened(session_id=session_id, device_id=device_id, opened_at=at))
        keys = []
        for number in range(turns):
            turn_id, when = f"{session_id}-{number}", at + timedelta(seconds=number)
            heard, reply = new_recording_key(), new_recording_key() if said else ""
            self.recorder.on_event(ended(session_id=session_id, device_id=device_id, turn_id=turn_id, started_at=when))
            for key in filter(None, (heard, reply)):
                await self.files.put(key, b"sound")
                keys.append(key)
            self.recorder.sound_kept(
                SoundKept(
                    device_id=device_id,
                    turn_id=turn_id,
                    started_at=when,
                    heard_key=heard,
                    said_key=reply,
                    length_ms=1200,
                    clarity=21.5,
                    kept_until=kept_until,
                )
            )
        assert await self.recorder.drain(ENOUGH_S)
        return keys

    async def owned(self, device_id: str = "d1") -> str:
        """Gives the device to an account; its key."""
        async with self.database.writing() as session:
            account = Account(name=f"owner of {device_id}", rank=Rank.MEMBER, password_hash="", language="")
            await Accounts(session).add(account)
            device = await Devices(session).by_device_id(device_id)
            assert device is not None
            await Devices(session).give(device, account.id)
            return account.id

    def on_disk(self) -> set[str]:
        root = self.folder / "audio"
        return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
async def home(any_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    await migrate(any_url)
    database = open_database(any_url)
    made = Home(database, open_files("file:", tmp_path), tmp_path)
    await made.recorder.start()
    yield made
    await made.recorder.close()
    await database.close()


async def test_rows_name_the_files_that_are_there(home: Home, stranger: Outsider) -> None:
    heard, said = await home.talk("s1")
    [row] = await stranger.rows(
        "SELECT t.audio_key, u.audio_key, u.length_ms, u.clarity, u.device_key = c.device_key,"
        " u.started_at = t.started_at FROM turns t JOIN utterances u ON u.turn_key = t.id"
        " JOIN conversations c ON c.id = t.conversation_id"
    )
    assert tuple(row)[:4] == (said, heard, 1200, 21.5) and all(row[4:])


async def test_what_was_said_before_a_device_was_claimed_belongs_to_who_claims_it(home: Home) -> None:
    await home.talk("s1")
    account_id = await home.owned()
    async with home.database.reading() as session:
        assert list(await session.scalars(select(Utterance.account_id))) == [account_id]


@pytest.mark.parametrize("way", ["conversation", "turn", "device", "account", "both columns emptied"])
async def test_whatever_way_rows_go_their_files_go(home: Home, way: str) -> None:
    keys = await home.talk("s1", turns=3)
    other = await home.talk("s2", device_id="d2")
    account_id = await home.owned()
    assert home.on_disk() == {*keys, *other}
    statements = {
        "conversation": [delete(Conversation).where(Conversation.session_id == "s1")],
        "turn": [delete(Turn).where(Turn.turn_id.startswith("s1"))],
        "device": [delete(Device).where(Device.device_id == "d1")],
        "account": [delete(Account).where(Account.id == account_id)],
        "both columns emptied": [
            update(Turn).where(Turn.turn_id.startswith("s1")).values(audio_key=""),
            update(Utterance).where(Utterance.account_id == account_id).values(audio_key=""),
        ],
    }
    async with home.database.writing() as session:
        for statement in statements[way]:
            await session.execute(statement)
    assert await home.erasing.run() == len(keys)
    assert home.on_disk() == set(other)
    assert await home.erasing.run() == 0


async def test_a_deletion_that_is_rolled_back_erases_nothing(home: Home) -> None:
    keys = await home.talk("s1")
    with pytest.raises(RuntimeError):
        async with home.database.writing() as session:
            await session.execute(delete(Conversation))
            raise RuntimeError
    assert await home.erasing.run() == 0
    assert home.on_disk() == set(keys)


async def test_files_that_cannot_be_deleted_now_are_deleted_later(home: Home) -> None:
    await home.talk("s1")
    async with home.database.writing() as session:
        await session.execute(delete(Conversation))
    with pytest.raises(AudioUnavailable):
        await Erasing(home.database, open_files("s3://x?endpoint=http://127.0.0.1:9", home.folder)).run()
    async with home.database.reading() as session:
        assert len(list(await session.scalars(select(AudioErasure)))) == 2
    assert await home.erasing.run() == 2 and home.on_disk() == set()


async def test_sound_of_a_turn_that_was_deleted_meanwhile_is_erased(home: Home) -> None:
    key = new_recording_key()
    await home.files.put(key, b"sound")
    home.recorder.sound_kept(SoundKept(device_id="d1", turn_id="s9-1", started_at=NOON, heard_key=key))
    assert await home.recorder.drain(ENOUGH_S)
    assert await home.erasing.run() == 1 and home.on_disk() == set()


async def test_writing_again_after_a_commit_nobody_saw_writes_nothing_twice(home: Home, stranger: Outsider) -> None:
    from main_server.store import sounds

    await home.talk("s1")
    [(turn_id,)] = await stranger.rows("SELECT turn_id FROM turns")
    sound = SoundKept(device_id="d1", turn_id=turn_id, started_at=NOON, heard_key="a/1", said_key="a/2")
    for _ in range(2):
        await home.database.write(lambda connection: sounds.write(connection, [("1" * 32, sound)]))
    assert len(await stranger.rows("SELECT id FROM utterances WHERE audio_key = 'a/1'")) == 1


async def test_a_device_keeps_its_last_fifty_utterances(home: Home, stranger: Outsider) -> None:
    later = datetime.now(UTC) + timedelta(days=KEPT_DAYS)
    recorded = await home.talk("s0", turns=2)  # of a role that records: they stay
    keys = await home.talk("s1", turns=KEPT_UTTERANCES + 7, kept_until=later, said=False)
    other = await home.talk("s2", device_id="d2", kept_until=later, said=False)
    await home.erasing.run()
    assert home.on_disk() == {*recorded, *keys[7:], *other}


async def test_utterances_go_when_their_time_is_over_and_turns_stay(home: Home, stranger: Outsider) -> None:
    kept_until = NOON + timedelta(days=KEPT_DAYS)
    await home.talk("s1", turns=3, kept_until=kept_until, said=False)
    await home.owned()
    assert await Retention(home.database, lambda: kept_until - timedelta(seconds=1)).run() == 0
    assert await Retention(home.database, lambda: kept_until).run() == 3
    await home.erasing.run()
    assert home.on_disk() == set()
    assert len(await stranger.rows("SELECT id FROM turns")) == 3


@pytest.mark.parametrize("whose", ["switched off", "nobody's"])
async def test_what_a_device_kept_goes_when_its_owner_switches_that_off_or_lets_it_go(home: Home, whose: str) -> None:
    await home.talk("s1", kept_until=datetime.now(UTC) + timedelta(days=KEPT_DAYS), said=False)
    recorded = await home.talk("s2")
    if whose == "switched off":
        await home.owned()
        async with home.database.writing() as session:
            await session.execute(update(Device).values(keeps_utterances=False))
    assert await Retention(home.database).run() == 1
    await home.erasing.run()
    assert home.on_disk() == set(recorded)


async def test_conversations_go_after_the_days_of_their_role_with_their_files(home: Home, stranger: Outsider) -> None:
    await home.talk("old", turns=4, at=NOON - timedelta(days=31))
    fresh = await home.talk("fresh", at=NOON - timedelta(days=29))
    still = await home.talk("still", at=NOON - timedelta(days=40))
    others = await home.talk("others", device_id="d2", at=NOON - timedelta(days=400))
    account_id = await home.owned()
    async with home.database.writing() as session:
        for name, days, sessions in (("Pip", 30, ("old", "fresh", "still")), ("Mim", 0, ("others",))):
            role = Role(account_id=account_id, name=name, retention_days=days)
            session.add(role)
            await session.flush()
            chosen = Conversation.session_id.in_(sessions)
            await session.execute(update(Conversation).where(chosen).values(role_id=role.id))
    still += await home.talk("still", turns=2, at=NOON - timedelta(days=1))  # the talk went on
    assert await Retention(home.database, lambda: NOON).run() == 1
    await home.erasing.run()
    assert home.on_disk() == {*fresh, *still, *others}
    left = await stranger.rows("SELECT session_id FROM conversations ORDER BY session_id")
    assert [row[0] for row in left] == ["fresh", "others", "still"]
    assert await Retention(home.database, lambda: NOON + timedelta(days=60)).run() == 2


async def test_many_conversations_go_in_several_small_transactions(home: Home) -> None:
    for number in range(3):
        await home.talk(f"s{number}", turns=40, at=NOON - timedelta(hours=3 - number))
    account_id = await home.owned()
    async with home.database.writing() as session:
        role = Role(account_id=account_id, name="Pip", retention_days=1)
        session.add(role)
        await session.flush()
        await session.execute(update(Conversation).values(role_id=role.id))
    assert await Retention(home.database, lambda: NOON + timedelta(days=3)).run() == 3
    assert await home.erasing.run() == 240
    assert home.on_disk() == set()


async def test_files_without_a_row_are_swept_away_after_a_day_and_no_others(home: Home) -> None:
    keys = await home.talk("s1")
    for key in ("recordings/aa/stray", "recordings/aa/.half.1.1", "voices/aa/clip"):
        await home.files.put(key, b"sound")
    assert await home.erasing.sweep() == 0
    later = Erasing(home.database, home.files, lambda: datetime.now(UTC) + timedelta(hours=25))
    assert await later.sweep() == 2
    assert home.on_disk() == {*keys, "voices/aa/clip"}


async def test_after_every_migration_the_files_of_rows_are_still_noted(any_url: str, stranger: Outsider) -> None:
    await migrate(any_url)
    if stranger.is_postgres:
        await stranger.execute("DROP TRIGGER turns_deleted_audio_key ON turns")
    else:
        await stranger.execute("DROP TRIGGER turns_deleted_audio_key")
    await migrate(any_url)
    await stranger.execute(
        "INSERT INTO devices (id, device_id, client_id, board, chip, firmware, language, first_seen_at, last_seen_at)"
        " VALUES ('d1', 'd', '', '', '', '', '', '2026-11-01 10:00:00', '2026-11-01 10:00:00')",
        "INSERT INTO conversations (id, device_key, session_id, started_at, closed_reason, turn_count)"
        " VALUES ('k1', 'd1', 's1', '2026-11-02 10:00:00', '', 1)",
        "INSERT INTO turns (id, conversation_id, turn_id, started_at, trigger, user_text, reply_text, heard_text,"
        " outcome, error_code, language, emotion, recogniser, model, voice, prompt_tokens, completion_tokens, tools,"
        " audio_key) VALUES ('t1', 'k1', 's1-1', '2026-11-02 10:00:01', 'speech', '', '', '', '', '', '', '', '', '',"
        " '', 0, 0, '[]', 'a/1')",
        "DELETE FROM turns",
    )
    assert await stranger.rows("SELECT audio_key FROM audio_erasures") == [("a/1",)]
