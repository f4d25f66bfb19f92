"""A voice at the device's format."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from contracts.audio import OpusFormat, Pcm
from contracts.errors import EngineFailed
from contracts.speech import VoiceChoice
from fakes.speech_server import tone
from main_server.device.speech import LEAD_IN_MS, OpusCache, OpusVoice, Sentence
from sound.level import rms_dbfs
from sound.opus import OpusDecoder, packet_duration_ms

PLAIN = VoiceChoice()
DOWNLINK = OpusFormat(24_000, 60)


@dataclass
class Speaker:
    """A speech engine that says the same pieces to everything, then fails if it was told to."""

    pieces: list[Pcm]
    name: str = "speaker"
    fails: bool = False
    texts: list[str] = field(default_factory=list)
    left: bool = False
    taken: int = 0

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        self.texts.append("".join([word async for word in words]))
        try:
            for piece in self.pieces:
                self.taken += 1
                yield piece
            if self.fails:
                raise EngineFailed("It broke.", engine=self.name)
        except GeneratorExit:
            self.left = True
            raise

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


def cut(pcm: bytes, sample_rate_hz: int = 24_000, piece_bytes: int = 4410) -> list[Pcm]:
    return [Pcm(pcm[at : at + piece_bytes], sample_rate_hz) for at in range(0, len(pcm), piece_bytes)]


def silence(duration_ms: float, sample_rate_hz: int = 24_000) -> bytes:
    return bytes(2 * int(duration_ms * sample_rate_hz / 1000))


def decoded(packets: list[bytes], sample_rate_hz: int = 24_000) -> Iterator[bytes]:
    decoder = OpusDecoder(sample_rate_hz)
    return map(decoder.decode, packets)


async def said(voice: OpusVoice, text: str = "Hello.") -> list[bytes]:
    return [packet async for packet in voice.speak(text)]


@pytest.mark.parametrize("in_hz", [16_000, 22_050, 24_000, 44_100])
@pytest.mark.parametrize("downlink", [OpusFormat(16_000, 60), OpusFormat(24_000, 20), OpusFormat(24_000, 60)])
async def test_every_packet_has_the_length_of_the_downlink_and_none_is_missing(
    in_hz: int, downlink: OpusFormat
) -> None:
    packets = await said(OpusVoice(Speaker(cut(tone(1000, in_hz), in_hz)), PLAIN, downlink))
    assert {packet_duration_ms(packet) for packet in packets} == {downlink.frame_ms}
    assert len(packets) == -(-1000 // downlink.frame_ms)
    sound = b"".join(decoded(packets, downlink.sample_rate_hz))
    assert rms_dbfs(sound[: len(sound) * 9 // 10]) == pytest.approx(rms_dbfs(tone(1000)), abs=1.0)


async def test_the_pitch_is_kept_from_rate_to_rate() -> None:
    packets = await said(OpusVoice(Speaker(cut(tone(1000, 22_050, hz=1000), 22_050)), PLAIN, DOWNLINK))
    sound = np.frombuffer(b"".join(decoded(packets)), "<i2")[4800:19_200]
    assert np.abs(np.fft.rfft(sound)).argmax() * 24_000 / len(sound) == pytest.approx(1000, abs=2)


async def test_a_packet_leaves_as_soon_as_its_frame_is_full() -> None:
    speaker = Speaker(cut(tone(1000), piece_bytes=2880 + 960))
    packets = OpusVoice(speaker, PLAIN, DOWNLINK).speak("Hello.")
    await anext(packets)
    assert speaker.taken == 1


async def test_others_get_their_turn_within_a_burst() -> None:
    turns = 0

    async def other_device() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(other_device())
    await said(OpusVoice(Speaker([Pcm(tone(1800), 24_000)]), PLAIN, DOWNLINK))
    other.cancel()
    assert turns >= 9  # of 30 frames


@pytest.mark.parametrize("silent_ms", [0, 30, 200, 1234])
@pytest.mark.parametrize("piece_bytes", [2, 966, 4410, 1_000_000])
async def test_the_first_packet_carries_sound(silent_ms: int, piece_bytes: int) -> None:
    pieces = cut(silence(silent_ms) + tone(300), piece_bytes=piece_bytes)
    packets = await said(OpusVoice(Speaker(pieces), PLAIN, DOWNLINK))
    assert rms_dbfs(next(decoded(packets))) > -30
    kept_ms = min(silent_ms, LEAD_IN_MS)
    assert len(packets) == -(-(300 + kept_ms) // 60)


async def test_the_noise_floor_of_an_engine_is_silence_too() -> None:
    noise = np.random.default_rng(1).integers(-60, 60, 24_000).astype("<i2").tobytes()
    packets = await said(OpusVoice(Speaker(cut(noise + tone(300))), PLAIN, DOWNLINK))
    assert len(packets) == -(-(300 + LEAD_IN_MS) // 60)


async def test_silence_in_the_middle_and_at_the_end_stays() -> None:
    pieces = cut(tone(120) + silence(600) + tone(120) + silence(300))
    packets = await said(OpusVoice(Speaker(pieces), PLAIN, DOWNLINK))
    levels = [rms_dbfs(frame) > -40 for frame in decoded(packets)]
    assert len(levels) == 19
    assert not any(levels[4:11])
    assert any(levels[11:15])


@pytest.mark.parametrize("pieces", [[], cut(silence(500))])
async def test_no_sound_is_no_packet(pieces: list[Pcm]) -> None:
    assert await said(OpusVoice(Speaker(pieces), PLAIN, DOWNLINK)) == []


async def test_a_change_of_rate_in_mid_speech_loses_nothing() -> None:
    pieces = cut(tone(480)) + cut(tone(480, 16_000), 16_000)
    packets = await said(OpusVoice(Speaker(pieces), PLAIN, DOWNLINK))
    assert len(packets) == 16


async def test_leaving_early_leaves_the_engine_at_once() -> None:
    speaker = Speaker(cut(tone(5000)))
    packets = OpusVoice(speaker, PLAIN, DOWNLINK).speak("Hello.")
    await anext(packets)
    await packets.aclose()  # type: ignore[attr-defined]
    assert speaker.left
    assert speaker.taken < 5


async def test_two_pieces_of_speech_may_be_made_side_by_side() -> None:
    voice = OpusVoice(Speaker(cut(tone(600))), PLAIN, DOWNLINK)
    alone = await said(voice)
    assert await asyncio.gather(*(said(voice) for _ in range(5))) == [alone] * 5


async def test_a_sentence_that_was_said_is_not_made_again() -> None:
    speaker = Speaker(cut(tone(600)))
    voice = OpusVoice(speaker, PLAIN, DOWNLINK, OpusCache(100_000))
    first = await said(voice)
    assert first == await said(voice) == await said(voice) == await said(voice)
    assert speaker.texts == ["Hello.", "Hello."]  # made twice, held from the second time on


async def test_what_was_prepared_is_never_made_again() -> None:
    speaker = Speaker(cut(tone(600)))
    cache = OpusCache(100_000)
    await OpusVoice(speaker, PLAIN, DOWNLINK, cache).prepare("Hello.")
    await said(OpusVoice(speaker, PLAIN, DOWNLINK, cache))
    assert speaker.texts == ["Hello."]


async def test_what_is_said_once_takes_no_room() -> None:
    cache = OpusCache(100_000)
    voice = OpusVoice(Speaker(cut(tone(600))), PLAIN, DOWNLINK, cache)
    for text in ("One.", "Two.", "Three."):
        await said(voice, text)
    assert cache.size_bytes == 0


@pytest.mark.parametrize("other", ["text", "choice", "format", "voice"])
async def test_another_text_choice_format_or_voice_is_made_anew(other: str) -> None:
    cache = OpusCache(100_000)
    first, second = Speaker(cut(tone(600))), Speaker(cut(tone(600)))
    second.name = "another" if other == "voice" else first.name
    choice = VoiceChoice(speed=2.0) if other == "choice" else PLAIN
    format = OpusFormat(16_000, 60) if other == "format" else DOWNLINK
    for _ in range(2):
        await said(OpusVoice(first, PLAIN, DOWNLINK, cache))
    await said(OpusVoice(second, choice, format, cache), "Good bye." if other == "text" else "Hello.")
    assert len(second.texts) == 1


async def test_of_several_engines_the_one_that_spoke_is_named_and_remembered() -> None:
    cache = OpusCache(100_000)
    several = Speaker(cut(tone(600)), name="preferred")
    voice = OpusVoice(several, PLAIN, DOWNLINK, cache)
    several.name = "second"  # which took over while it spoke
    for _ in range(3):
        await said(voice)
    assert voice.name == "second"
    assert cache.get(Sentence("preferred", PLAIN, DOWNLINK, "Hello.")) is None
    assert cache.get(Sentence("second", PLAIN, DOWNLINK, "Hello.")) is not None


async def test_only_what_was_made_completely_is_remembered() -> None:
    speaker = Speaker(cut(tone(600)), fails=True)
    cache = OpusCache(100_000)
    voice = OpusVoice(speaker, PLAIN, DOWNLINK, cache)
    with pytest.raises(EngineFailed):
        await said(voice)
    speaker.fails = False
    packets = voice.speak("Hello.")
    await anext(packets)
    await packets.aclose()  # type: ignore[attr-defined]
    assert cache.size_bytes == 0
    assert len(await said(voice)) == 10
    assert cache.size_bytes > 0


@pytest.mark.parametrize(("duration_ms", "kept"), [(6000, True), (6060, False), (0, False)])
async def test_only_short_speech_is_remembered(duration_ms: int, kept: bool) -> None:
    cache = OpusCache(1_000_000)
    for _ in range(2):
        await said(OpusVoice(Speaker(cut(tone(duration_ms))), PLAIN, DOWNLINK, cache))
    assert (cache.size_bytes > 0) == kept


def sentence(text: str) -> Sentence:
    return Sentence("speaker", PLAIN, DOWNLINK, text)


def test_the_cache_stays_within_its_bytes_and_forgets_the_longest_unused() -> None:
    cache = OpusCache(3500)
    for text in ("a", "b", "c"):
        cache.put(sentence(text), (bytes(1000),))
    assert cache.get(sentence("a")) == (bytes(1000),)
    cache.put(sentence("d"), (bytes(1000),))
    assert cache.size_bytes <= 3500
    assert [cache.get(sentence(text)) is not None for text in "abcd"] == [True, False, True, True]


def test_what_is_put_twice_counts_once() -> None:
    cache = OpusCache(3500)
    for _ in range(10):
        cache.put(sentence("a"), (bytes(1000),))
    assert cache.size_bytes < 1100


def test_what_is_too_big_for_the_cache_does_not_empty_it() -> None:
    cache = OpusCache(3500)
    cache.put(sentence("a"), (bytes(1000),))
    cache.put(sentence("b"), (bytes(4000),))
    assert cache.get(sentence("a")) is not None
    assert cache.get(sentence("b")) is None
