"""The recorder loses no turn that it can keep, and says what it lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, delete, event, func, insert, select
from sqlalchemy.exc import OperationalError

from contracts.events import Outcome, Stage, TurnTimings
from fakes.happenings import DEVICE_ID, NOON, closed, ended, opened, stage
from fakes.outsider import Outsider
from main_server.store.backlog import DeviceReport, Entry
from main_server.store.conversations import Conversations
from main_server.store.devices import Devices, KnownDevice
from main_server.store.engine import Database, open_database
from main_server.store.models import Conversation, Device, Role, Turn
from main_server.store.recorder import Recorder
from main_server.store.writer import KEPT_SILENT_DEVICES, PRUNE_EVERY_DEVICES, Writer

ENOUGH_S = 20.0
T = TypeVar("T")


@pytest.fixture
async def recorder(database: Database) -> AsyncIterator[Recorder]:
    made = Recorder(database)
    await made.start()
    yield made
    await made.close()


async def turns_of(database: Database, session_id: str = "s1") -> list[Turn]:
    async with database.reading() as session:
        conversation = await Conversations(session).by_session(session_id)
        assert conversation is not None
        return list(await Conversations(session).turns(conversation.id, limit=1000))


async def count(database: Database, table: type[Any]) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


def listen(database: Database, what: str, listener: Callable[..., None]) -> None:
    """Listens to all engines of the database."""
    for engine in (database.engine.sync_engine, database.writer):
        if engine is not None:
            event.listen(engine, what, listener)


async def test_a_turn_keeps_the_role_that_answered_and_what_it_cost(recorder: Recorder, database: Database) -> None:
    async with database.writing() as session:
        session.add(Role(id="a" * 32, name="Lulu"))
    recorder.on_event(opened())
    recorder.on_event(ended(role_id="a" * 32, cost=0.0125, currency="CNY"))
    recorder.on_event(ended(turn_id="s1-2", role_id="b" * 32, cost=float("nan"), currency="USD"))  # deleted meanwhile
    recorder.on_event(ended(turn_id="s1-3"))
    assert await recorder.drain(ENOUGH_S)
    turns = sorted(await turns_of(database), key=lambda turn: turn.turn_id)
    assert [(turn.role_id, turn.cost, turn.currency) for turn in turns] == [
        ("a" * 32, 0.0125, "CNY"), (None, None, "USD"), (None, None, ""),
    ]  # fmt: skip


async def test_a_talk_becomes_a_device_a_conversation_and_its_turns(recorder: Recorder, database: Database) -> None:
    recorder.on_event(opened())
    recorder.on_event(stage(Stage.HEARD))
    recorder.on_event(ended(tools=("self.audio_speaker.set_volume",), prompt_tokens=12, model="offline"))
    recorder.on_event(ended(turn_id="s1-2", outcome=Outcome.FAILED, error_code="engine_timeout"))
    recorder.on_event(closed(reason="idle"))
    assert await recorder.drain(ENOUGH_S)
    async with database.reading() as session:
        device = await Devices(session).by_device_id(DEVICE_ID)
        conversation = await Conversations(session).by_session("s1")
        assert device is not None and conversation is not None
        turns = await Conversations(session).turns(conversation.id)
        listed = await Conversations(session).of_device(device.id)
    assert (device.board, device.firmware, device.client_id) == ("bread-compact", "2.0.4", "c1")
    assert device.last_talk_at is not None
    assert (conversation.started_at, conversation.closed_reason, conversation.turn_count) == (NOON, "idle", 2)
    assert conversation.ended_at is not None
    assert [each.id for each in listed] == [conversation.id]
    assert [turn.turn_id for turn in sorted(turns, key=lambda turn: turn.turn_id)] == ["s1-1", "s1-2"]
    first = next(turn for turn in turns if turn.turn_id == "s1-1")
    assert (first.tools, first.prompt_tokens, first.model) == (["self.audio_speaker.set_volume"], 12, "offline")
    assert (first.silence_ms, first.speech_ms, first.speech_end_to_sound_ms) == (240.0, None, 460.0)


def test_every_timing_of_a_turn_has_its_column() -> None:
    columns = {column.name for column in Turn.__table__.columns if column.name.endswith("_ms")}
    assert columns == {field.name for field in fields(TurnTimings)}


async def test_a_turn_without_its_session_s_opening_is_kept(recorder: Recorder, database: Database) -> None:
    recorder.on_event(ended(session_id="never opened"))
    assert await recorder.drain(ENOUGH_S)
    assert len(await turns_of(database, "never opened")) == 1


async def test_times_of_any_zone_come_back_as_the_same_instant_in_utc(recorder: Recorder, database: Database) -> None:
    recorder.on_event(ended(started_at=datetime(2026, 11, 21, 20, 0, tzinfo=timezone(timedelta(hours=8)))))
    assert await recorder.drain(ENOUGH_S)
    [turn] = await turns_of(database)
    assert turn.started_at == NOON
    assert turn.started_at.tzinfo is UTC


async def test_a_locked_database_delays_turns_and_loses_none(
    recorder: Recorder, database: Database, outsider: Outsider
) -> None:
    async with outsider.in_the_way():
        for number in range(5):
            recorder.on_event(ended(turn_id=f"s1-{number}"))
        assert not await recorder.drain(0.5)
        assert "in use by another program" in recorder.problem
        assert recorder.depth == 5
    assert await recorder.drain(ENOUGH_S)
    assert recorder.problem == ""
    assert len(await turns_of(database)) == 5


@pytest.mark.parametrize(
    ("pragma", "repair", "sentence"),
    [
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF", "cannot be opened for writing"),
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "no room left"),
    ],
    ids=["read-only", "full"],
)
async def test_a_database_that_takes_nothing_for_a_while_gets_the_turns_later(
    recorder: Recorder, database: Database, pragma: str, repair: str, sentence: str
) -> None:
    if database.engine.dialect.name == "postgresql":
        if sentence == "no room left":
            pytest.skip("filling PostgreSQL's disk takes a disk; test_postgres.py has the sentence")
        pragma, repair, sentence = "SET TRANSACTION READ ONLY", "SET TRANSACTION READ WRITE", "read-only"
    now = [pragma]

    def taken_from_the_pool(connection: Any, *_: Any) -> None:
        connection.cursor().execute(now[0])

    listen(database, "checkout", taken_from_the_pool)

    for number in range(40):
        recorder.on_event(ended(turn_id=f"s1-{number}", reply_text="word " * 2000))
    assert not await recorder.drain(0.3)
    assert sentence in recorder.problem
    now[0] = repair
    assert await recorder.drain(ENOUGH_S)
    assert len(await turns_of(database)) == 40
    assert recorder.dropped == 0


class LosesTheAnswer(Database):
    """A database whose first commit happens, but the connection breaks before anybody is told."""

    broken = False

    async def write(self, work: Callable[[Connection], T]) -> T:
        result = await super().write(work)
        if not self.broken:
            self.broken = True
            raise ConnectionResetError("the answer is lost")
        return result


async def test_a_commit_that_was_reported_as_failed_does_not_write_turns_twice(database: Database) -> None:
    flaky = LosesTheAnswer(database.url, database.engine)
    recorder = Recorder(flaky)
    await recorder.start()
    recorder.on_event(ended())
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()
    assert flaky.broken
    assert len(await turns_of(database)) == 1
    async with database.reading() as session:
        conversation = await Conversations(session).by_session("s1")
    assert conversation is not None
    assert conversation.turn_count == 1


async def test_one_entry_the_database_will_never_take_does_not_hold_up_the_others(
    recorder: Recorder, database: Database
) -> None:
    recorder.on_event(ended(turn_id="s1-1"))
    recorder.on_event(ended(turn_id="s1-2", started_at=NOON.replace(tzinfo=None)))  # no instant
    recorder.on_event(ended(turn_id="s1-3"))
    assert await recorder.drain(ENOUGH_S)
    assert {turn.turn_id for turn in await turns_of(database)} == {"s1-1", "s1-3"}
    assert (recorder.rejected, recorder.dropped) == (1, 1)


@pytest.mark.parametrize("tokens", [10**12, 10**30], ids=["beyond 32 bits", "beyond 64 bits"])
async def test_a_model_that_lies_about_its_tokens_holds_up_no_turn(
    recorder: Recorder, database: Database, tokens: int
) -> None:
    recorder.on_event(ended(turn_id="s1-1", prompt_tokens=tokens))
    recorder.on_event(ended(turn_id="s1-2"))
    assert await recorder.drain(ENOUGH_S)
    first, second = sorted(await turns_of(database), key=lambda turn: turn.turn_id)
    assert (first.turn_id, first.prompt_tokens) == ("s1-1", 2**31 - 1)
    assert second.turn_id == "s1-2"


async def test_words_no_database_takes_are_stored_as_well_as_can_be(recorder: Recorder, database: Database) -> None:
    recorder.on_event(ended(user_text="a\0b \ud800 知音", reply_text="x" * 100_000))
    assert await recorder.drain(ENOUGH_S)
    [turn] = await turns_of(database)
    assert turn.user_text == "ab ? 知音"
    assert len(turn.reply_text) == 20_000


async def test_a_device_deleted_in_the_middle_of_a_session_comes_back_with_its_next_turn(
    recorder: Recorder, database: Database
) -> None:
    recorder.on_event(opened())
    recorder.on_event(ended())
    assert await recorder.drain(ENOUGH_S)
    async with database.writing() as session:
        await session.execute(delete(Device))
    assert await count(database, Turn) == 0
    recorder.on_event(ended(turn_id="s1-2"))
    assert await recorder.drain(ENOUGH_S)
    assert [turn.turn_id for turn in await turns_of(database)] == ["s1-2"]


async def test_a_conversation_cut_off_is_closed_as_lost_when_its_device_returns(
    recorder: Recorder, database: Database
) -> None:
    recorder.on_event(opened("before"))
    assert await recorder.drain(ENOUGH_S)
    recorder.on_event(opened("after", opened_at=NOON + timedelta(minutes=1)))
    assert await recorder.drain(ENOUGH_S)
    async with database.reading() as session:
        reasons = {row.session_id: row.closed_reason for row in await session.scalars(select(Conversation))}
    assert reasons == {"before": "lost", "after": ""}


async def test_a_replaced_session_says_replaced_and_not_lost(recorder: Recorder, database: Database) -> None:
    recorder.on_event(opened("before"))
    recorder.on_event(opened("after"))
    recorder.on_event(closed("before", reason="replaced"))
    assert await recorder.drain(ENOUGH_S)
    async with database.reading() as session:
        before = await Conversations(session).by_session("before")
        after = await Conversations(session).by_session("after")
    assert before is not None and after is not None
    assert (before.closed_reason, after.closed_reason) == ("replaced", "")


async def test_what_a_device_does_not_say_does_not_erase_what_it_said(recorder: Recorder, database: Database) -> None:
    told = {"board": "box-3", "chip": "esp32s3", "firmware": "2.0.4", "language": "zh-CN"}
    await recorder.seen(device_id=DEVICE_ID, server_aec=True, **told)
    recorder.on_event(opened(board="", firmware="", client_id=""))
    assert await recorder.drain(ENOUGH_S)
    await recorder.seen(device_id=DEVICE_ID, firmware="2.0.5")
    assert await recorder.drain(ENOUGH_S)
    async with database.reading() as session:
        device = await Devices(session).by_device_id(DEVICE_ID)
    assert device is not None
    assert (device.board, device.chip, device.firmware, device.language) == ("box-3", "esp32s3", "2.0.5", "zh-CN")
    assert device.server_aec is True
    assert await recorder.known(DEVICE_ID) == KnownDevice("esp32s3", "2.0.5", True)


async def test_a_device_just_seen_is_known_without_a_query(recorder: Recorder, database: Database) -> None:
    await database.close()
    queries: list[str] = []
    listen(database, "before_cursor_execute", lambda *args: queries.append(args[2]))
    await recorder.close()
    await recorder.seen(device_id=DEVICE_ID, chip="esp32c3", firmware="2.0.4")
    assert await recorder.known(DEVICE_ID) == KnownDevice(chip="esp32c3", firmware="2.0.4")
    assert queries == []


async def test_a_device_of_an_earlier_run_is_found_and_then_remembered(recorder: Recorder, database: Database) -> None:
    await recorder.seen(device_id=DEVICE_ID, chip="esp32s3", firmware="2.0.4")
    assert await recorder.drain(ENOUGH_S)
    later = Recorder(database)
    assert await later.known(DEVICE_ID) == KnownDevice(chip="esp32s3", firmware="2.0.4")
    assert await later.known("ff:ff:ff:ff:ff:ff") is None


async def test_looking_up_a_device_in_a_broken_database_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("this is a diary, not a database; " * 40)
    broken = open_database(f"sqlite:///{tmp_path / 'words.txt'}")
    assert await Recorder(broken).known(DEVICE_ID) is None
    await broken.close()


async def test_a_full_backlog_gives_up_everything_else_before_a_turn(database: Database) -> None:
    recorder = Recorder(database, backlog_limit=3)
    recorder.on_event(ended(turn_id="s1-1"))
    recorder.on_event(opened("s2"))
    recorder.on_event(ended(turn_id="s1-2"))
    recorder.on_event(ended(turn_id="s1-3"))
    assert (recorder.depth, recorder.dropped, recorder.dropped_turns) == (3, 1, 0)
    assert "being lost" in recorder.problem
    recorder.on_event(ended(turn_id="s1-4"))
    assert (recorder.depth, recorder.dropped, recorder.dropped_turns) == (3, 2, 1)
    await recorder.start()
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()
    assert {turn.turn_id for turn in await turns_of(database)} == {"s1-2", "s1-3", "s1-4"}


async def test_many_turns_at_once_share_few_transactions(recorder: Recorder, database: Database) -> None:
    commits: list[Any] = []
    listen(database, "commit", commits.append)
    for number in range(200):
        recorder.on_event(ended(session_id=f"s{number % 20}", turn_id=f"{number}"))
    assert await recorder.drain(ENOUGH_S)
    assert await count(database, Turn) == 200
    assert len(commits) == 1


async def test_closing_while_the_database_hangs_ends(recorder: Recorder, outsider: Outsider) -> None:
    async with outsider.in_the_way():
        recorder.on_event(ended())
        assert not await recorder.drain(0.1)
        async with asyncio.timeout(ENOUGH_S):
            await recorder.close()
    assert recorder.depth == 1


async def test_of_devices_that_never_talked_only_the_newest_are_kept(recorder: Recorder, database: Database) -> None:
    invented = [device_row(number) for number in range(KEPT_SILENT_DEVICES + 20)]
    talker = device_row(0) | {"device_id": "talker", "last_talk_at": NOON - timedelta(days=400)}
    talker["last_seen_at"] = talker["last_talk_at"]
    async with database.writing() as session:
        await session.execute(insert(Device), [talker])
        await session.execute(insert(Device), invented)
    await recorder.seen(device_id="the first of this run")
    assert await recorder.drain(ENOUGH_S)
    assert await silent_and_talkers(database) == (KEPT_SILENT_DEVICES, 1)
    async with database.reading() as session:
        oldest = await session.scalar(select(func.min(Device.last_seen_at)).where(Device.last_talk_at.is_(None)))
        assert await Devices(session).by_device_id("the first of this run") is not None
    assert oldest == invented[21]["last_seen_at"]

    for number in range(PRUNE_EVERY_DEVICES - 1):
        await recorder.seen(device_id=f"later {number}")
    assert await recorder.drain(ENOUGH_S)
    assert await silent_and_talkers(database) == (KEPT_SILENT_DEVICES + PRUNE_EVERY_DEVICES - 1, 1)
    await recorder.seen(device_id="the thousandth")
    assert await recorder.drain(ENOUGH_S)
    assert await silent_and_talkers(database) == (KEPT_SILENT_DEVICES, 1)


async def test_a_device_that_was_pruned_comes_back_with_its_next_report(database: Database) -> None:
    writer = Writer(database, kept_silent_devices=0)
    report = Entry("k1", NOON, DeviceReport(device_id=DEVICE_ID))
    await writer.write([report])
    assert await writer.prune() == 1
    await writer.write([report])
    assert await count(database, Device) == 1


async def test_a_pruning_that_fails_holds_up_no_turn(
    recorder: Recorder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Writer) -> int:
        raise OperationalError("DELETE", {}, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(Writer, "prune", fails)
    for number in range(2):
        recorder.on_event(ended(turn_id=f"s1-{number}"))
        assert await recorder.drain(ENOUGH_S)
    assert len(await turns_of(database)) == 2
    assert recorder.problem == ""


def device_row(number: int) -> dict[str, Any]:
    """A device that never talked, the higher its number the later seen."""
    seen_at = NOON - timedelta(days=1) + timedelta(seconds=number)
    return {"device_id": f"invented {number}", "first_seen_at": seen_at, "last_seen_at": seen_at}


async def silent_and_talkers(database: Database) -> tuple[int, int]:
    async with database.reading() as session:
        talkers = await session.scalar(select(func.count()).select_from(Device).where(Device.last_talk_at.is_not(None)))
    return await count(database, Device) - (talkers or 0), talkers or 0
