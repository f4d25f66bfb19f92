"""ElevenLabs' stream-input socket: text as it is written, and what failures are called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.speech import VoiceChoice, one
from engine_http.guard import guarded
from engine_http.knobs import Knobs
from fakes.elevenlabs_server import ElevenLabsServer, Speech
from tts_server.engines.elevenlabs import Deadlines, ElevenLabsSynthesizer
from tts_server.engines.elevenlabs_words import Words

KEY = "xi-very-secret"
SECRET_WORDS = "my secret diary"
PLAIN = VoiceChoice()


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with ElevenLabsServer() as server, asyncio.timeout(30):
        yield server


@pytest.fixture
async def engine(server: ElevenLabsServer) -> AsyncIterator[ElevenLabsSynthesizer]:
    engine = ElevenLabsSynthesizer(
        server.url,
        KEY,
        settings={"stability": 0.4},
        deadlines=Deadlines(first_sound_s=0.3, next_piece_s=0.3),
        knobs=Knobs.of_provider("Home"),
    )
    yield engine
    await engine.close()


async def spoken(engine: ElevenLabsSynthesizer, text: str = "Hello there.", choice: VoiceChoice = PLAIN) -> bytes:
    return b"".join([pcm.data async for pcm in engine.speak(one(text), choice)])


async def test_a_voice_its_settings_and_the_key_are_sent(
    server: ElevenLabsServer, engine: ElevenLabsSynthesizer
) -> None:
    await spoken(engine, choice=VoiceChoice(voice="anna", language="zh-CN", speed=3.0))
    assert server.paths == ["/v1/text-to-speech/anna/stream-input"]
    assert server.queries == [
        {"model_id": "eleven_flash_v2_5", "output_format": "pcm_24000", "auto_mode": "true", "language_code": "zh"}
    ]
    assert server.headers[0]["xi-api-key"] == KEY
    assert server.messages[0] == {"text": " ", "voice_settings": {"stability": 0.4, "speed": 1.2}}
    assert server.texts[1:] == ["Hello there. ", ""]


async def test_sound_comes_while_the_text_is_still_being_written(
    server: ElevenLabsServer, engine: ElevenLabsSynthesizer
) -> None:
    more = asyncio.Event()

    async def writing() -> AsyncIterator[str]:
        yield "Once upon a "
        await more.wait()
        yield "ti"
        yield "me."

    speech = engine.speak(writing(), PLAIN)
    assert (await anext(speech)).data
    assert server.texts == [" ", "Once upon a "]
    more.set()
    async for _ in speech:
        pass
    assert server.texts[2:] == ["time. ", ""]


async def test_hanging_up_in_mid_sentence_ends_the_request(
    server: ElevenLabsServer, engine: ElevenLabsSynthesizer
) -> None:
    server.say(Speech(hang_after=2))
    listener = asyncio.create_task(spoken(engine))
    await server.sent.wait()
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    await server.gone.wait()


async def test_a_slow_writer_is_no_slow_server(server: ElevenLabsServer, engine: ElevenLabsSynthesizer) -> None:
    async def slowly() -> AsyncIterator[str]:
        yield "Once "
        await asyncio.sleep(0.5)
        yield "upon a time."

    assert [pcm async for pcm in engine.speak(slowly(), PLAIN)]


@pytest.mark.parametrize("after", [0, 2])
async def test_a_silent_server_has_a_deadline(
    server: ElevenLabsServer, engine: ElevenLabsSynthesizer, after: int
) -> None:
    server.say(Speech(hang_after=after))
    with pytest.raises(EngineTimeout, match="did not answer in time"):
        await spoken(engine)
    await server.gone.wait()


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("invalid_api_key", EngineUnavailable, "check the key of the provider “Home”"),
        ("quota_exceeded", EngineBusy, "limit is reached"),
        ("voice_id_does_not_exist", EngineUnavailable, "no such voice"),
        (f"You wrote {SECRET_WORDS}", EngineFailed, "refused the text: check"),
    ],
)
async def test_an_error_is_told_by_its_code_alone(
    server: ElevenLabsServer, engine: ElevenLabsSynthesizer, code: str, kind: type[EngineError], said: str
) -> None:
    server.say(Speech(error={"message": f"{SECRET_WORDS} {KEY}", "error": code, "code": 1008}))
    with pytest.raises(kind, match=said) as raised:
        await spoken(engine)
    assert SECRET_WORDS not in str(raised.value) and KEY not in str(raised.value)


@pytest.mark.parametrize(("status", "kind"), [(401, EngineUnavailable), (429, EngineBusy), (404, EngineFailed)])
async def test_a_refused_connection_is_a_sentence(
    server: ElevenLabsServer, engine: ElevenLabsSynthesizer, status: int, kind: type[EngineError]
) -> None:
    server.status = status
    with pytest.raises(kind, match=f"answered {status}"):
        await spoken(engine)


async def test_a_server_that_hangs_up_in_mid_sentence_has_failed(
    server: ElevenLabsServer, engine: ElevenLabsSynthesizer
) -> None:
    server.say(Speech(cut_after=2, close_reason="quota_exceeded"))
    with pytest.raises((EngineBusy, EngineFailed)):
        await spoken(engine)


async def test_its_voices_are_listed(server: ElevenLabsServer, engine: ElevenLabsSynthesizer) -> None:
    listed = await engine.voices()
    assert [(voice.id, voice.name, voice.languages) for voice in listed] == [
        ("v1", "Rachel", ("en", "zh")),
        ("v2", "Adam", ("en",)),
    ]
    assert server.headers[0]["xi-api-key"] == KEY


async def test_the_guard_of_addresses_guards_it_too(server: ElevenLabsServer) -> None:
    engine = ElevenLabsSynthesizer(server.url, KEY, connector=guarded(private=False))
    with pytest.raises(EngineUnavailable, match="private network"):
        await spoken(engine)
    assert server.paths == []
    await engine.close()


@pytest.mark.parametrize("key", ["", "ключ"])
def test_without_a_usable_key_there_is_no_engine(key: str) -> None:
    with pytest.raises(EngineUnavailable, match="wants a key"):
        ElevenLabsSynthesizer(key=key)


def test_words_are_never_cut_and_chinese_goes_clause_by_clause() -> None:
    words = Words()
    pieces = ("Hel", "lo wor", "ld", " 你好", "，世", "界。")
    assert [words.push(piece) for piece in pieces] == ["", "Hello ", "", "world ", "你好， ", "世界。 "]
    assert Words().push("...") == ""
    endless = Words()
    assert "".join(endless.push("a" * 100) for _ in range(10)).strip()
