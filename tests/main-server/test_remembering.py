"""What a talk begins with, recalled from the store: the conversation that goes on, and memories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from contracts.events import Outcome
from contracts.roles import MemoryPolicy
from fakes.happenings import DEVICE_ID, closed, ended, opened
from fakes.outsider import Outsider
from main_server.conversation.remembering import Asked, Recollection
from main_server.remembering import StoreRemembering
from main_server.store.engine import Database, open_database
from main_server.store.migrate import migrate
from main_server.store.models import Account, Conversation, Device, Memory, Role, Speaker
from main_server.store.recorder import Recorder

ENOUGH_S = 30.0


@pytest.fixture
async def database(any_url: str) -> AsyncIterator[Database]:
    await migrate(any_url)
    made = open_database(any_url)
    yield made
    await made.close()


@pytest.fixture
async def recorder(database: Database) -> AsyncIterator[Recorder]:
    made = Recorder(database)
    await made.start()
    yield made
    await made.close()


def now() -> datetime:
    return datetime.now(UTC)


def talk(session_id: str = "s1", turns: int = 2, at: datetime | None = None) -> list[object]:
    at = at or now()
    words = {"user_text": "question {}", "heard_text": "answer {}"}
    said = [
        ended(
            session_id,
            f"{session_id}-{n}",
            started_at=at + timedelta(milliseconds=n),
            **{name: text.format(n) for name, text in words.items()},
        )
        for n in range(turns)
    ]
    return [opened(session_id, opened_at=at), *said]


def told(recorder: Recorder, *events: object) -> None:
    for event in events:
        recorder.on_event(event)  # type: ignore[arg-type]


async def recall(
    database: Database, recorder: Recorder, role_id: str = "", policy: MemoryPolicy = MemoryPolicy.FULL
) -> Recollection:
    return await StoreRemembering(database, recorder).recall(Asked(DEVICE_ID, "new", role_id, policy))


def texts(recollection: Recollection) -> list[str]:
    return [memory.text for memory in recollection.memories]


async def owned(database: Database, recorder: Recorder) -> Account:
    """An account, whose the device is."""
    told(recorder, opened("first", opened_at=now() - timedelta(days=1)), closed("first"))
    assert await recorder.drain(ENOUGH_S)
    async with database.writing() as session:
        owner = Account(name="ana", rank="member", password_hash="-", language="")
        session.add(owner)
        await session.flush()
        await session.execute(update(Device).values(account_id=owner.id))
    return owner


async def test_a_device_nobody_knows_recalls_nothing(database: Database, recorder: Recorder) -> None:
    assert await recall(database, recorder) == Recollection()


async def test_the_last_turn_is_recalled_though_it_was_said_this_moment(database: Database, recorder: Recorder) -> None:
    told(recorder, *talk(), closed())
    recalled = await recall(database, recorder)
    assert [(turn.user_text, turn.heard_text) for turn in recalled.turns] == [
        ("question 0", "answer 0"),
        ("question 1", "answer 1"),
    ]


async def test_the_end_of_the_session_that_is_being_replaced_is_waited_for(
    database: Database, recorder: Recorder
) -> None:
    told(recorder, *talk(), opened("new", opened_at=now()))
    recalling = asyncio.create_task(recall(database, recorder))
    await asyncio.sleep(0.05)
    assert not recalling.done()
    told(recorder, ended("s1", "s1-9", user_text="last", started_at=now(), outcome=Outcome.INTERRUPTED), closed())
    recalled = await recalling
    assert (recalled.turns[-1].user_text, recalled.turns[-1].interrupted) == ("last", True)


async def test_a_database_that_is_held_costs_memories_and_raises_nothing(any_url: str) -> None:
    await migrate(any_url)
    database, outsider = open_database(any_url, busy_timeout_ms=50), Outsider(any_url)
    recorder = Recorder(database)
    await recorder.start()
    async with outsider.in_the_way():
        assert await recall(database, recorder) == Recollection()
    await recorder.close()
    await database.close()
    await outsider.close()


async def test_greetings_are_no_part_of_the_talk(database: Database, recorder: Recorder) -> None:
    told(recorder, *talk(turns=1), ended("s1", "s1-8", trigger="wake", started_at=now()), closed())
    assert len((await recall(database, recorder)).turns) == 1


async def test_what_was_said_long_ago_does_not_go_on(database: Database, recorder: Recorder) -> None:
    told(recorder, *talk(at=now() - timedelta(hours=1)), closed())
    assert await recall(database, recorder) == Recollection()


async def test_a_summary_takes_the_place_of_the_turns_it_tells_of(database: Database, recorder: Recorder) -> None:
    told(recorder, *talk(turns=5), closed())
    assert await recorder.drain(ENOUGH_S)
    async with database.writing() as session:
        await session.execute(update(Conversation).values(summary="they met", summarised_turns=3))
    recalled = await recall(database, recorder)
    assert recalled.summary == "they met"
    assert [turn.user_text for turn in recalled.turns] == ["question 3", "question 4"]


async def test_memories_come_pinned_first_then_facts_then_summaries_the_newest_first(
    database: Database, recorder: Recorder
) -> None:
    owner = await owned(database, recorder)
    async with database.writing() as session:
        speaker = Speaker(account_id=owner.id, name="Mia")
        session.add(speaker)
        await session.flush()

        def kept(text: str, age_days: int, kind: str = "fact", **more: object) -> Memory:
            at = now() - timedelta(days=age_days)
            return Memory(account_id=owner.id, kind=kind, text=text, created_at=at, updated_at=at, **more)

        session.add_all(
            [
                kept("new talk", 1, "summary"),
                kept("old talk", 8, "summary"),
                kept("new fact", 2, speaker_id=speaker.id),
                kept("old fact", 9),
                kept("pinned", 90, pinned=True),
            ]
        )
    recalled = await recall(database, recorder)
    assert texts(recalled) == ["pinned", "new fact", "old fact", "new talk", "old talk"]
    assert [memory.about for memory in recalled.memories][:2] == ["", "Mia"]
    assert texts(await recall(database, recorder, policy=MemoryPolicy.SUMMARY)) == ["pinned", "new talk", "old talk"]
    assert texts(await recall(database, recorder, policy=MemoryPolicy.NONE)) == []


async def test_memories_of_other_roles_and_other_accounts_are_theirs(database: Database, recorder: Recorder) -> None:
    owner = await owned(database, recorder)
    async with database.writing() as session:
        other = Account(name="ben", rank="member", password_hash="-", language="")
        role = Role(name="Lulu", account_id=owner.id)
        session.add_all([other, role])
        await session.flush()
        session.add_all(
            [
                Memory(account_id=owner.id, kind="fact", text="the house's"),
                Memory(account_id=owner.id, role_id=role.id, kind="fact", text="Lulu's"),
                Memory(account_id=other.id, kind="fact", text="Ben's"),
            ]
        )
    assert texts(await recall(database, recorder)) == ["the house's"]
    assert texts(await recall(database, recorder, role.id)) == ["Lulu's"]
    async with database.writing() as session:
        await session.execute(update(Device).values(account_id=other.id))
    assert texts(await recall(database, recorder)) == ["Ben's"]
    async with database.writing() as session:
        await session.execute(update(Device).values(account_id=None))
    assert texts(await recall(database, recorder)) == []


async def test_the_summary_of_the_conversation_that_goes_on_is_not_told_beside_its_own_words(
    database: Database, recorder: Recorder
) -> None:
    owner = await owned(database, recorder)
    told(recorder, *talk(), closed())
    assert await recorder.drain(ENOUGH_S)
    async with database.writing() as session:
        going_on = await session.scalar(select(Conversation.id).where(Conversation.turn_count > 0))
        session.add_all(
            [
                Memory(account_id=owner.id, conversation_id=going_on, kind="summary", text="this very talk"),
                Memory(account_id=owner.id, conversation_id=going_on, kind="fact", text="likes tea"),
            ]
        )
    recalled = await recall(database, recorder)
    assert texts(recalled) == ["likes tea"]
    assert len(recalled.turns) == 2
