"""The client of OpenAI-compatible recognisers, against a scripted server."""

import asyncio
import io

import pytest
import soundfile

from asr_worker.engines.openai import Deadlines, OpenAITranscriber
from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.transcription import TranscriptionRequest
from fakes.transcription_server import Hears, TranscriptionServer

KEY = "sk-very-secret"
SOUND = Pcm(bytes(range(200)) * 160, 16_000)


@pytest.fixture
async def server():
    async with TranscriptionServer() as server:
        yield server


@pytest.fixture
async def transcriber(server):
    transcriber = OpenAITranscriber(server.url, KEY, "a-model", deadlines=Deadlines(total_s=5.0))
    yield transcriber
    await transcriber.close()


async def test_the_utterance_arrives_as_a_wav_with_model_language_and_key(server, transcriber):
    heard = await transcriber.transcribe(SOUND, TranscriptionRequest(language="zh-CN"))
    assert heard.text == "hello"
    form = server.requests[0]
    assert (form["model"], form["language"], form["response_format"]) == ("a-model", "zh", "json")
    samples, rate_hz = soundfile.read(io.BytesIO(form["file"]), dtype="int16")
    assert (samples.tobytes(), rate_hz) == (SOUND.data, 16_000)
    assert server.paths == ["/v1/audio/transcriptions"]
    assert server.request_headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_no_language_means_no_hint(server, transcriber):
    await transcriber.transcribe(SOUND, TranscriptionRequest())
    assert "language" not in server.requests[0]


@pytest.mark.parametrize(
    ("answer", "text", "language"),
    [
        (Hears(" Hi. "), "Hi.", ""),
        (Hears("Hi.", form="text"), "Hi.", ""),
        (Hears(raw=b'{"text": "Hi."}', content_type="text/plain"), "Hi.", ""),
        (Hears("Hi.", language="english"), "Hi.", "en"),
        (Hears("嗨", language="zh"), "嗨", "zh"),
        (Hears(""), "", ""),
    ],
)
async def test_json_and_bare_text_are_both_understood(server, transcriber, answer, text, language):
    server.say(answer)
    heard = await transcriber.transcribe(SOUND, TranscriptionRequest())
    assert (heard.text, heard.language, heard.rejected) == (text, language, False)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Hears(status=401), EngineUnavailable),
        (Hears(status=403), EngineUnavailable),
        (Hears(status=429), EngineBusy),
        (Hears(status=503), EngineBusy),
        (Hears(status=404), EngineFailed),
        (Hears(status=500), EngineFailed),
        (Hears(status=302, headers={"Location": "/elsewhere"}), EngineFailed),
        (Hears(raw=b"<html>welcome</html>", content_type="text/html"), EngineFailed),
        (Hears(raw=b'{"words": 3}'), EngineFailed),
        (Hears(raw=b'{"text": 3}'), EngineFailed),
        (Hears(raw=b"[" * 100_000), EngineFailed),
        (Hears(raw=b'{"text": "' + b"a" * 1_000_000), EngineFailed),
        (Hears(cut=True), EngineFailed),
    ],
)
async def test_every_bad_answer_becomes_an_error_of_ours_without_the_key(server, transcriber, answer, error):
    server.say(answer)
    with pytest.raises(error) as raised:
        await transcriber.transcribe(SOUND, TranscriptionRequest())
    assert raised.value.engine == "openai"
    assert KEY not in str(raised.value)


async def test_a_server_that_hangs_misses_its_deadline(server):
    server.say(Hears(hang=True))
    transcriber = OpenAITranscriber(server.url, deadlines=Deadlines(total_s=0.3))
    with pytest.raises(EngineTimeout):
        await transcriber.transcribe(SOUND, TranscriptionRequest())
    if server.came.is_set():  # on a machine that stalls it may never have got there
        async with asyncio.timeout(5):
            await server.gone.wait()
    await transcriber.close()


async def test_a_server_that_is_not_there_is_unavailable(unused_tcp_port):
    transcriber = OpenAITranscriber(f"http://127.0.0.1:{unused_tcp_port}/v1")
    with pytest.raises(EngineUnavailable, match="ZHIYIN_ASR"):
        await transcriber.warm()
    await transcriber.close()


async def test_cancelling_closes_the_request(server, transcriber):
    server.say(Hears(hang=True))
    work = asyncio.create_task(transcriber.transcribe(SOUND, TranscriptionRequest()))
    await server.came.wait()
    work.cancel()
    async with asyncio.timeout(5):
        await server.gone.wait()


async def test_one_connection_serves_one_utterance_after_the_other(server, transcriber):
    await transcriber.warm()
    for _ in range(3):
        await transcriber.transcribe(SOUND, TranscriptionRequest())
    assert len(server.peers) == 1


async def test_warm_refuses_a_wrong_key_but_not_a_missing_list(server, transcriber):
    server.models_status = 404
    await transcriber.warm()
    server.models_status = 401
    with pytest.raises(EngineUnavailable, match="key"):
        await transcriber.warm()


@pytest.mark.parametrize("address", ["", "host", "ftp://host/v1", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused_at_once(address):
    with pytest.raises(EngineUnavailable, match="ZHIYIN_ASR"):
        OpenAITranscriber(address)


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it():
    with pytest.raises(EngineUnavailable) as raised:
        OpenAITranscriber("http://host/v1", "line\nbreak")
    assert "break" not in str(raised.value)
