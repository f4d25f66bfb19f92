"""Which conversation a session belongs to: a device that comes back in a moment goes on where it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection, select, update

from contracts.events import Event
from fakes.happenings import DEVICE_ID, NOON, closed, ended, opened, summed_up
from main_server.store.engine import Database
from main_server.store.models import Account, Conversation, Device, Role, Turn
from main_server.store.recorder import Recorder
from main_server.store.threads import CONTINUED_WITHIN, LONGEST

ENOUGH_S = 30.0
A_MINUTE = timedelta(minutes=1)
T = TypeVar("T")


@pytest.fixture
async def recorder(database: Database) -> AsyncIterator[Recorder]:
    made = Recorder(database)
    await made.start()
    yield made
    await made.close()


async def write(recorder: Recorder, *events: Event) -> None:
    for event in events:
        recorder.on_event(event)
    assert await recorder.drain(ENOUGH_S)


def visit(session_id: str, at: datetime, turns: int = 1) -> list[Event]:
    """A session from its hello to its end."""
    said = [ended(session_id, f"{session_id}-{n}", started_at=at + n * A_MINUTE / 10) for n in range(1, turns + 1)]
    return [opened(session_id, opened_at=at), *said, closed(session_id)]


async def threads(database: Database) -> dict[str, list[str]]:
    """Turns by the session their conversation is of."""
    async with database.reading() as session:
        query = (
            select(Conversation.session_id, Turn.turn_id)
            .outerjoin(Turn, Turn.conversation_id == Conversation.id)
            .order_by(Turn.started_at)
        )
        found: dict[str, list[str]] = {}
        for session_id, turn_id in await session.execute(query):
            found.setdefault(session_id, []).extend([turn_id] if turn_id else [])
        return found


async def conversation(database: Database, session_id: str) -> Conversation:
    async with database.reading() as session:
        return (await session.scalars(select(Conversation).where(Conversation.session_id == session_id))).one()


async def test_a_device_that_comes_back_in_a_moment_goes_on_in_its_conversation(
    recorder: Recorder, database: Database
) -> None:
    await write(recorder, *visit("s1", NOON))
    await write(recorder, opened("s2", opened_at=NOON + 5 * A_MINUTE))
    open_again = await conversation(database, "s2")
    assert (open_again.ended_at, open_again.closed_reason, open_again.turn_count) == (None, "", 1)
    await write(recorder, ended("s2", "s2-1", started_at=NOON + 6 * A_MINUTE), closed("s2", reason="idle"))
    assert await threads(database) == {"s2": ["s1-1", "s2-1"]}
    over = await conversation(database, "s2")
    assert (over.started_at, over.turn_count, over.closed_reason) == (NOON, 2, "idle")
    assert over.ended_at is not None


async def test_after_a_while_a_new_conversation_begins(recorder: Recorder, database: Database) -> None:
    await write(recorder, *visit("s1", NOON))
    last = NOON + A_MINUTE / 10
    await write(recorder, *visit("s2", last + CONTINUED_WITHIN))
    await write(recorder, *visit("s3", last + 2 * CONTINUED_WITHIN + A_MINUTE))
    assert await threads(database) == {"s2": ["s1-1", "s2-1"], "s3": ["s3-1"]}


async def test_no_conversation_goes_on_for_days(recorder: Recorder, database: Database) -> None:
    steps = int(LONGEST / CONTINUED_WITHIN) + 2
    for number in range(steps):
        await write(recorder, *visit(f"s{number}", NOON + number * CONTINUED_WITHIN))
    assert len(await threads(database)) == 2


@pytest.mark.parametrize("changed", ["role", "account"])
async def test_another_role_or_owner_begins_another_conversation(
    recorder: Recorder, database: Database, changed: str
) -> None:
    await write(recorder, *visit("s1", NOON))
    async with database.writing() as session:
        owner = Account(name="ana", rank="member", password_hash="-", language="")
        role = Role(name="Lulu")
        session.add_all([owner, role])
        await session.flush()
        values = {"role_id": role.id} if changed == "role" else {"account_id": owner.id}
        await session.execute(update(Device).where(Device.device_id == DEVICE_ID).values(values))
    await write(recorder, *visit("s2", NOON + A_MINUTE))
    assert await threads(database) == {"s1": ["s1-1"], "s2": ["s2-1"]}


async def test_a_session_in_which_nothing_was_said_is_no_conversation_to_go_on_with(
    recorder: Recorder, database: Database
) -> None:
    await write(recorder, *visit("s1", NOON), *visit("s2", NOON + A_MINUTE, turns=0))
    await write(recorder, *visit("s3", NOON + 2 * A_MINUTE))
    assert await threads(database) == {"s3": ["s1-1", "s3-1"]}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same writer", "writer that knows no keys"])
async def test_the_last_word_of_a_replaced_session_joins_and_takes_nothing_away(
    recorder: Recorder, database: Database, elsewhere: bool
) -> None:
    await write(recorder, *visit("s1", NOON)[:-1], opened("s2", opened_at=NOON + A_MINUTE))
    late = Recorder(database) if elsewhere else recorder
    if elsewhere:
        await late.start()
    await write(late, ended("s1", "s1-2", started_at=NOON + A_MINUTE / 2), closed("s1", reason="replaced"))
    await write(recorder, ended("s2", "s2-1", started_at=NOON + 2 * A_MINUTE))
    assert await threads(database) == {"s2": ["s1-1", "s1-2", "s2-1"]}
    assert (await conversation(database, "s2")).ended_at is None
    await write(recorder, closed("s2", reason="goodbye"))
    assert (await conversation(database, "s2")).closed_reason == "goodbye"
    if elsewhere:
        await late.close()


async def test_the_first_turn_of_a_replaced_session_may_come_when_the_new_one_has_begun(
    recorder: Recorder, database: Database
) -> None:
    await write(recorder, opened("s1"), opened("s2", opened_at=NOON + A_MINUTE))
    await write(recorder, ended("s1", "s1-1", started_at=NOON), closed("s1", reason="replaced"))
    await write(recorder, ended("s2", "s2-1", started_at=NOON + 2 * A_MINUTE), closed("s2"))
    assert await threads(database) == {"s1": ["s1-1"], "s2": ["s2-1"]}  # two threads, but every word is there


def hours_of_talk() -> list[Event]:
    """Three sessions close together, the second of which was cut off and replaced, and one much later."""
    first, second, third = visit("s1", NOON, 2), visit("s2", NOON + 2 * A_MINUTE, 2), visit("s3", NOON + 4 * A_MINUTE)
    return [*first, *second[:-1], third[0], closed("s2", reason="replaced"), *third[1:], *visit("s4", NOON + LONGEST)]


TURNS = ["s1-1", "s1-2", "s2-1", "s2-2", "s3-1"]


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
async def test_however_the_talk_is_cut_into_batches_it_becomes_the_same_threads(
    recorder: Recorder, database: Database, at_once: int
) -> None:
    for batch in _cut(at_once):
        await write(recorder, *batch)
    assert await threads(database) == {"s3": TURNS, "s4": ["s4-1"]}
    over = await conversation(database, "s3")
    assert (over.turn_count, over.closed_reason) == (5, "peer_closed")


def _cut(at_once: int) -> list[list[Event]]:
    events = hours_of_talk()
    return [events[start : start + at_once] for start in range(0, len(events), at_once)]


class LosesEveryAnswer(Database):
    """Every first attempt is committed, and nobody is told."""

    attempts = 0

    async def write(self, work: Callable[[Connection], T]) -> T:
        result = await super().write(work)
        self.attempts += 1
        if self.attempts % 2:
            raise ConnectionResetError("the answer is lost")
        return result


@pytest.mark.parametrize("at_once", [1, 3, 100])
async def test_a_batch_that_is_written_again_makes_no_other_threads(database: Database, at_once: int) -> None:
    recorder = Recorder(LosesEveryAnswer(database.url, database.engine))
    await recorder.start()
    for batch in _cut(at_once):
        await write(recorder, *batch)
    await recorder.close()
    assert await threads(database) == {"s3": TURNS, "s4": ["s4-1"]}
    assert (await conversation(database, "s3")).turn_count == 5


async def test_other_devices_have_their_own(recorder: Recorder, database: Database) -> None:
    other = "aa:bb:cc:dd:ee:02"
    await write(recorder, *visit("s1", NOON))
    await write(recorder, opened("o1", other, opened_at=NOON), ended("o1", "o1-1", other))
    assert await threads(database) == {"s1": ["s1-1"], "o1": ["o1-1"]}


async def test_memory_is_due_a_while_after_the_last_turn_and_soon_after_the_end(
    recorder: Recorder, database: Database
) -> None:
    async def due() -> datetime | None:
        async with database.reading() as session:
            return await session.scalar(select(Conversation.memory_due_at).where(Conversation.started_at == NOON))

    await write(recorder, opened())
    assert await due() is None  # nothing was said
    await write(recorder, ended(started_at=NOON))
    unseen = await due()
    await write(recorder, closed())
    seen = await due()
    assert unseen is not None and seen is not None and seen < unseen
    await write(recorder, opened("s2", opened_at=NOON + A_MINUTE))
    assert await due() is not None
    await write(recorder, ended("s2", "s2-1", started_at=NOON + A_MINUTE))
    again = await due()
    assert again is not None and again > seen
    async with database.writing() as session:
        await session.execute(update(Conversation).values(memory_due_at=None))
    await write(recorder, closed("s2"), opened("s3", opened_at=NOON + 2 * A_MINUTE), closed("s3"))
    assert await due() is None  # remembered, and nothing new was said


async def test_a_summary_is_kept_with_the_number_of_turns_it_tells_of(recorder: Recorder, database: Database) -> None:
    await write(recorder, *visit("s1", NOON, 3))
    again = opened("s2", opened_at=NOON + A_MINUTE)
    turn = ended("s2", "s2-1", started_at=NOON + 2 * A_MINUTE)
    await write(recorder, again, summed_up("s1-2", "They met.", "s2"), turn, summed_up("s1-3", "They talked.", "s2"))
    row = await conversation(database, "s2")
    assert (row.summary, row.summarised_turns, row.turn_count) == ("They talked.", 3, 4)
    await write(recorder, summed_up("s2-1", "", "s2"), summed_up("s1-1", "late", "s1"))  # not to be kept; not its own
    assert (await conversation(database, "s2")).summary == "They talked."
