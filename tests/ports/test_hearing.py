"""The promises of contracts.hearing, on every home of the port. A new home adds itself to HOMES."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
import pytest

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat, OpusPacket
from contracts.errors import EngineBusy
from contracts.hearing import (
    CommitReason,
    Hearing,
    HearingEvent,
    HearingFailed,
    HearingSession,
    ListenMode,
    NothingHeard,
    OpenHearing,
    Partial,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)
from contracts.transcription import Transcriber
from fakes.device_sound import packets
from fakes.hearing_home import on_a_socket
from fakes.spoken import say, silence
from fakes.transcriber import Line, ScriptedTranscriber

MS = 16  # samples
SENTENCE = say("what time is it")
ENDS = (Utterance, NothingHeard, HearingFailed)
Home = Callable[[Transcriber], AbstractAsyncContextManager[Hearing]]


@asynccontextmanager
async def local(transcriber: Transcriber) -> AsyncIterator[Hearing]:
    yield LocalHearing(Dispatch(transcriber), SileroModel())


HOMES: dict[str, Home] = {"local": local, "socket": on_a_socket}


@pytest.fixture(params=list(HOMES))
def home(request: pytest.FixtureRequest) -> Home:
    return HOMES[request.param]


class Listener:
    """Collects events and waits for them."""

    def __init__(self) -> None:
        self.told: list[HearingEvent] = []
        self._news = asyncio.Event()

    def __call__(self, event: HearingEvent) -> None:
        self.told.append(event)
        self._news.set()

    @property
    def ends(self) -> list[HearingEvent]:
        return [event for event in self.told if isinstance(event, ENDS)]

    async def ended(self, times: int = 1) -> HearingEvent:
        async with asyncio.timeout(20):
            while len(self.ends) < times:
                self._news.clear()
                await self._news.wait()
        return self.ends[times - 1]


@asynccontextmanager
async def ears(
    home: Home, *script: Line, endpointing: str = "fixed:240", server_aec: bool = False
) -> AsyncIterator[tuple[HearingSession, Listener]]:
    listener = Listener()
    async with home(ScriptedTranscriber(*script)) as hearing:
        request = OpenHearing("s1", OpusFormat(), "en", endpointing=endpointing, server_aec=server_aec)
        session = await hearing.open(request, listener)
        try:
            yield session, listener
        finally:
            await session.close()


def sentence(before_ms: int = 600, after_ms: int = 600) -> list[OpusPacket]:
    return packets(np.concatenate([silence(before_ms), SENTENCE, silence(after_ms)]))


async def test_an_utterance_is_started_and_finished_where_it_was_spoken(home: Home) -> None:
    async with ears(home) as (session, listener):
        session.listen(ListenMode.AUTO)
        session.packets(sentence())
        utterance = await listener.ended()
        assert isinstance(utterance, Utterance)
        assert utterance.text == "what time is it"
        assert isinstance(listener.told[0], SpeechStarted)
        assert listener.told[0].start_sample == utterance.start_sample
        assert abs(utterance.start_sample - 600 * MS) < 80 * MS
        assert abs(utterance.duration_ms - len(SENTENCE) / MS) < 100
        assert utterance.timings.silence_ms >= 240


async def test_events_come_in_the_order_of_the_contract(home: Home) -> None:
    async with ears(home, endpointing="fixed:700") as (session, listener):
        session.listen(ListenMode.AUTO)
        for packet in packets(np.concatenate([silence(600), SENTENCE, silence(420), SENTENCE, silence(1200)])):
            session.packets([packet])
            await asyncio.sleep(0.001)
        utterance = await listener.ended()
        assert isinstance(utterance, Utterance)
        revision = 1
        for event in listener.told[1:]:
            if isinstance(event, SpeechResumed):
                revision += 1
            if isinstance(event, SpeechResumed | Pause | Utterance):
                assert event.revision == revision
        assert isinstance(listener.told[0], SpeechStarted)
        assert listener.told[-1] is utterance
        assert utterance.revision >= 2


async def test_auto_is_deaf_after_an_utterance_and_realtime_is_not(home: Home) -> None:
    async with ears(home) as (session, listener):
        session.listen(ListenMode.AUTO)
        session.packets(sentence())
        await listener.ended()
        session.packets(sentence())
        session.listen(ListenMode.REALTIME)
        session.packets(sentence())
        session.packets(sentence())
        await listener.ended(3)
        assert [type(event) for event in listener.ends] == [Utterance] * 3
        starts = [event.start_sample for event in listener.ends if isinstance(event, Utterance)]
        assert starts == sorted(starts)


async def test_a_released_button_ends_the_utterance(home: Home) -> None:
    async with ears(home) as (session, listener):
        session.listen(ListenMode.MANUAL)
        session.packets(sentence(after_ms=0))
        session.stop()
        utterance = await listener.ended()
        assert isinstance(utterance, Utterance)
        assert utterance.reason is CommitReason.RELEASED


async def test_a_button_pressed_for_nothing_is_nothing_heard(home: Home) -> None:
    async with ears(home) as (session, listener):
        session.listen(ListenMode.MANUAL)
        session.packets(packets(silence(600)))
        session.stop()
        assert await listener.ended() == NothingHeard("no_speech", 600 * MS)


async def test_a_failing_recogniser_is_an_event_and_not_the_end(home: Home) -> None:
    async with ears(home, Line(error=EngineBusy("full", engine="scripted")), Line("again")) as (session, listener):
        session.listen(ListenMode.AUTO)
        session.packets(sentence())
        assert await listener.ended() == HearingFailed("engine_busy", "full", "scripted")
        session.listen(ListenMode.AUTO)
        session.packets(sentence())
        utterance = await listener.ended(2)
        assert isinstance(utterance, Utterance)
        assert utterance.text == "again"


async def test_a_reset_is_followed_by_no_event_of_what_it_dropped(home: Home) -> None:
    async with ears(home, Line("dropped"), Line("kept")) as (session, listener):
        session.listen(ListenMode.AUTO)
        session.packets(sentence(after_ms=0))
        session.reset()
        session.packets(packets(silence(900)))
        session.listen(ListenMode.AUTO)
        session.packets(sentence())
        await listener.ended()
        assert [type(event) for event in listener.ends] == [Utterance]


async def test_nothing_is_told_after_close(home: Home) -> None:
    async with ears(home, Line(hold=asyncio.Event())) as (session, listener):
        session.listen(ListenMode.AUTO)
        session.packets(sentence())
        await session.close()
        told = list(listener.told)
        session.listen(ListenMode.AUTO)
        session.packets(sentence())
        await asyncio.sleep(0.05)
        assert listener.told == told


async def test_dtx_and_broken_packets_are_silence(home: Home) -> None:
    async with ears(home) as (session, listener):
        session.listen(ListenMode.AUTO)
        session.packets([OpusPacket(b""), OpusPacket(b"\x58"), OpusPacket(b"\xff" * 30)] * 3)
        session.packets(sentence(before_ms=60, after_ms=0))
        session.packets([OpusPacket(b"\x58")] * 10)
        assert isinstance(await listener.ended(), Utterance)


async def test_speech_over_the_toys_voice_is_told_while_it_runs(home: Home) -> None:
    async with ears(home) as (session, listener):
        session.listen(ListenMode.REALTIME)
        session.speaking("It is noon.", 60_000)
        for packet in packets(np.concatenate([silence(600), SENTENCE, SENTENCE, silence(600)])):
            session.packets([packet])
            await asyncio.sleep(0.002)
        utterance = await listener.ended()
        assert isinstance(utterance, Utterance)
        partials = [event for event in listener.told if isinstance(event, Partial)]
        assert partials and listener.told.index(partials[0]) == 1
        assert 250 * MS <= partials[0].sample - utterance.start_sample < 400 * MS
        assert {partial.text for partial in partials} == {"what time is it"}
        assert listener.told[-1] == utterance
        told = len(listener.told)
        session.speaking("", 0)
        session.packets(sentence())
        await listener.ended(2)
        assert not any(isinstance(event, Partial) for event in listener.told[told:])


async def test_hints_of_the_conversation_are_accepted_at_any_time(home: Home) -> None:
    async with ears(home) as (session, listener):
        session.expect("yes_no")
        session.speaking("It is noon.", 900.0)
        session.listen(ListenMode.AUTO)
        session.expect("")
        session.packets(sentence())
        assert isinstance(await listener.ended(), Utterance)


async def test_a_toy_that_leaves_its_echo_to_the_server_does_not_hear_itself_and_hears_a_person(home: Home) -> None:
    said = packets(say("once upon a time there was a little dragon who lived on a green hill"))
    toy = [OpusPacket(packet.payload, 60 * (at + 1)) for at, packet in enumerate(said)]
    async with ears(home, server_aec=True) as (session, listener):
        session.listen(ListenMode.REALTIME)
        session.packets(packets(silence(600)))
        for packet in toy:  # the microphone records what the loudspeaker plays
            session.played([packet])
            session.packets([packet])
        session.packets(sentence())
        utterance = await listener.ended()
    assert isinstance(utterance, Utterance)
    person_begins = 600 * MS + len(toy) * 960 + 600 * MS
    assert [event.start_sample for event in listener.told if isinstance(event, SpeechStarted)] == [
        pytest.approx(person_begins, abs=150 * MS)
    ]


async def test_the_count_of_samples_moves_with_what_is_listened_to_and_events_tell_in_its_terms(home: Home) -> None:
    listener = Listener()
    async with home(ScriptedTranscriber(Line("what time is it"))) as hearing:
        session = await hearing.open(OpenHearing("s1", OpusFormat(), endpointing="fixed:240"), listener)
        session.packets(packets(silence(600)))  # deaf
        assert session.sample == 0
        session.listen(ListenMode.MANUAL)
        counted = 0
        for packet in packets(np.concatenate([silence(900), SENTENCE])):
            assert session.sample == counted
            session.packets([packet])
            counted += 60 * MS
        session.stop()
        session.packets(packets(silence(120)))
        assert session.sample == counted
        utterance = await listener.ended()
        assert isinstance(utterance, Utterance)
        assert abs(utterance.start_sample - 900 * MS) < 60 * MS and utterance.end_sample <= counted
        session.listen(ListenMode.AUTO)
        assert session.sample == counted
        await session.close()
