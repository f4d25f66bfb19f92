"""The voices of Edge's reader: which voice speaks, MP3 as it arrives, and what failures are called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.errors import EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.speech import VoiceChoice, one
from fakes.edge_server import EdgeServer, Reads
from tts_server.engines import edge
from tts_server.engines.edge import Deadlines, EdgeSynthesizer

edge_tts = pytest.importorskip("edge_tts")
pytest.importorskip("av")
PLAIN = VoiceChoice()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EdgeServer]:
    async with EdgeServer() as server, asyncio.timeout(30):
        monkeypatch.setattr("edge_tts.communicate.WSS_URL", server.url)
        yield server


async def spoken(text: str = "Good evening.", choice: VoiceChoice = PLAIN, **how: object) -> list[float]:
    engine = EdgeSynthesizer(**how)  # type: ignore[arg-type]
    return [pcm.duration_ms async for pcm in engine.speak(one(text), choice)]


@pytest.mark.parametrize(
    ("text", "choice", "voice"),
    [
        ("Good evening.", PLAIN, edge.ENGLISH),
        ("晚上好。", PLAIN, edge.CHINESE),
        ("Guten Abend.", VoiceChoice(language="de-DE"), "de-DE-KatjaNeural"),
        ("Good evening.", VoiceChoice(voice="en-GB-SoniaNeural", language="zh"), "en-GB-SoniaNeural"),
    ],
)
async def test_the_voice_follows_the_choice_then_the_language_then_the_script(
    server: EdgeServer, text: str, choice: VoiceChoice, voice: str
) -> None:
    assert await spoken(text, choice)
    locale, name = voice.rsplit("-", 1)
    assert locale in server.ssml[0] and name in server.ssml[0]


async def test_speed_and_pitch_are_asked_for_and_text_cannot_be_a_command(server: EdgeServer) -> None:
    await spoken("Fish & <break/> chips.", VoiceChoice(speed=1.25, pitch=0.9))
    assert "rate='+25%'" in server.ssml[0] and "pitch='-20Hz'" in server.ssml[0]
    assert "Fish &amp; &lt;break/&gt; chips." in server.ssml[0]


async def test_all_of_the_mp3_is_sound_and_it_comes_in_pieces(server: EdgeServer) -> None:
    pieces = await spoken("Good evening, how are you?")
    assert len(pieces) > 1
    assert sum(pieces) == pytest.approx(26 * 60, abs=150)


@pytest.mark.parametrize(
    ("reads", "kind", "said"),
    [
        (Reads(silent=True), EngineFailed, "no sound"),
        (Reads(hang_after=0), EngineTimeout, "in time"),
        (Reads(status=500), EngineFailed, "answered 500"),
    ],
)
async def test_failures_are_sentences(server: EdgeServer, reads: Reads, kind: type[EngineError], said: str) -> None:
    server.say(reads)
    with pytest.raises(kind, match=said):
        await spoken(deadlines=Deadlines(first_sound_s=0.3, next_piece_s=0.3))


async def test_a_name_that_is_no_voice_is_told(server: EdgeServer) -> None:
    with pytest.raises(EngineUnavailable, match="no name of an Edge voice") as raised:
        await spoken(choice=VoiceChoice(voice="nobody"))
    assert raised.value.code == "unknown_voice"


async def test_leaving_in_mid_sentence_ends_the_request(server: EdgeServer) -> None:
    server.say(Reads(hang_after=3))
    speech = EdgeSynthesizer().speak(one("Good evening."), PLAIN)
    await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]
    while not server.gone:
        await asyncio.sleep(0.01)


async def test_voices_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def listed(**_: object) -> list[dict[str, str]]:
        return [{"ShortName": "zh-CN-XiaoxiaoNeural", "FriendlyName": "Xiaoxiao", "Locale": "zh-CN"}]

    monkeypatch.setattr(edge_tts, "list_voices", listed)
    (voice,) = await EdgeSynthesizer().voices()
    assert (voice.id, voice.languages) == ("zh-CN-XiaoxiaoNeural", ("zh-CN",))
