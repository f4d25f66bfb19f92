"""Any OpenAI-compatible speech server, on a real socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.speech import VoiceChoice, one
from fakes.speech_server import Speech, SpeechServer, tone
from tts_server.engines.openai import Deadlines, OpenAISynthesizer

KEY = "sk-very-secret-key"
TEXT = "Good evening, 你好。"
PLAIN = VoiceChoice()
LONG_S = 20.0


@pytest.fixture
async def server() -> AsyncIterator[SpeechServer]:
    async with SpeechServer() as server:
        yield server


@pytest.fixture
async def engine(server: SpeechServer) -> AsyncIterator[OpenAISynthesizer]:
    engine = OpenAISynthesizer(server.url, KEY)
    yield engine
    await engine.close()


async def say(engine: OpenAISynthesizer, text: str = TEXT, choice: VoiceChoice = PLAIN) -> list[Pcm]:
    return [pcm async for pcm in engine.speak(one(text), choice)]


def joined(pieces: list[Pcm]) -> bytes:
    return b"".join(piece.data for piece in pieces)


async def test_the_request_is_that_of_the_api(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    await say(engine)
    assert server.paths == ["/v1/audio/speech"]
    assert server.requests == [{"model": "tts-1", "input": TEXT, "voice": "alloy", "response_format": "pcm"}]
    assert server.request_headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_choice_and_options_go_into_the_request(server: SpeechServer) -> None:
    engine = OpenAISynthesizer(server.url, model="cosy", response_format="wav", options={"stream": True})
    await say(engine, choice=VoiceChoice(voice="nova", speed=9.0))
    await engine.close()
    asked = server.requests[0]
    assert (asked["model"], asked["voice"], asked["speed"]) == ("cosy", "nova", 4.0)
    assert asked["response_format"] == "wav"
    assert asked["stream"] is True
    assert "Authorization" not in server.request_headers[0]


async def test_only_our_own_server_is_told_what_is_a_draft(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    ours = OpenAISynthesizer(server.url, takes_drafts=True)
    for synthesizer, choice in ((engine, VoiceChoice(draft=True)), (ours, PLAIN), (ours, VoiceChoice(draft=True))):
        await say(synthesizer, choice=choice)
    await ours.close()
    assert [asked.get("draft") for asked in server.requests] == [None, None, True]


@pytest.mark.parametrize("ending", ["", "/", "/audio/speech", "?api-version=2"])
async def test_an_address_is_taken_as_people_write_it(server: SpeechServer, ending: str) -> None:
    engine = OpenAISynthesizer(server.url + ending)
    await say(engine)
    await engine.close()
    assert server.paths[0].startswith("/v1/audio/speech")
    assert server.paths[0].endswith("?api-version=2") == ("?" in ending)


@pytest.mark.parametrize("address", ["", "localhost:8000", "ftp://host/v1", "http://", "http://[bad"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(EngineUnavailable, match="ZHIYIN_TTS"):
        OpenAISynthesizer(address)


@pytest.mark.parametrize("key", ["line\nbreak", "ключ"])
def test_a_key_that_is_none_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(EngineUnavailable) as failure:
        OpenAISynthesizer("http://127.0.0.1/v1", key)
    assert key not in str(failure.value)


@pytest.mark.parametrize("form", ["pcm", "wav"])
@pytest.mark.parametrize("chunk_bytes", [1001, 4800, 1_000_000])
async def test_sound_comes_as_it_was_sent(
    server: SpeechServer, engine: OpenAISynthesizer, form: str, chunk_bytes: int
) -> None:
    said = tone(500)
    server.say(Speech(pcm=said, form=form, chunk_bytes=chunk_bytes))
    heard = await say(engine)
    assert joined(heard) == said
    assert {piece.sample_rate_hz for piece in heard} == {24_000}


async def test_a_wav_has_the_rate_it_says(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    server.say(Speech(pcm=tone(100, 16_000), form="wav", sample_rate_hz=16_000))
    assert {piece.sample_rate_hz for piece in await say(engine)} == {16_000}


async def test_the_first_piece_comes_while_the_server_still_makes_the_rest(
    server: SpeechServer, engine: OpenAISynthesizer
) -> None:
    server.say(Speech(hang_after=1))
    speech = engine.speak(one(TEXT), PLAIN)
    async with asyncio.timeout(LONG_S):
        assert (await anext(speech)).data
    await speech.aclose()  # type: ignore[attr-defined]


async def test_volume_is_ours_when_the_api_has_none(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    server.say(Speech(pcm=b"\x10\x27" * 100))
    assert joined(await say(engine, choice=VoiceChoice(volume_db=-20.0))) == b"\xe8\x03" * 100


async def test_blank_text_asks_nothing(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    assert await say(engine, " 😀 ... \n") == []
    assert server.requests == []


async def test_streamed_words_are_one_request_a_sentence(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    async def words() -> AsyncIterator[str]:
        for word in ("One", " two.", " Three", "!"):
            yield word

    async for _ in engine.speak(words(), PLAIN):
        pass
    assert [asked["input"] for asked in server.requests] == ["One two.", "Three!"]


async def test_one_connection_serves_one_text_after_another(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    for _ in range(4):
        await say(engine)
    assert server.connections == 1


async def test_a_kept_connection_that_died_is_replaced(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    await say(engine)
    server.drop_connections()
    assert await say(engine)


async def test_many_texts_are_spoken_at_once(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    server.say(Speech(headers_delay_s=0.2))
    heard = await asyncio.gather(*(say(engine, f"Number {number}") for number in range(30)))
    assert all(heard)
    assert server.most_at_once == 30


async def test_leaving_early_closes_the_request(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    server.say(Speech(hang_after=1))
    speech = engine.speak(one(TEXT), PLAIN)
    await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(server.gone.wait(), LONG_S)


@pytest.mark.parametrize("answer", [Speech(headers_delay_s=600), Speech(first_delay_s=600), Speech(hang_after=2)])
async def test_cancelling_closes_the_request(server: SpeechServer, engine: OpenAISynthesizer, answer: Speech) -> None:
    server.say(answer)
    listener = asyncio.create_task(say(engine))
    while not server.requests:
        await asyncio.sleep(0.005)
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    await asyncio.wait_for(server.gone.wait(), LONG_S)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, EngineUnavailable),
        (403, EngineUnavailable),
        (429, EngineBusy),
        (503, EngineBusy),
        (302, EngineFailed),
        (400, EngineFailed),
        (404, EngineFailed),
        (500, EngineFailed),
        (418, EngineFailed),
    ],
)
async def test_a_refusal_is_an_error_of_its_kind(
    server: SpeechServer, engine: OpenAISynthesizer, status: int, kind: type[EngineError]
) -> None:
    said = {"error": {"message": f"Incorrect key {KEY} for {TEXT}", "code": "some_code"}}
    server.say(Speech(status=status, error=said, headers={"Location": "/v2"} if status == 302 else {}))
    with pytest.raises(kind, match=str(status)) as failure:
        await say(engine)
    assert "some_code" in str(failure.value)
    assert KEY not in str(failure.value)
    assert TEXT not in str(failure.value)
    assert failure.value.engine == "openai"


@pytest.mark.parametrize("error", [[], {"error": "x"}, {"error": {"code": "words that were said"}}, "text"])
async def test_a_refusal_repeats_nothing_but_a_code(
    server: SpeechServer, engine: OpenAISynthesizer, error: object
) -> None:
    server.say(Speech(status=400, error=error))
    with pytest.raises(EngineFailed, match=r"answered 400: check"):
        await say(engine)


async def test_text_instead_of_sound_is_a_failure(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    server.say(Speech(raw=b'{"detail": "no"}', content_type="application/json"))
    with pytest.raises(EngineFailed, match="application/json instead of sound"):
        await say(engine)


async def test_an_empty_answer_is_a_failure(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    server.say(Speech(raw=b""))
    with pytest.raises(EngineFailed, match="no sound"):
        await say(engine)


async def test_a_broken_off_answer_is_a_failure_after_what_came(
    server: SpeechServer, engine: OpenAISynthesizer
) -> None:
    server.say(Speech(cut_after=2))
    heard = []
    with pytest.raises(EngineFailed, match="broke off"):
        async for pcm in engine.speak(one(TEXT), PLAIN):
            heard.append(pcm)
    assert heard


async def test_nobody_there_is_unavailable() -> None:
    async with SpeechServer() as server:
        address = server.url
    engine = OpenAISynthesizer(address, KEY)
    for wait in (say(engine), engine.warm()):
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1:\d+"):
            await wait
    await engine.close()


@pytest.mark.parametrize(
    "answer", [Speech(headers_delay_s=600), Speech(first_delay_s=600), Speech(hang_after=0), Speech(hang_after=1)]
)
async def test_a_server_that_stalls_meets_a_deadline(server: SpeechServer, answer: Speech) -> None:
    server.say(answer)
    engine = OpenAISynthesizer(server.url, deadlines=Deadlines(3.0, 0.2, 0.2))
    with pytest.raises(EngineTimeout):
        await say(engine)
    await asyncio.wait_for(server.gone.wait(), LONG_S)
    await engine.close()


async def test_a_slow_listener_is_not_a_slow_server(server: SpeechServer) -> None:
    server.say(Speech(pcm=tone(20_000)))
    engine = OpenAISynthesizer(server.url, deadlines=Deadlines(3.0, 5.0, 0.3))
    heard = b""
    async for pcm in engine.speak(one(TEXT), PLAIN):
        if not heard:
            await asyncio.sleep(0.6)
        heard += pcm.data
    assert heard == tone(20_000)
    await engine.close()


async def test_warming_opens_a_connection_that_the_first_text_uses(
    server: SpeechServer, engine: OpenAISynthesizer
) -> None:
    server.models_status = 404
    await engine.warm()
    await say(engine)
    assert server.connections == 1
    assert server.paths == ["/v1/models", "/v1/audio/speech"]


async def test_warming_tries_the_key(server: SpeechServer, engine: OpenAISynthesizer) -> None:
    server.models_status = 401
    with pytest.raises(EngineUnavailable, match="refuses the key; check ZHIYIN_TTS_KEY, or ZHIYIN_INTERNAL_TOKEN"):
        await engine.warm()


async def test_a_password_in_the_address_is_used_and_never_told(server: SpeechServer) -> None:
    engine = OpenAISynthesizer(server.url.replace("http://", "http://me:hunter2@"))
    await say(engine)
    assert server.request_headers[0]["Authorization"].startswith("Basic ")
    server.say(Speech(status=500))
    with pytest.raises(EngineFailed) as failure:
        await say(engine)
    assert "hunter2" not in str(failure.value)
    await engine.close()
