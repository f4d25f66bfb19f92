"""The mouth's promises (contracts.speech), kept by every home of the port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from contracts.audio import Pcm
from contracts.errors import EngineUnavailable
from contracts.speech import Synthesizer, VoiceChoice, one
from fakes import tiny_models
from fakes.edge_server import EdgeServer
from fakes.elevenlabs_server import ElevenLabsServer
from fakes.speech_server import Speech, SpeechServer
from fakes.speech_service import speech_service
from main_server.failover.line import Line
from main_server.failover.streams import FailoverSynthesizer
from sound.level import rms_dbfs
from tts_server.engines.edge import EdgeSynthesizer
from tts_server.engines.elevenlabs import ElevenLabsSynthesizer
from tts_server.engines.espeak import EspeakSynthesizer
from tts_server.engines.openai import OpenAISynthesizer
from tts_server.engines.sherpa import SherpaSynthesizer
from tts_server.engines.system import SystemSynthesizer

HOMES = [
    "espeak",
    "sherpa",
    "openai pcm",
    "openai wav",
    "socket pcm",
    "socket wav",
    "failover",
    "elevenlabs",
    "edge",
    "system",
]
PLAIN = VoiceChoice()
LONG_S = 20.0


@asynccontextmanager
async def home(name: str, folder: Path) -> AsyncIterator[Synthesizer]:
    if name == "espeak":
        yield EspeakSynthesizer()
        return
    if name.startswith("socket "):
        async with speech_service(EspeakSynthesizer(), token="a-token") as url:
            remote = OpenAISynthesizer(url, "a-token", response_format=name.removeprefix("socket "))
            yield remote
            await remote.close()
        return
    if name == "failover":
        down = OpenAISynthesizer("http://127.0.0.1:9/v1")
        several = FailoverSynthesizer(Line("voice", [down, EspeakSynthesizer()]), ("alloy", ""))
        yield several
        await several.close()
        return
    if name == "elevenlabs":
        async with ElevenLabsServer() as there:
            yield (elevenlabs := ElevenLabsSynthesizer(there.url, "a-key"))
            await elevenlabs.close()
        return
    if name == "edge":
        edge_tts = pytest.importorskip("edge_tts")
        async with EdgeServer() as there:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(edge_tts.communicate, "WSS_URL", there.url)
                yield EdgeSynthesizer()
        return
    if name == "system":
        pytest.importorskip("pyttsx3")
        system = SystemSynthesizer()
        try:
            await system.warm()
        except EngineUnavailable:
            pytest.skip("this system has no speech")
        yield system
        return
    if name == "sherpa":
        tiny_models.vits(folder / "voice-zh", "zh")
        tiny_models.vits(folder / "voice-en", "en", rate_hz=22_050)
        yield (sherpa := SherpaSynthesizer(folder))
        await sherpa.close()
        return
    async with SpeechServer() as server:
        server.say(Speech(chunk_bytes=3333))
        engine = OpenAISynthesizer(server.url, response_format=name.removeprefix("openai "))
        yield engine
        await engine.close()


@pytest.fixture(params=HOMES)
async def synthesizer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Synthesizer]:
    async with home(request.param, tmp_path) as synthesizer:
        yield synthesizer


async def heard(synthesizer: Synthesizer, text: str, choice: VoiceChoice = PLAIN) -> list[Pcm]:
    return [pcm async for pcm in synthesizer.speak(one(text), choice)]


async def words(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def test_it_has_a_name(synthesizer: Synthesizer) -> None:
    assert synthesizer.name
    assert synthesizer.name.isidentifier()


@pytest.mark.parametrize("text", ["Good evening, how are you?", "晚上好，你今天怎么样？", "打开 Wi-Fi, please."])
async def test_chinese_and_english_are_sound(synthesizer: Synthesizer, text: str) -> None:
    pcm = b"".join(piece.data for piece in await heard(synthesizer, text))
    assert rms_dbfs(pcm) > -35
    assert len(pcm) > 2 * 8000 // 2


async def test_pieces_are_whole_samples_of_one_rate_and_never_empty(synthesizer: Synthesizer) -> None:
    pieces = await heard(synthesizer, "One sentence. 第二句话！And 第三 one?")
    assert len(pieces) > 1
    assert all(piece.data and len(piece.data) % 2 == 0 for piece in pieces)
    assert len({piece.sample_rate_hz for piece in pieces}) == 1


@pytest.mark.parametrize("text", ["", "   \n", "...", "。！", "😀"])
async def test_text_with_nothing_to_say_is_nothing(synthesizer: Synthesizer, text: str) -> None:
    assert await heard(synthesizer, text) == []


async def test_no_words_at_all_are_nothing(synthesizer: Synthesizer) -> None:
    assert [pcm async for pcm in synthesizer.speak(words(), PLAIN)] == []


async def test_streamed_words_are_all_spoken(synthesizer: Synthesizer) -> None:
    pieces = [pcm async for pcm in synthesizer.speak(words("Good ", "evening. How ", "are you", "?"), PLAIN)]
    alone = await heard(synthesizer, "Good evening.")
    assert sum(piece.duration_ms for piece in pieces) > 1.3 * sum(piece.duration_ms for piece in alone)


async def test_closing_in_the_middle_is_quick_and_leaves_the_engine_usable(synthesizer: Synthesizer) -> None:
    speech = synthesizer.speak(one("A very long story. " * 50), PLAIN)
    async with asyncio.timeout(LONG_S):
        await anext(speech)
        await speech.aclose()  # type: ignore[attr-defined]
        with pytest.raises(StopAsyncIteration):
            await anext(speech)
        assert await heard(synthesizer, "Hello.")


async def test_closing_closes_the_words(synthesizer: Synthesizer) -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "And on it goes. "
        finally:
            closed.set()

    speech = synthesizer.speak(endless(), PLAIN)
    await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]
    assert closed.is_set()


async def test_closing_before_the_first_word_is_fine(synthesizer: Synthesizer) -> None:
    await synthesizer.speak(one("Hello."), PLAIN).aclose()  # type: ignore[attr-defined]


async def test_cancelling_the_listener_leaves_the_engine_usable(synthesizer: Synthesizer) -> None:
    listener = asyncio.create_task(heard(synthesizer, "A very long story. " * 50))
    await asyncio.sleep(0)
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    assert await heard(synthesizer, "Hello.")


async def test_many_speak_at_once_and_each_is_heard_whole(synthesizer: Synthesizer) -> None:
    texts = [f"This is toy number {number}." for number in range(20)]
    together = await asyncio.gather(*(heard(synthesizer, text) for text in texts))
    alone = [await heard(synthesizer, text) for text in texts]
    for one_of_many, by_itself in zip(together, alone, strict=True):
        durations = [sum(piece.duration_ms for piece in pieces) for pieces in (one_of_many, by_itself)]
        assert durations[0] == pytest.approx(durations[1], rel=0.1)


async def test_a_choice_of_volume_is_heard(synthesizer: Synthesizer) -> None:
    levels = []
    for gain in (0.0, -12.0):
        pieces = await heard(synthesizer, "Good evening.", VoiceChoice(volume_db=gain))
        levels.append(rms_dbfs(b"".join(piece.data for piece in pieces)))
    assert levels[0] - levels[1] == pytest.approx(12.0, abs=1.0)


async def test_warming_and_closing_can_be_repeated(synthesizer: Synthesizer) -> None:
    for _ in range(2):
        await synthesizer.warm()
        assert await heard(synthesizer, "Hello.")
        await synthesizer.close()


async def test_sound_is_no_noise_of_misread_bytes(synthesizer: Synthesizer) -> None:
    """Bytes out of step would jump from sample to sample; speech and tones do not."""
    pcm = b"".join(piece.data for piece in await heard(synthesizer, "Oh, one more moon."))
    samples = np.frombuffer(pcm, "<i2").astype(float)
    assert np.std(np.diff(samples)) < np.std(samples)
