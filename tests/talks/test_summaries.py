"""The talk outgrows the model's window: a summary takes the place of old turns, behind the talk and in one change."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from contracts.errors import EngineFailed
from contracts.events import ConversationSummarised
from contracts.language_model import Author, Message, Words
from contracts.roles import MemoryPolicy, RecordingPolicy
from fakes.conversation_actors import Diary, Scene, ScriptedModel
from fakes.virtual_time import run_virtual
from main_server.conversation.remembering import EarlierTurn, Memory, Recollection
from main_server.conversation.role import Role
from main_server.conversation.summarising import GIVES_WAY, MOST_FAILURES, SummaryRoom

TURNS = 30


def scene(small: ScriptedModel | None, turns: int = TURNS, **more: object) -> Scene:
    return Scene(ScriptedModel([f"Answer {n}." for n in range(turns)]), small=small, **more)  # type: ignore[arg-type]


def writer(first_s: float = 0.5, answers: int = 20) -> ScriptedModel:
    return ScriptedModel([f"Summary {n}." for n in range(answers)], first_s=first_s, name="small")


async def converse(running: Scene, turns: int = TURNS, gap_s: float = 8.0) -> None:
    for number in range(turns):
        running.ears.hears(f"question number {number}")
        await asyncio.sleep(gap_s)


def prefix(messages: Sequence[Message]) -> list[Message]:
    """What stands before the clock: all that a server may have cached."""
    clock = max(index for index, message in enumerate(messages) if message.author is Author.SYSTEM)
    return list(messages[:clock])


def summaries(running: Scene) -> list[ConversationSummarised]:
    return [event for event in running.events if isinstance(event, ConversationSummarised)]


def breaks(histories: Sequence[list[Message]]) -> list[int]:
    """The requests that do not begin as the one before them."""
    pairs = enumerate(itertools.pairwise(histories), 1)
    return [n for n, (one, next_one) in pairs if next_one[: len(prefix(one))] != prefix(one)]


def test_every_request_begins_as_the_one_before_but_where_a_summary_came_in() -> None:
    async def talk() -> Scene:
        memories = Recollection((Memory("They talked about whales."),))
        async with scene(writer(), remembering=Diary({"": memories})) as running:
            await converse(running)
        return running

    running = run_virtual(talk())
    histories = running.model.histories
    assert len(histories) == TURNS
    assert len(breaks(histories)) == len(summaries(running)) == 5
    opening = histories[0][0].text
    assert all(messages[0].text.startswith(opening) for messages in histories)  # persona and memories never change
    assert all(len(messages) <= 2 * 12 + 2 for messages in histories)
    last = histories[-1][0].text
    assert "Summary 4." in last and "Summary 3." not in last


def test_nothing_that_was_said_is_in_neither_the_summary_nor_the_window() -> None:
    async def talk() -> Scene:
        async with scene(writer()) as running:
            await converse(running)
        return running

    running = run_virtual(talk())
    assert running.small is not None
    told = " ".join(message.text for asked in running.small.histories for message in asked)  # type: ignore[attr-defined]
    shown = " ".join(message.text for message in running.model.histories[-1])
    for number in range(TURNS - 1):
        assert (
            f"Person: question number {number}\nToy: Answer {number}." in told or f"question number {number}" in shown
        )
    asked_last = running.small.histories[-1][1].text  # type: ignore[attr-defined]
    assert "<summary>\nSummary 3.\n</summary>" in asked_last  # the one before is summed up with the rest


def test_the_event_names_the_last_turn_that_the_summary_tells_of() -> None:
    async def talk() -> Scene:
        async with scene(writer()) as running:
            await converse(running, 10)
        return running

    [summed] = summaries(run_virtual(talk()))
    assert (summed.summary, summed.turn_id, summed.model) == ("Summary 0.", "session-5", "small")


def test_a_summary_that_never_comes_costs_old_turns_and_holds_up_nothing() -> None:
    async def talk(small: ScriptedModel | None) -> Scene:
        async with scene(small) as running:
            await converse(running)
        return running

    without, slow = run_virtual(talk(None)), run_virtual(talk(writer(first_s=1e6)))
    assert [len(messages) for messages in slow.model.histories] == [len(m) for m in without.model.histories]
    assert slow.toy.times("audio") == without.toy.times("audio")
    assert slow.small is not None and slow.small.closed == len(slow.small.histories) > 0  # type: ignore[attr-defined]


def test_a_summary_gives_way_to_an_answer_and_then_insists() -> None:
    async def talk() -> Scene:
        async with scene(writer(first_s=12.0)) as running:
            await converse(running, 20)
        return running

    running = run_virtual(talk())
    assert running.small is not None
    begun = len(running.small.histories)  # type: ignore[attr-defined]
    assert summaries(running) and begun >= GIVES_WAY + 1


def test_a_model_that_cannot_sum_up_is_left_alone_after_a_few_tries() -> None:
    async def talk(answer: str | Exception) -> int:
        small = ScriptedModel([answer] * 20, name="small")  # type: ignore[list-item]
        async with scene(small) as running:
            await converse(running)
        assert len(running.turns) == TURNS and summaries(running) == []
        return len(small.histories)

    assert run_virtual(talk(EngineFailed("no", engine="small"))) == MOST_FAILURES
    assert run_virtual(talk("")) == MOST_FAILURES


def test_a_model_that_breaks_in_its_own_way_ends_summaries_and_not_the_talk() -> None:
    async def talk() -> int:
        small = ScriptedModel([[Words("x"), KeyError("oops")]] * 20, name="small")  # type: ignore[list-item]
        async with scene(small) as running:
            await converse(running)
        assert len(running.turns) == TURNS
        return len(small.histories)

    assert run_virtual(talk()) == 1


def test_the_offline_brain_is_never_asked_for_a_summary() -> None:
    async def talk() -> int:
        small = writer()
        small.name = "offline"
        async with scene(small) as running:
            await converse(running, 15)
        return len(small.histories)

    assert run_virtual(talk()) == 0


@pytest.mark.parametrize("why", ["full", "late"])
def test_a_process_that_has_no_room_writes_no_summary(why: str) -> None:
    async def talk() -> int:
        small, room = writer(), SummaryRoom(0 if why == "full" else 4)
        if why == "late":
            room.observe_lag(0.2)
        async with scene(small) as running:
            running.session._mind._summarising.room = room
            await converse(running, 15)
        return len(small.histories)

    assert run_virtual(talk()) == 0


def test_rooms_are_given_back() -> None:
    async def talk() -> int:
        async with scene(writer(first_s=100.0)) as running:
            await converse(running, 12)
            room = running.session.summary_room
            assert room.under_way == 1
        await asyncio.sleep(0)
        return room.under_way

    assert run_virtual(talk()) == 0


def test_where_words_are_not_to_be_kept_the_summary_stays_in_the_talk() -> None:
    async def talk() -> Scene:
        role = Role(recording=RecordingPolicy.NONE, memory=MemoryPolicy.NONE)
        async with scene(writer(), role=role) as running:
            await converse(running, 15)
        return running

    running = run_virtual(talk())
    assert [event.summary for event in summaries(running)] == ["", ""]
    assert "Summary 1." in running.model.histories[-1][0].text


def test_a_talk_that_goes_on_begins_with_its_summary_and_sums_up_what_it_brought_along() -> None:
    async def talk() -> Scene:
        before = tuple(EarlierTurn(f"before-{n}", f"earlier {n}", "Yes.") for n in range(8))
        diary = Diary({"": Recollection(summary="They met.", turns=before)})
        async with scene(writer(), remembering=diary) as running:
            await converse(running, 3)
        return running

    running = run_virtual(talk())
    first = running.model.histories[0]
    assert "They met." in first[0].text and first[1].text == "earlier 0"
    [summed] = summaries(running)
    assert summed.turn_id == "before-4"
    assert running.small is not None
    assert "They met." in running.small.histories[0][1].text  # type: ignore[attr-defined]
