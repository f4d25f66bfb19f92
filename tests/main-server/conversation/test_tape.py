"""A reel counts as the real ears count, so that an utterance cut out of it is what was said and little else."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import HEARING_RATE_HZ, OpusFormat, OpusPacket
from contracts.hearing import (
    CommitReason,
    HearingEvent,
    ListenMode,
    NothingHeard,
    OpenHearing,
    SpeechStarted,
    Utterance,
)
from fakes.device_sound import packets
from fakes.spoken import Samples, at_level, noise, say, silence
from fakes.transcriber import Line, ScriptedTranscriber
from main_server.conversation.tape import KEPT_MS, QUIET_KEPT_MS, Reel
from sound.opus import OpusDecoder

MODEL = functools.cache(SileroModel)
PER_MS = HEARING_RATE_HZ // 1000
SPEECH = at_level(say("where are you now"), -20)
AROUND_MS = 200
"""More than this of what is not speech is not cut out with it, on either side."""


@dataclass
class Room:
    """A device at the real ears, with a reel beside them, as conversation/ears.py has it."""

    hearing: LocalHearing
    reel: Reel
    told: list[HearingEvent] = field(default_factory=list)

    async def open(self) -> None:
        self.session = await self.hearing.open(OpenHearing("s", OpusFormat(), endpointing="fixed:240"), self._told)

    def _told(self, event: HearingEvent) -> None:
        self.reel.told(event)
        self.told.append(event)

    async def play(self, *sounds: Samples) -> None:
        for packet in packets(np.concatenate(sounds)):
            self.send([packet])
            for _ in range(3):
                await asyncio.sleep(0)

    def send(self, sent: Sequence[OpusPacket]) -> None:
        for packet in sent:
            self.reel.heard(self.session.sample, packet.payload)
            self.session.packets((packet,))

    @property
    def utterances(self) -> list[Utterance]:
        return [event for event in self.told if isinstance(event, Utterance)]


async def room(*script: Line, reel: Reel | None = None) -> Room:
    made = Room(LocalHearing(Dispatch(ScriptedTranscriber(*script)), MODEL()), reel or Reel(60))
    await made.open()
    return made


def cut(room: Room) -> Samples:
    """The last utterance, decoded."""
    decoder = OpusDecoder()
    sound = b"".join(map(decoder.decode, room.reel.take(room.utterances[-1])))
    return np.frombuffer(sound, "<i2").astype(np.float32) / 32768


def assert_is_the_speech(sound: Samples, speech: Samples = SPEECH) -> None:
    """All of the speech, at one place in the cut, with no more than a margin around it."""
    size = len(sound) + len(speech)
    likeness = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(speech, size)), size)
    at = int(np.argmax(likeness[: len(sound)]))
    inside = sound[at : at + len(speech)]
    assert np.corrcoef(inside[: len(speech)], speech[: len(inside)])[0, 1] > 0.7
    assert at <= AROUND_MS * PER_MS
    after = len(sound) - at - len(speech)
    assert -30 * PER_MS <= after <= AROUND_MS * PER_MS


@pytest.mark.parametrize("before_ms", [330, 900, 1207, 9_000])
async def test_a_cut_utterance_is_the_speech_and_little_around_it(before_ms: int) -> None:
    at = await room()
    at.session.listen(ListenMode.AUTO)
    await at.play(silence(before_ms), SPEECH, silence(600))
    assert_is_the_speech(cut(at))


async def test_what_came_while_the_ears_were_deaf_is_not_counted() -> None:
    at = await room()
    await at.play(noise(1_000, -30))  # nobody listens yet
    at.session.listen(ListenMode.AUTO)
    await at.play(silence(600), SPEECH, silence(600))
    assert_is_the_speech(cut(at))
    await at.play(noise(2_300, -25))  # deaf again: the toy speaks
    at.session.listen(ListenMode.AUTO)
    await at.play(silence(480), SPEECH, silence(600))
    assert len(at.utterances) == 2
    assert_is_the_speech(cut(at))


async def test_packets_that_waited_for_a_text_which_had_no_words_are_counted_when_they_are_heard() -> None:
    at = await room(Line(""), Line("where are you now"))
    at.session.listen(ListenMode.AUTO)
    await at.play(silence(600), say("uh huh"))
    at.send(packets(np.concatenate([silence(420), SPEECH])))  # in one go: the text cannot be there before it
    await at.play(silence(600))
    assert any(isinstance(event, NothingHeard) for event in at.told)
    assert_is_the_speech(cut(at))


async def test_a_released_button_cuts_up_to_the_end() -> None:
    at = await room()
    at.session.listen(ListenMode.MANUAL)
    await at.play(silence(300), SPEECH)
    at.session.stop()
    await asyncio.sleep(0.01)
    assert_is_the_speech(cut(at))


@pytest.mark.parametrize("deaf_ms", [60, 180, 960, 5_000])
async def test_what_was_sent_before_the_button_is_not_in_front_of_what_is_said_at_once(deaf_ms: int) -> None:
    at = await room()
    at.session.listen(ListenMode.AUTO)
    await at.play(silence(600), SPEECH, silence(600))
    await at.play(noise(deaf_ms, -12))
    at.session.listen(ListenMode.MANUAL)
    await at.play(silence(60), SPEECH)
    at.session.stop()
    await asyncio.sleep(0.01)
    sound = cut(at)
    assert_is_the_speech(sound)
    assert np.sqrt(np.mean(sound[: 50 * PER_MS] ** 2)) < 0.05  # none of the noise


async def test_a_long_utterance_is_cut_from_its_beginning() -> None:
    at = await room()
    at.session.listen(ListenMode.AUTO)
    long = np.concatenate([SPEECH, silence(120)] * 12)[: -120 * PER_MS]
    assert len(long) > 2 * QUIET_KEPT_MS * PER_MS
    await at.play(silence(900), long, silence(600))
    [utterance] = at.utterances
    sound = cut(at)
    assert len(long) <= len(sound) + 60 * PER_MS and len(sound) <= len(long) + 2 * AROUND_MS * PER_MS
    assert abs(utterance.duration_ms - len(long) / PER_MS) < 100


async def test_in_realtime_one_utterance_after_the_other_is_cut_out_of_a_stream_that_never_ends() -> None:
    at = await room()
    at.session.listen(ListenMode.REALTIME)
    for _ in range(3):
        await at.play(silence(700), SPEECH, silence(500))
        assert_is_the_speech(cut(at))
    assert len(at.utterances) == 3


async def test_other_ears_count_from_the_beginning() -> None:
    at = await room()
    at.session.listen(ListenMode.AUTO)
    await at.play(silence(900), SPEECH, silence(600))
    again = await room(reel=at.reel)
    again.reel.rewind()
    again.session.listen(ListenMode.AUTO)
    await again.play(silence(420), SPEECH, silence(600))
    assert_is_the_speech(cut(again))


async def test_lost_and_broken_packets_do_not_shift_the_cut() -> None:
    at = await room()
    at.session.listen(ListenMode.AUTO)
    sent = packets(np.concatenate([silence(900), SPEECH, silence(600)]))
    del sent[3:6]
    sent[5:5] = [OpusPacket(b""), OpusPacket(b"\xff\xff\xff\xff"), OpusPacket(b"\x18")]
    for packet in sent:
        at.send([packet])
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    heard = [payload for payload in at.reel.take(at.utterances[-1]) if len(payload) > 4]
    decoder = OpusDecoder()
    sound = np.frombuffer(b"".join(map(decoder.decode, heard)), "<i2").astype(np.float32) / 32768
    assert_is_the_speech(sound)


async def test_a_reel_is_bounded_whatever_comes() -> None:
    reel = Reel(60)
    for number in range(3_000):
        reel.heard(number * 960, b"packet")
    assert len(reel._packets) <= QUIET_KEPT_MS / 60 + 2
    reel.told(SpeechStarted(2_999 * 960))
    for number in range(3_000, 9_000):
        reel.heard(number * 960, b"packet")
    assert len(reel._packets) <= KEPT_MS / 60 + 2
    for _ in range(3_000):
        reel.heard(9_000 * 960, b"deaf")
    assert len(reel._newest) <= 16


def test_an_utterance_is_taken_once_and_only_by_who_holds_it() -> None:
    reel = Reel(60)
    for number in range(50):
        reel.heard(number * 960, bytes([number]))
    utterance = Utterance("hello", 1, 10 * 960, 20 * 960, CommitReason.SILENCE)
    reel.told(utterance)
    other = Utterance("hello", 1, 10 * 960, 20 * 960, CommitReason.SILENCE)
    assert reel.take(other) == ()
    reel.told(utterance)
    assert reel.take(utterance) == tuple(bytes([number]) for number in range(8, 22))
    assert reel.take(utterance) == ()
