"""The keeper on a real database: what is due is noted once, retried, given up, and never against anybody's will."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from contracts.errors import EngineFailed
from fakes.conversation_actors import ScriptedModel
from fakes.happenings import DEVICE_ID, closed, ended, opened
from main_server.conversation.remembering import Asked
from main_server.conversation.summarising import SummaryRoom
from main_server.memory.keeper import GIVEN_UP_AFTER, Keeper
from main_server.memory.notebook import Note
from main_server.past_talks import TAKEN_FOR, StoreNotebook, TurnsUnderWay
from main_server.remembering import StoreRemembering
from main_server.store.engine import Database, open_database
from main_server.store.keeping import MOST_FACTS, MOST_SUMMARIES
from main_server.store.migrate import migrate
from main_server.store.models import Account, Conversation, Device, Memory, Role, Speaker, Turn
from main_server.store.recorder import Recorder

ENOUGH_S = 30.0
ANSWER = json.dumps({"title": "Whales", "summary": "They talked about whales.", "facts": ["Mia is six."]})


class OneModel:
    """A SmallModels that has the same one for everybody."""

    def __init__(self, model: ScriptedModel) -> None:
        self._model = model

    @asynccontextmanager
    async def of(self, role_id: str, account_id: str) -> AsyncIterator[ScriptedModel]:
        yield self._model


@pytest.fixture
async def database(any_url: str) -> AsyncIterator[Database]:
    await migrate(any_url)
    made = open_database(any_url)
    yield made
    await made.close()


def keeper(database: Database, *answers: Any, first_s: float = 0.0, **more: Any) -> Keeper:
    model = ScriptedModel(list(answers), first_s=first_s, pace_s=0.0, name="small")
    return Keeper(StoreNotebook(database), OneModel(model), SummaryRoom(), lambda: 0, **more)


async def owned(database: Database, **role: Any) -> tuple[Account, Role | None]:
    """A device of somebody, who gave it a role or none."""
    recorder = Recorder(database)
    await recorder.start()
    await recorder.seen(device_id=DEVICE_ID)
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()
    async with database.writing() as session:
        owner = Account(name="ana", rank="member", password_hash="-", language="")
        session.add(owner)
        await session.flush()
        given = Role(name="Lulu", account_id=owner.id, **role) if role else None
        if given is not None:
            session.add(given)
            await session.flush()
        values = {"account_id": owner.id, "role_id": given and given.id}
        await session.execute(update(Device).values(values))
    return owner, given


async def talked(
    database: Database, session_id: str = "s1", *, is_due: bool = True, ago: timedelta = timedelta()
) -> None:
    """A conversation of two turns that has ended."""
    at = datetime.now(UTC) - ago
    then = at + timedelta(seconds=1)
    recorder = Recorder(database)
    await recorder.start()
    for event in (
        opened(session_id, opened_at=at),
        ended(session_id, f"{session_id}-1", user_text="my name is Mia", heard_text="Hello Mia.", started_at=at),
        ended(session_id, f"{session_id}-2", user_text="are whales fish", heard_text="No.", started_at=then),
        closed(session_id),
    ):
        recorder.on_event(event)
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()
    if is_due:
        await make_due(database)


async def make_due(database: Database) -> None:
    async with database.writing() as session:
        due = update(Conversation).where(Conversation.memory_due_at.is_not(None))
        await session.execute(due.values(memory_due_at=datetime.now(UTC) - timedelta(seconds=1)))


async def memories(database: Database, kind: str = "summary") -> list[str]:
    async with database.reading() as session:
        query = select(Memory.text).where(Memory.kind == kind).order_by(Memory.updated_at, Memory.text)
        return list(await session.scalars(query))


async def due(database: Database) -> datetime | None:
    async with database.reading() as session:
        return await session.scalar(select(Conversation.memory_due_at))


async def title(database: Database) -> str:
    async with database.reading() as session:
        return str(await session.scalar(select(Conversation.title)))


async def test_a_conversation_that_ended_becomes_a_title_a_summary_and_facts(database: Database) -> None:
    owner, role = await owned(database, memory_policy="full")
    await talked(database)
    assert await keeper(database, ANSWER).keep_one()
    assert await due(database) is None
    assert await title(database) == "Whales"
    async with database.reading() as session:
        kept = {memory.kind: memory for memory in await session.scalars(select(Memory))}
    assert role is not None
    assert {(m.account_id, m.role_id, m.speaker_id) for m in kept.values()} == {(owner.id, role.id, None)}
    assert (kept["summary"].text, kept["fact"].text) == ("They talked about whales.", "Mia is six.")
    assert not await keeper(database).keep_one()


async def test_the_next_talk_recalls_what_was_noted(database: Database) -> None:
    _, role = await owned(database, memory_policy="full")
    assert role is not None
    await talked(database, ago=timedelta(hours=1))
    await keeper(database, ANSWER).keep_one()
    recorder = Recorder(database)
    asked = Asked(DEVICE_ID, "new", role.id, role.memory_policy)  # type: ignore[arg-type]
    recalled = await StoreRemembering(database, recorder).recall(asked)
    assert [memory.text for memory in recalled.memories] == ["Mia is six.", "They talked about whales."]
    assert recalled.turns == ()


async def test_what_is_not_due_yet_waits(database: Database) -> None:
    await owned(database)
    await talked(database, is_due=False)
    assert not await keeper(database).keep_one()
    assert await due(database) is not None


async def test_two_processes_that_look_at_the_same_moment_note_it_once(database: Database) -> None:
    await owned(database)
    for number in range(6):
        await talked(database, f"s{number}", ago=timedelta(hours=number))
    other = open_database(database.url.render_as_string(hide_password=False))
    keepers = [keeper(each, *[ANSWER] * 6, first_s=0.01) for each in (database, other, database, other)]

    async def all_there_is(one: Keeper) -> None:
        while await one.keep_one():
            pass

    await asyncio.gather(*map(all_there_is, keepers))
    assert sum(one.kept for one in keepers) == 6
    assert len(await memories(database)) == 6
    assert await memories(database, "fact") == ["Mia is six."]
    await other.close()


async def test_a_keeper_that_died_in_the_middle_is_followed_by_another(database: Database) -> None:
    await owned(database)
    await talked(database)
    notebook = StoreNotebook(database)
    taken = await notebook.take()
    assert taken is not None and taken.taken_until > datetime.now(UTC) + TAKEN_FOR / 2
    assert await notebook.take() is None
    await make_due(database)  # its time passes
    assert await keeper(database, ANSWER).keep_one()
    await notebook.write(taken, Note(summary="late"))  # it lives after all: the same summary, not a second one
    assert await memories(database) == ["late"]


async def test_a_conversation_that_goes_on_meanwhile_is_looked_at_again(database: Database) -> None:
    await owned(database)
    await talked(database)
    notebook = StoreNotebook(database)
    taken = await notebook.take()
    assert taken is not None
    await talked(database, "s2", is_due=False)
    await notebook.write(taken, Note("Whales", "They talked about whales."))
    assert await due(database) is not None
    await make_due(database)
    await keeper(database, json.dumps({"title": "More", "summary": "They talked on."})).keep_one()
    assert await memories(database) == ["They talked on."]  # one summary for each conversation
    assert await title(database) == "More"


async def test_a_pinned_summary_stays_as_its_owner_wants_it(database: Database) -> None:
    await owned(database)
    await talked(database)
    await keeper(database, ANSWER).keep_one()
    async with database.writing() as session:
        await session.execute(update(Memory).where(Memory.kind == "summary").values(pinned=True, text="mine"))
    await talked(database, "s2")
    await keeper(database, ANSWER).keep_one()
    assert await memories(database) == ["mine"]


async def test_outdated_facts_go_but_never_pinned_ones(database: Database) -> None:
    owner, _ = await owned(database)
    async with database.writing() as session:
        session.add_all(
            [
                Memory(account_id=owner.id, kind="fact", text="Mia is five.", pinned=False),
                Memory(account_id=owner.id, kind="fact", text="Mia likes tea.", pinned=True),
            ]
        )
    await talked(database)
    await keeper(database, json.dumps({"summary": "x", "facts": ["Mia is six."], "outdated": [1, 2]})).keep_one()
    assert await memories(database, "fact") == ["Mia likes tea.", "Mia is six."]


@pytest.mark.parametrize(
    ("role", "kept"),
    [
        ({"memory_policy": "none"}, ("Whales", [], [])),
        ({"memory_policy": "summary"}, ("Whales", ["They talked about whales."], [])),
        ({"memory_policy": "full"}, ("Whales", ["They talked about whales."], ["Mia is six."])),
        ({"memory_policy": "full", "recording_policy": "none"}, ("", [], [])),
    ],
    ids=["none", "summary", "full", "no words kept"],
)
async def test_no_more_is_kept_than_the_role_may(database: Database, role: dict[str, str], kept: object) -> None:
    await owned(database, **role)
    await talked(database)
    await keeper(database, ANSWER).keep_one()
    assert (await title(database), await memories(database), await memories(database, "fact")) == kept
    assert await due(database) is None


async def test_nothing_is_noted_of_a_device_that_is_nobody_s(database: Database) -> None:
    await talked(database)
    assert not await keeper(database).keep_one()
    assert await due(database) is None


@pytest.mark.parametrize("gone", ["conversation", "role", "account"])
async def test_what_was_deleted_meanwhile_does_not_come_back(database: Database, gone: str) -> None:
    await owned(database, memory_policy="full")
    await talked(database)
    notebook = StoreNotebook(database)
    taken = await notebook.take()
    assert taken is not None
    table = {"conversation": Conversation, "role": Role, "account": Account}[gone]
    async with database.writing() as session:
        await session.execute(delete(table))
    await notebook.write(taken, Note("Whales", "They talked about whales.", ("Mia is six.",)))
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Memory)) == 0
    await make_due(database)
    assert await notebook.take() is None


async def test_facts_are_the_speaker_s_where_all_that_is_known_agrees(database: Database) -> None:
    owner, _ = await owned(database)
    async with database.writing() as session:
        mia, ben = Speaker(account_id=owner.id, name="Mia"), Speaker(account_id=owner.id, name="Ben")
        session.add_all([mia, ben])
    await talked(database)
    async with database.writing() as session:
        await session.execute(update(Turn).where(Turn.turn_id == "s1-2").values(speaker_id=mia.id))
    taken = await StoreNotebook(database).take()
    assert taken is not None and taken.speaker == "Mia"
    async with database.writing() as session:
        await session.execute(update(Turn).where(Turn.turn_id == "s1-1").values(speaker_id=ben.id))
    await make_due(database)
    taken = await StoreNotebook(database).take()
    assert taken is not None and taken.speaker == ""


async def test_no_role_remembers_without_end(database: Database) -> None:
    owner, _ = await owned(database)
    long_ago = datetime.now(UTC) - timedelta(days=400)
    async with database.writing() as session:
        for kind, most in (("summary", MOST_SUMMARIES), ("fact", MOST_FACTS)):
            for n in range(most + 5):
                at = long_ago + timedelta(days=n)
                session.add(Memory(account_id=owner.id, kind=kind, text=f"{kind} {n:03}", pinned=n == 0, updated_at=at))
    await talked(database)
    await keeper(database, ANSWER).keep_one()
    for kind, most in (("summary", MOST_SUMMARIES), ("fact", MOST_FACTS)):
        kept = await memories(database, kind)
        assert len(kept) == most + 1 and f"{kind} 000" in kept and f"{kind} 001" not in kept


@pytest.mark.parametrize("answer", [EngineFailed("no", engine="small"), "", "{"], ids=["fails", "says nothing", "junk"])
async def test_a_note_that_fails_is_tried_again_later_and_at_last_the_words_are_kept(
    database: Database, answer: str | Exception
) -> None:
    await owned(database)
    await talked(database)
    failing = keeper(database, *[answer] * 3)
    assert await failing.keep_one()
    again = await due(database)
    assert again is not None and again > datetime.now(UTC) + timedelta(seconds=50)
    assert (failing.failed, await memories(database)) == (1, [])
    async with database.writing() as session:
        old = datetime.now(UTC) - GIVEN_UP_AFTER - timedelta(minutes=1)
        for number in (1, 2):
            at = old + timedelta(seconds=number)
            await session.execute(update(Turn).where(Turn.turn_id == f"s1-{number}").values(started_at=at))
    await make_due(database)
    assert await failing.keep_one()
    assert await due(database) is None
    assert await memories(database) == ["“my name is Mia” · “are whales fish”"]


async def test_the_offline_brain_is_not_asked_and_the_words_are_kept(database: Database) -> None:
    await owned(database)
    await talked(database)
    offline = keeper(database)
    offline.models._model.name = "offline"  # type: ignore[attr-defined]
    assert await offline.keep_one()
    assert await memories(database) == ["“my name is Mia” · “are whales fish”"]
    assert await title(database) == "my name is Mia"


async def test_a_note_waits_while_somebody_is_answered_and_while_the_process_is_busy(database: Database) -> None:
    await owned(database)
    await talked(database)
    turns = TurnsUnderWay()
    waiting = keeper(database, ANSWER)
    waiting.answering = lambda: 1
    task = asyncio.create_task(waiting.keep_one())
    await asyncio.sleep(0.3)
    assert not task.done() and waiting.kept == 0
    waiting.answering = turns
    assert await asyncio.wait_for(task, ENOUGH_S)
    await talked(database, "s2")
    waiting.room.observe_lag(1.0)
    assert not await waiting.keep_one()


def test_turns_under_way_are_counted_until_they_end_or_their_session_does() -> None:
    from contracts.events import Stage
    from fakes.happenings import stage

    turns = TurnsUnderWay()
    turns.on_event(stage(Stage.HEARD))
    turns.on_event(stage(Stage.HEARD, "s2", "s2-1"))
    assert turns() == 2
    turns.on_event(ended())
    assert turns() == 1
    turns.on_event(closed("s2"))
    assert turns() == 0


async def test_a_database_that_is_away_stops_no_keeper(database: Database) -> None:
    class Broken(StoreNotebook):
        tries = 0

        async def take(self) -> Any:
            self.tries += 1
            raise OSError("no") if self.tries == 1 else await _down()

    notebook = Broken(database)
    running = keeper(database, look_every_s=0.01)
    running.notebook = notebook
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(ENOUGH_S):
        while notebook.tries < 3:
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


async def _down() -> Exception:
    from main_server.store.errors import DatabaseUnavailable

    return DatabaseUnavailable("The database is away.")
