"""The voices of the system, where it has any."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import EngineUnavailable
from contracts.speech import VoiceChoice, one
from sound.level import rms_dbfs
from tts_server.engines import system_process
from tts_server.engines.system import SystemSynthesizer

pytest.importorskip("pyttsx3")
PLAIN = VoiceChoice()


@pytest.fixture
async def voice() -> AsyncIterator[SystemSynthesizer]:
    engine = SystemSynthesizer()
    try:
        await engine.warm()
    except EngineUnavailable:
        pytest.skip("this system has no speech")
    async with asyncio.timeout(60):
        yield engine


async def spoken(engine: SystemSynthesizer, text: str, choice: VoiceChoice = PLAIN) -> tuple[float, bytes]:
    pieces = [pcm async for pcm in engine.speak(one(text), choice)]
    return sum(piece.duration_ms for piece in pieces), b"".join(piece.data for piece in pieces)


async def test_it_speaks_and_lists_its_voices(voice: SystemSynthesizer) -> None:
    duration_ms, pcm = await spoken(voice, "Good evening, how are you?")
    assert duration_ms > 500 and rms_dbfs(pcm) > -40
    assert all(each.id and each.name for each in await voice.voices())


async def test_faster_is_shorter_and_a_voice_can_be_named(voice: SystemSynthesizer) -> None:
    slow, fast = [(await spoken(voice, "Good evening.", VoiceChoice(speed=speed)))[0] for speed in (0.7, 1.6)]
    assert fast < slow
    with pytest.raises(EngineUnavailable) as raised:
        await spoken(voice, "Hello.", VoiceChoice(voice="nobody-at-all"))
    assert raised.value.code == "unknown_voice"


async def test_leaving_kills_the_process_and_leaves_no_file(
    voice: SystemSynthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    listener = asyncio.create_task(spoken(voice, "A very long story. " * 20))
    while not left_in(tmp_path):
        await asyncio.sleep(0.01)
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    assert left_in(tmp_path) == []


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def test_a_language_finds_its_voice() -> None:
    voices = [("a", "A", ["en-us"]), ("b", "B", ["cmn"]), ("c", "C", ["en-gb"]), ("d", "D", ["yue"])]
    asked = ("en", "en-GB", "zh-CN", "yue", "fr")
    assert [system_process._fitting(voices, language) for language in asked] == ["a", "c", "b", "d", ""]
