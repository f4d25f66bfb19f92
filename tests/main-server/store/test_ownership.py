"""What is said belongs to whom the device belongs to, and requests write beside the recorder."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select, update

from fakes.happenings import DEVICE_ID, ended
from main_server.store.engine import Database
from main_server.store.models import Account, AuditEntry, Conversation, Device, Turn
from main_server.store.recorder import Recorder
from main_server.store.writer import Writer

ENOUGH_S = 30.0


def account(name: str) -> Account:
    return Account(name=name, rank="member", password_hash="-", language="")


async def give(database: Database, owner: str | None) -> None:
    async with database.writing() as session:
        await session.execute(update(Device).where(Device.device_id == DEVICE_ID).values(account_id=owner))


async def say(recorder: Recorder, session_id: str, turn_id: str) -> None:
    recorder.on_event(ended(session_id=session_id, turn_id=turn_id))
    assert await recorder.drain(ENOUGH_S)


async def test_a_talk_belongs_to_whose_the_device_was_when_it_began(database: Database) -> None:
    recorder = Recorder(database)
    await recorder.start()
    await say(recorder, "open", "1")
    ana, ben = account("ana"), account("ben")
    async with database.writing() as session:
        session.add_all([ana, ben])
    await give(database, ana.id)
    await say(recorder, "hers", "2")
    await give(database, ben.id)
    await say(recorder, "hers", "3")
    await say(recorder, "his", "4")
    async with database.reading() as session:
        rows = await session.execute(select(Turn.turn_id, Turn.account_id).order_by(Turn.turn_id))
        turns = {row.turn_id: row.account_id for row in rows}
        rows = await session.execute(select(Conversation.session_id, Conversation.account_id))
        conversations = {row.session_id: row.account_id for row in rows}
    await recorder.close()
    assert turns == {"1": None, "2": ana.id, "3": ana.id, "4": ben.id}
    assert conversations == {"open": None, "hers": ana.id, "his": ben.id}


async def test_an_account_that_goes_takes_its_talk_along_and_leaves_the_device(database: Database) -> None:
    recorder = Recorder(database)
    await recorder.start()
    await say(recorder, "open", "1")
    ana = account("ana")
    async with database.writing() as session:
        session.add(ana)
    await give(database, ana.id)
    await say(recorder, "hers", "2")
    async with database.writing() as session:
        await session.delete(await session.get_one(Account, ana.id))
    async with database.reading() as session:
        assert list(await session.scalars(select(Turn.turn_id))) == ["1"]
        assert list(await session.scalars(select(Device.account_id))) == [None]
    await recorder.close()


async def test_requests_and_the_recorder_write_side_by_side(database: Database) -> None:
    recorder = Recorder(database)
    await recorder.start()

    async def request(number: int) -> None:
        async with database.writing() as session:
            await session.scalar(select(func.count()).select_from(Device))
            await asyncio.sleep(0.002)  # longer than it should be
            session.add(AuditEntry(action="asked", target_id=str(number)))

    async def talk() -> None:
        for number in range(100):
            recorder.on_event(ended(session_id=f"s{number % 7}", turn_id=str(number)))
            await asyncio.sleep(0.001)

    await asyncio.gather(talk(), *(request(number) for number in range(60)))
    assert await recorder.drain(ENOUGH_S)
    assert (recorder.rejected, recorder.dropped, recorder.problem) == (0, 0, "")
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Turn)) == 100
        assert await session.scalar(select(func.count()).select_from(AuditEntry)) == 60
    await recorder.close()


async def test_a_device_of_somebody_is_not_pruned_though_it_never_talked(database: Database) -> None:
    recorder = Recorder(database)
    await recorder.start()
    for device_id in (DEVICE_ID, "aa:bb:cc:dd:ee:02"):
        await recorder.seen(device_id=device_id)
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()
    ana = account("ana")
    async with database.writing() as session:
        session.add(ana)
    await give(database, ana.id)
    assert await Writer(database, kept_silent_devices=0).prune() == 1
    async with database.reading() as session:
        assert list(await session.scalars(select(Device.device_id))) == [DEVICE_ID]
