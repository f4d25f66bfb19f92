"""The ears in this process: real Opus and Silero, scripted recognisers."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import numpy as np
import pytest
from structlog.testing import capture_logs

from asr_server import scribe
from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing, LocalHearingSession
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat, OpusPacket
from contracts.errors import EngineBusy, EngineFailed, EngineUnavailable
from contracts.hearing import (
    CommitReason,
    HearingEvent,
    HearingFailed,
    ListenMode,
    NothingHeard,
    OpenHearing,
    Partial,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)
from contracts.transcription import Transcript
from fakes.device_sound import packets
from fakes.spoken import Samples, at_level, noise, say, silence
from fakes.transcriber import Line, ScriptedTranscriber, ScriptedTranscription

MS = 16  # samples
MODEL = functools.cache(SileroModel)


class Ears:
    """A session, what it told, and a device that talks to it."""

    def __init__(
        self, session: LocalHearingSession, told: list[HearingEvent], transcriber: ScriptedTranscriber
    ) -> None:
        self.session = session
        self.told = told
        self.transcriber = transcriber

    @property
    def kinds(self) -> list[type]:
        return [type(event) for event in self.told]

    async def play(self, *sounds: Samples) -> None:
        """Sends the sounds packet by packet, giving the recogniser a turn of the loop or two between them."""
        for packet in packets(np.concatenate(sounds)):
            self.session.packets([packet])
            await settle(3)

    async def wait_for(self, kind: type) -> None:
        async with asyncio.timeout(10):
            while kind not in self.kinds:
                await asyncio.sleep(0.001)


async def settle(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


Open = Callable[..., Awaitable[Ears]]


@pytest.fixture
async def open_ears() -> AsyncIterator[Open]:
    opened: list[LocalHearingSession] = []

    async def make(
        *script: Line,
        endpointing: str = "fixed:240",
        deadline_s: float = 10.0,
        mode: ListenMode | None = ListenMode.AUTO,
        open_error: Exception | None = None,
    ) -> Ears:
        transcriber = ScriptedTranscriber(*script, open_error=open_error)
        told: list[HearingEvent] = []
        hearing = LocalHearing(Dispatch(transcriber), MODEL(), deadline_s=deadline_s)
        request = OpenHearing("s1", OpusFormat(), language="en", endpointing=endpointing)
        session = await hearing.open(request, told.append)
        opened.append(session)
        if mode is not None:
            session.listen(mode)
        return Ears(session, told, transcriber)

    yield make
    for session in opened:
        await session.close()


SENTENCE = say("where are you now")
"""Voiced from its first sample to its last, so that nothing in it sounds like an end. What it means is the line's."""


async def test_a_sentence_is_heard(open_ears: Open) -> None:
    ears = await open_ears()
    await ears.play(silence(900), SENTENCE, silence(600))
    assert ears.kinds == [SpeechStarted, Pause, Utterance]
    started, pause, utterance = ears.told
    assert isinstance(started, SpeechStarted)
    assert isinstance(pause, Pause)
    assert isinstance(utterance, Utterance)
    assert abs(started.start_sample - 900 * MS) < 60 * MS
    assert abs(utterance.end_sample - 900 * MS - len(SENTENCE)) < 60 * MS
    assert (utterance.text, utterance.revision, utterance.language) == ("what time is it", 1, "en")
    assert utterance.reason is CommitReason.SILENCE
    assert 240 <= utterance.timings.silence_ms < 320
    assert (pause.text, pause.revision, pause.end_sample) == (utterance.text, 1, utterance.end_sample)


async def test_the_recogniser_works_once_per_pause_and_gets_speech_with_a_pre_roll_only(open_ears: Open) -> None:
    ears = await open_ears()
    await ears.play(silence(3000), SENTENCE, silence(2000))
    (transcription,) = ears.transcriber.opened
    assert transcription.calls == ears.kinds.count(Pause)
    assert transcription.closed == 1
    fed_ms = len(transcription.fed) / 32
    assert len(SENTENCE) / MS + 300 <= fed_ms <= len(SENTENCE) / MS + 300 + 260


async def test_a_complete_sentence_commits_early_in_adaptive(open_ears: Open) -> None:
    ears = await open_ears(endpointing="adaptive")
    await ears.play(silence(900), SENTENCE, silence(1500))
    utterance = ears.told[-1]
    assert isinstance(utterance, Utterance)
    assert utterance.reason is CommitReason.COMPLETE
    assert 280 <= utterance.timings.silence_ms < 360


async def test_an_unfinished_sentence_is_waited_for_in_adaptive(open_ears: Open) -> None:
    ears = await open_ears(Line("I want to"), Line("I want to know what time it is"), endpointing="adaptive")
    await ears.play(silence(900), SENTENCE, silence(700), SENTENCE, silence(700))
    assert ears.kinds == [SpeechStarted, Pause, SpeechResumed, Pause, Utterance]
    resumed, pause, utterance = ears.told[2:]
    assert isinstance(resumed, SpeechResumed)
    assert isinstance(pause, Pause)
    assert isinstance(utterance, Utterance)
    assert (resumed.revision, pause.revision, utterance.revision) == (2, 2, 2)
    assert utterance.text == "I want to know what time it is"
    (transcription,) = ears.transcriber.opened
    assert transcription.calls == 2


async def test_speech_that_goes_on_cancels_the_question_of_the_pause(open_ears: Open) -> None:
    ears = await open_ears(Line(hold=asyncio.Event()), Line("all of it"), endpointing="fixed:900")
    await ears.play(silence(900), SENTENCE, silence(400), SENTENCE, silence(1200))
    await ears.wait_for(Utterance)
    assert ears.kinds == [SpeechStarted, SpeechResumed, Pause, Utterance]
    assert ears.transcriber.opened[0].cancelled == 1


async def test_a_text_that_comes_in_the_middle_of_a_word_is_never_told(open_ears: Open) -> None:
    """A recogniser that answers at once: after 40 to 60 ms of quiet, which a stop consonant has, too."""
    ears = await open_ears(endpointing="fixed:900")
    for hole_ms in (40, 45, 50):
        await ears.play(SENTENCE, silence(hole_ms), SENTENCE)
        assert Pause not in ears.kinds and SpeechResumed not in ears.kinds
    await ears.play(silence(1200))
    assert ears.kinds == [SpeechStarted, Pause, Utterance]
    assert ears.told[-1].revision == 1


async def test_a_first_answer_without_words_is_asked_again_with_all_of_the_sound(open_ears: Open) -> None:
    ears = await open_ears(Line(""), Line("stop"), endpointing="fixed:500")
    await ears.play(silence(900), SENTENCE, silence(900))
    assert ears.kinds == [SpeechStarted, Pause, Utterance]
    assert ears.told[-1].text == "stop"
    assert ears.transcriber.opened[0].calls == 2


async def test_a_text_is_told_before_silero_has_given_the_voice_up(open_ears: Open) -> None:
    ears = await open_ears(Line(after_s=0.0), endpointing="fixed:900")
    packets_ms = 0
    await ears.play(silence(900), SENTENCE)
    while Pause not in ears.kinds:
        await ears.play(silence(60))
        packets_ms += 60
    assert packets_ms <= 120


async def test_a_pause_does_not_wait_for_a_look_at_running_speech(open_ears: Open) -> None:
    ears = await open_ears(Line(hold=asyncio.Event()), Line("all of it"), mode=ListenMode.REALTIME)
    ears.session.speaking("It is noon.", 60_000)
    await ears.play(silence(900), SENTENCE, silence(900))
    await ears.wait_for(Utterance)
    assert ears.kinds == [SpeechStarted, Pause, Utterance]
    (transcription,) = ears.transcriber.opened
    assert (transcription.calls, transcription.cancelled) == (2, 1)


async def test_a_failed_look_at_running_speech_is_nobodys_business(open_ears: Open) -> None:
    broken = Line(error=EngineBusy("full", engine="scripted"))
    ears = await open_ears(broken, broken, Line("all of it"), mode=ListenMode.REALTIME)
    ears.session.speaking("It is noon.", 60_000)
    await ears.play(silence(900), say("what time"), say("is it"), silence(900))
    await ears.wait_for(Utterance)
    assert HearingFailed not in ears.kinds and Utterance in ears.kinds


async def test_outside_realtime_running_speech_is_not_looked_at(open_ears: Open) -> None:
    ears = await open_ears(mode=ListenMode.AUTO)
    ears.session.speaking("It is noon.", 60_000)
    await ears.play(silence(900), SENTENCE, silence(900))
    assert Partial not in ears.kinds
    assert ears.transcriber.opened[0].calls == 1


async def test_a_slow_recogniser_is_awaited_after_the_commit(open_ears: Open) -> None:
    hold = asyncio.Event()
    ears = await open_ears(Line(hold=hold))
    await ears.play(silence(900), SENTENCE, silence(600))
    assert ears.kinds == [SpeechStarted]
    hold.set()
    await ears.wait_for(Utterance)
    assert ears.kinds == [SpeechStarted, Utterance]
    assert ears.told[-1].timings.wait_ms > 0


async def test_after_an_utterance_auto_is_deaf_until_it_listens_again(open_ears: Open) -> None:
    ears = await open_ears()
    await ears.play(silence(900), SENTENCE, silence(600), SENTENCE, silence(600))
    assert ears.kinds.count(Utterance) == 1
    ears.session.listen(ListenMode.AUTO)
    await ears.play(silence(300), SENTENCE, silence(600))
    assert ears.kinds.count(Utterance) == 2
    first, second = (event for event in ears.told if isinstance(event, Utterance))
    assert second.start_sample > first.end_sample


async def test_realtime_goes_on_and_keeps_the_order_while_a_text_is_late(open_ears: Open) -> None:
    hold = asyncio.Event()
    ears = await open_ears(Line("one", hold=hold), Line("two"), mode=ListenMode.REALTIME)
    await ears.play(silence(900), SENTENCE, silence(800), SENTENCE, silence(800))
    assert ears.kinds == [SpeechStarted, SpeechStarted]
    hold.set()
    async with asyncio.timeout(10):
        while ears.kinds.count(Utterance) < 2:
            await asyncio.sleep(0.001)
    assert [event.text for event in ears.told if isinstance(event, Utterance)] == ["one", "two"]


async def test_realtime_does_not_pile_up_work_behind_a_recogniser_that_hangs(open_ears: Open) -> None:
    ears = await open_ears(Line(hold=asyncio.Event()), mode=ListenMode.REALTIME)
    await ears.play(silence(900), *[SENTENCE, silence(600)] * 6)
    failed = [event for event in ears.told if isinstance(event, HearingFailed)]
    assert [event.code for event in failed] == ["engine_busy"] * 2


async def test_a_released_button_commits_what_was_said(open_ears: Open) -> None:
    ears = await open_ears(mode=ListenMode.MANUAL)
    await ears.play(silence(120), SENTENCE)
    ears.session.stop()
    await ears.wait_for(Utterance)
    utterance = ears.told[-1]
    assert isinstance(utterance, Utterance)
    assert utterance.reason is CommitReason.RELEASED
    assert len(ears.transcriber.opened[0].fed) / 2 >= len(SENTENCE)


async def test_a_button_released_without_a_word_is_nothing_heard(open_ears: Open) -> None:
    ears = await open_ears(mode=ListenMode.MANUAL)
    ears.session.stop()
    ears.session.listen(ListenMode.MANUAL)
    await ears.play(silence(600))
    ears.session.stop()
    assert ears.told == [NothingHeard("no_speech", 0), NothingHeard("no_speech", 600 * MS)]
    assert ears.transcriber.opened == []


@pytest.mark.parametrize(("line", "reason"), [(Line(""), "no_words"), (Line("", rejected=True), "rejected")])
async def test_without_words_auto_keeps_listening(open_ears: Open, line: Line, reason: str) -> None:
    ears = await open_ears(line, line, Line("what time is it"))
    await ears.play(silence(900), SENTENCE, silence(700), SENTENCE, silence(700))
    assert ears.kinds == [SpeechStarted, NothingHeard, SpeechStarted, Pause, Utterance]
    nothing = ears.told[1]
    assert isinstance(nothing, NothingHeard)
    assert nothing.reason == reason


async def test_what_is_said_while_a_text_turns_out_empty_is_heard(open_ears: Open) -> None:
    hold = asyncio.Event()
    ears = await open_ears(Line("", hold=hold), Line("what time is it"))
    await ears.play(silence(900), SENTENCE, silence(500), SENTENCE[: 400 * MS])
    hold.set()
    await ears.wait_for(NothingHeard)
    await ears.play(SENTENCE[400 * MS :], silence(600))
    assert isinstance(ears.told[-1], Utterance)
    assert len(ears.transcriber.opened[1].fed) / 2 >= 0.9 * len(SENTENCE)


async def test_a_failing_recogniser_is_told_and_the_next_listen_works(open_ears: Open) -> None:
    ears = await open_ears(Line(error=EngineFailed("broken", engine="scripted")), Line("what time is it"))
    await ears.play(silence(900), SENTENCE, silence(600))
    assert ears.told[1:] == [HearingFailed("engine_failed", "broken", "scripted")]
    ears.session.listen(ListenMode.AUTO)
    await ears.play(silence(300), SENTENCE, silence(600))
    assert isinstance(ears.told[-1], Utterance)


async def test_a_question_refused_at_a_pause_is_asked_again_at_the_commit(open_ears: Open) -> None:
    ears = await open_ears(Line(error=EngineBusy("full", engine="scripted")), Line("what time is it"))
    await ears.play(silence(900), SENTENCE, silence(600))
    assert ears.kinds == [SpeechStarted, Utterance]


async def test_a_recogniser_that_cannot_be_opened_is_told(open_ears: Open) -> None:
    ears = await open_ears(open_error=EngineUnavailable("no key", engine="scripted"))
    await ears.play(silence(900), SENTENCE, silence(600))
    assert ears.told[1:] == [HearingFailed("engine_unavailable", "no key", "scripted")]


async def test_a_recogniser_with_a_bug_is_told_and_logged_without_its_words(open_ears: Open) -> None:
    ears = await open_ears(Line(error=KeyError("secret words")))
    with capture_logs() as logs:
        await ears.play(silence(900), SENTENCE, silence(600))
    (failed,) = ears.told[1:]
    assert isinstance(failed, HearingFailed)
    assert failed.code == "engine_failed"
    assert "secret" not in failed.message
    (line,) = logs
    assert line["error"] == "KeyError"
    assert "secret" not in str(line)


async def test_a_recogniser_that_hangs_is_given_up(open_ears: Open) -> None:
    ears = await open_ears(Line(hold=asyncio.Event()), deadline_s=0.05)
    await ears.play(silence(900), SENTENCE, silence(600))
    await ears.wait_for(HearingFailed)
    assert ears.told[-1].code == "engine_timeout"
    assert ears.transcriber.opened[0].cancelled == 1


async def test_a_reset_forgets_the_utterance_and_its_text(open_ears: Open) -> None:
    hold = asyncio.Event()
    ears = await open_ears(Line(hold=hold))
    await ears.play(silence(900), SENTENCE, silence(600))
    ears.session.reset()
    hold.set()
    await settle()
    assert ears.kinds == [SpeechStarted]
    assert ears.transcriber.opened[0].closed == 1
    await ears.play(SENTENCE, silence(600))
    assert ears.kinds == [SpeechStarted]


async def test_a_listener_may_begin_again_while_it_is_told(open_ears: Open) -> None:
    ears = await open_ears()
    told = ears.told.append

    def listen_again(event: HearingEvent) -> None:
        told(event)
        if isinstance(event, Utterance):
            ears.session.listen(ListenMode.AUTO)

    ears.session._deliver = listen_again
    await ears.play(silence(900), SENTENCE, silence(600), SENTENCE, silence(600))
    assert ears.kinds == [SpeechStarted, Pause, Utterance] * 2


async def test_a_session_that_is_cancelled_leaves_a_recogniser_behind_that_does_not_let_go(
    open_ears: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe, "CLOSE_DEADLINE_S", 0.05)
    ears, let_go, closed = await open_ears(), asyncio.Event(), asyncio.Event()

    async def peek(work: ScriptedTranscription) -> Transcript:
        while not let_go.is_set():
            with suppress(asyncio.CancelledError):
                await let_go.wait()
        return Transcript("")

    monkeypatch.setattr(ScriptedTranscription, "peek", peek)
    await ears.play(silence(900), SENTENCE, silence(600))

    async def session() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await ears.session.close()
            closed.set()  # what a session does after it

    task = asyncio.create_task(session())
    await settle()
    task.cancel()
    try:
        await asyncio.wait((task,))
        assert closed.is_set()
    finally:
        let_go.set()
        await settle()


async def test_closing_cancels_the_recogniser_and_tells_nothing_more(open_ears: Open) -> None:
    ears = await open_ears(Line(hold=asyncio.Event()))
    before = asyncio.all_tasks()
    await ears.play(silence(900), SENTENCE, silence(600))
    assert len(asyncio.all_tasks() - before) == 1
    await ears.session.close()
    assert asyncio.all_tasks() == before
    (transcription,) = ears.transcriber.opened
    assert (transcription.cancelled, transcription.closed) == (1, 1)
    await ears.play(SENTENCE, silence(600))
    ears.session.listen(ListenMode.AUTO)
    await ears.play(SENTENCE, silence(600))
    assert ears.kinds == [SpeechStarted]


async def test_an_idle_session_runs_no_task_and_keeps_under_a_second_of_sound(open_ears: Open) -> None:
    before = asyncio.all_tasks()
    ears = await open_ears()
    await ears.play(noise(5000, -50))
    assert asyncio.all_tasks() == before
    assert len(ears.session._sound._pcm) < 32_000


@pytest.mark.parametrize("payload", [b"", b"\x58", b"\x58\x00", b"\x58\x00\x00"])
async def test_a_dtx_packet_is_silence_not_an_error(open_ears: Open, payload: bytes) -> None:
    ears = await open_ears()
    await ears.play(silence(900), SENTENCE)
    for _ in range(8):
        ears.session.packets([OpusPacket(payload)])
        await settle(3)
    assert ears.kinds == [SpeechStarted, Pause, Utterance]


async def test_corrupt_packets_count_as_one_frame_of_silence(open_ears: Open) -> None:
    ears = await open_ears()
    broken = OpusPacket(b"\xff" * 40)
    ears.session.packets([broken] * 15)
    await ears.play(SENTENCE, silence(600))
    started = ears.told[0]
    assert isinstance(started, SpeechStarted)
    assert abs(started.start_sample - 900 * MS) < 60 * MS
    assert isinstance(ears.told[-1], Utterance)


@pytest.mark.parametrize("frame_ms", [20, 40, 120])
async def test_other_frame_lengths_are_heard_as_well(open_ears: Open, frame_ms: int) -> None:
    ears = await open_ears()
    ears.session.packets(packets(np.concatenate([silence(900), SENTENCE, silence(600)]), frame_ms))
    await ears.wait_for(Utterance)
    assert abs(ears.told[-1].end_sample - 900 * MS - len(SENTENCE)) < 60 * MS


async def test_a_minute_of_speech_is_cut_and_says_so(open_ears: Open) -> None:
    ears = await open_ears(mode=ListenMode.MANUAL)
    story = packets(np.tile(say("tell me a story about the sea"), 40)[: 62_000 * MS])
    ears.session.packets(story)
    await ears.wait_for(Utterance)
    utterance = ears.told[-1]
    assert isinstance(utterance, Utterance)
    assert utterance.truncated
    assert utterance.reason is CommitReason.TOO_LONG
    assert len(ears.transcriber.opened[0].fed) <= 61_000 * 32


async def test_packets_before_a_listen_are_ignored(open_ears: Open) -> None:
    ears = await open_ears(mode=None)
    await ears.play(SENTENCE, silence(900))
    assert ears.told == []


async def test_a_burst_after_a_stall_gives_the_same_utterance(open_ears: Open) -> None:
    sound = packets(np.concatenate([silence(900), SENTENCE, silence(600)]))
    steady, burst = await open_ears(), await open_ears()
    for packet in sound:
        steady.session.packets([packet])
        await settle(3)
    burst.session.packets(sound)
    await burst.wait_for(Utterance)
    one, other = steady.told[-1], burst.told[-1]
    assert isinstance(one, Utterance)
    assert isinstance(other, Utterance)
    assert (one.start_sample, one.end_sample, one.reason) == (other.start_sample, other.end_sample, other.reason)


async def test_a_talk_in_a_noisy_room_is_heard(open_ears: Open) -> None:
    ears = await open_ears()
    speech = np.concatenate([silence(900), at_level(SENTENCE, -23), silence(900)])
    await ears.play(speech + noise(len(speech) / MS, -43, pink=True)[: len(speech)])
    assert ears.kinds == [SpeechStarted, Pause, Utterance]
    utterance = ears.told[-1]
    assert isinstance(utterance, Utterance)
    assert abs(utterance.end_sample - 900 * MS - len(SENTENCE)) <= 70 * MS


async def test_an_unknown_recogniser_is_refused_at_the_door() -> None:
    hearing = LocalHearing(Dispatch(ScriptedTranscriber()), MODEL())
    with pytest.raises(EngineUnavailable, match="nobody"):
        await hearing.open(OpenHearing("s1", OpusFormat(), recogniser="nobody"), lambda event: None)
