"""The speech service on its socket: what callers are given, and what they are told when they cannot have it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from contracts.errors import EngineBusy, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.speech import VoiceChoice
from fakes.speech_server import tone
from fakes.speech_service import RATE_HZ, ScriptedEngine, speech_service
from serving.access import Access
from serving.readiness import Readiness
from tts_server import speaking
from tts_server.app import create_app
from tts_server.engines.espeak import EspeakSynthesizer
from tts_server.metrics import Metrics
from tts_server.packing import PCM_RATE_HZ, packing
from tts_server.speaking import Mouth
from tts_server.speech_request import FORMATS, MAX_INPUT_CHARS

LONG_S = 20.0


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def service(engine: ScriptedEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with speech_service(engine) as url, httpx.AsyncClient(base_url=url, timeout=LONG_S) as client:
        yield client


async def ask(service: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await service.post("/audio/speech", json={"model": "tts-1", "input": "Hello.", "voice": "alloy"} | fields)


def samples_of(answer: httpx.Response, response_format: str) -> tuple[np.ndarray[Any, Any], int]:
    if response_format == "pcm":
        return np.frombuffer(answer.content, "<i2") / 32768, PCM_RATE_HZ
    return soundfile.read(io.BytesIO(answer.content))  # type: ignore[no-any-return]


@pytest.mark.parametrize("response_format", FORMATS)
async def test_every_format_is_the_engines_sound(service: httpx.AsyncClient, response_format: str) -> None:
    answer = await ask(service, response_format=response_format)
    assert answer.status_code == 200
    samples, rate_hz = samples_of(answer, response_format)
    assert len(samples) / rate_hz == pytest.approx(2.0, abs=0.1)  # mp3 comes in whole frames
    middle = samples[rate_hz // 2 : rate_hz * 3 // 2]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * rate_hz / len(middle) == pytest.approx(440, abs=3)
    assert np.abs(middle).max() == pytest.approx(8000 / 32768, rel=0.15)


@pytest.mark.parametrize("response_format", FORMATS)
async def test_sound_goes_out_while_the_engine_still_works(
    engine: ScriptedEngine, service: httpx.AsyncClient, response_format: str
) -> None:
    engine.held = asyncio.Event()
    body = {"input": "Hello.", "response_format": response_format}
    async with service.stream("POST", "/audio/speech", json=body) as answer:
        pieces = answer.aiter_raw()
        first = await anext(pieces)
        assert len(first) > 64 and not engine.closed.is_set()
        engine.held.set()
        rest = b"".join([piece async for piece in pieces])
    assert len(rest) > len(first) / 4


async def test_a_caller_that_leaves_stops_the_engine(engine: ScriptedEngine, service: httpx.AsyncClient) -> None:
    engine.pieces, engine.held = 1000, asyncio.Event()
    async with service.stream("POST", "/audio/speech", json={"input": "Hello."}) as answer:
        await anext(answer.aiter_raw())
        assert not engine.closed.is_set()
    async with asyncio.timeout(LONG_S):
        await engine.closed.wait()


async def test_a_caller_that_leaves_before_the_first_sound_stops_the_engine(engine: ScriptedEngine) -> None:
    never = asyncio.Event()

    async def nothing(words: Any, choice: VoiceChoice) -> AsyncIterator[Any]:
        engine.begun.set()
        try:
            await never.wait()
            yield
        finally:
            engine.closed.set()

    engine.speak = nothing  # type: ignore[method-assign]
    async with speech_service(engine) as url, httpx.AsyncClient(base_url=url, timeout=LONG_S) as service:
        asking = asyncio.create_task(ask(service))
        async with asyncio.timeout(LONG_S):
            await engine.begun.wait()
            asking.cancel()
            await engine.closed.wait()


async def test_what_was_asked_for_reaches_the_engine(engine: ScriptedEngine, service: httpx.AsyncClient) -> None:
    await ask(service, input="晚上好", voice="cmn", speed=1.5)
    await ask(service)
    assert engine.said == [("晚上好", VoiceChoice(voice="cmn", speed=1.5)), ("Hello.", VoiceChoice())]


async def test_drafts_are_refused_first(engine: ScriptedEngine) -> None:
    engine.held = asyncio.Event()
    async with (
        speech_service(engine, max_at_once=4) as url,
        httpx.AsyncClient(base_url=url, timeout=LONG_S) as service,
        contextlib.AsyncExitStack() as answers,
    ):
        for text in ("one", "two", "three"):
            body = {"input": text, "draft": True, "response_format": "pcm"}
            await answers.enter_async_context(service.stream("POST", "/audio/speech", json=body))
        assert [choice.draft for _, choice in engine.said] == [True] * 3
        refused = await ask(service, draft=True)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "engine_busy")
        engine.held.set()
        assert (await ask(service)).status_code == 200
        assert not engine.said[-1][1].draft


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"input": ""}, "input", "empty"),
        ({"input": " \n"}, "input", "empty"),
        ({"input": 7}, "input", "text"),
        ({"input": "x" * (MAX_INPUT_CHARS + 1)}, "input", "10000"),
        ({"response_format": "aac"}, "response_format", "pcm, wav, opus, mp3"),
        ({"draft": "perhaps"}, "draft", "true or false"),
        ({"speed": 0.2}, "speed", "0.25 to 4"),
        ({"speed": 4.1}, "speed", "0.25 to 4"),
        ({"speed": "fast"}, "speed", "0.25 to 4"),
        ({"voice": 3}, "voice", "/v1/voices"),
        ({"stream_format": "sse"}, "stream_format", "audio"),
    ],
)
async def test_a_field_that_cannot_be_used_is_named_in_a_sentence(
    service: httpx.AsyncClient, fields: dict[str, Any], param: str, says: str
) -> None:
    answer = await ask(service, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert says in error["message"] and error["message"].endswith(".")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null", b"[" * 50_000])
async def test_a_body_that_is_no_request_is_a_sentence(service: httpx.AsyncClient, body: bytes) -> None:
    answer = await service.post("/audio/speech", content=body)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


async def test_a_body_without_end_is_cut_off(service: httpx.AsyncClient) -> None:
    answer = await service.post("/audio/speech", content=b'{"input": "' + b"x" * 300_000 + b'"}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_long")


async def test_the_longest_text_is_taken_in_its_longest_form(
    engine: ScriptedEngine, service: httpx.AsyncClient
) -> None:
    text = "\U00020000" * MAX_INPUT_CHARS
    answer = await service.post("/audio/speech", content=json.dumps({"input": text}))
    assert answer.status_code == 200
    assert engine.said[0][0] == text


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (EngineUnavailable("There is no library.", engine="x"), 500),
        (EngineUnavailable("No such voice", engine="x", code="unknown_voice"), 400),
        (EngineBusy("Full.", engine="x"), 429),
        (EngineTimeout("Hung.", engine="x"), 504),
        (EngineFailed("Broke.", engine="x"), 500),
    ],
)
async def test_an_engine_that_fails_before_its_first_sound_is_an_error(
    engine: ScriptedEngine, service: httpx.AsyncClient, failure: Any, status: int
) -> None:
    engine.fails = failure
    answer = await ask(service)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == failure.code


async def test_an_engine_that_fails_in_the_middle_cuts_the_answer_off(
    engine: ScriptedEngine, service: httpx.AsyncClient
) -> None:
    engine.fails, engine.fails_after = EngineFailed("Broke.", engine="x"), 1
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(service)


async def test_an_engine_that_hangs_is_given_up(
    engine: ScriptedEngine, service: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "PIECE_S", 0.05)
    engine.held = asyncio.Event()
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(service)
    assert engine.closed.is_set()


async def test_a_caller_that_takes_nothing_is_given_up(
    engine: ScriptedEngine, service: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "CALLER_S", 0.2)
    engine.pieces = 100_000
    async with service.stream("POST", "/audio/speech", json={"input": "Hello.", "response_format": "pcm"}):
        async with asyncio.timeout(LONG_S):
            await engine.closed.wait()


async def test_texts_beyond_the_limit_are_refused_and_taken_when_there_is_room(engine: ScriptedEngine) -> None:
    engine.held = asyncio.Event()
    async with (
        speech_service(engine, max_at_once=1) as url,
        httpx.AsyncClient(base_url=url, timeout=LONG_S) as service,
        service.stream("POST", "/audio/speech", json={"input": "Hello."}) as answer,
    ):
        await anext(answer.aiter_raw())
        refused = await ask(service)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "engine_busy")
        engine.held.set()
        async with asyncio.timeout(LONG_S):
            await engine.closed.wait()
            while (await ask(service)).status_code == 429:
                await asyncio.sleep(0.01)


async def test_off_loopback_every_route_for_callers_wants_the_token(engine: ScriptedEngine) -> None:
    async with speech_service(engine, token="right") as url, httpx.AsyncClient(base_url=url) as service:
        for method, path in (("POST", "/audio/speech"), ("GET", "/voices"), ("GET", "/models")):
            for shown in (None, "Bearer wrong", "Basic right", "Bearer", "Bearer r\u00efght".encode("latin-1")):
                headers = {} if shown is None else {"authorization": shown}
                answer = await service.request(method, path, headers=headers)  # type: ignore[arg-type]
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
                assert "right" not in answer.text
        service.headers["authorization"] = "Bearer right"
        assert (await ask(service)).status_code == 200
        assert (await service.get("/voices")).status_code == 200
        assert engine.said == [("Hello.", VoiceChoice())]


async def test_espeaks_voices_are_listed_and_can_be_asked_for() -> None:
    async with (
        speech_service(EspeakSynthesizer()) as url,
        httpx.AsyncClient(base_url=url, timeout=LONG_S) as service,
    ):
        voices = {voice["id"]: voice for voice in (await service.get("/voices")).json()["voices"]}
        assert {"en-us", "en-gb", "cmn", "yue"} <= set(voices)
        assert voices["cmn"]["name"] and "cmn" in voices["cmn"]["languages"]
        assert (await ask(service, voice="yue")).status_code == 200
        unknown = await ask(service, voice="klingon-2")
        assert (unknown.status_code, unknown.json()["error"]["param"]) == (400, "voice")
        assert [model["id"] for model in (await service.get("/models")).json()["data"]] == ["espeak"]
        silent = await ask(service, input="...", response_format="wav")
        assert silent.status_code == 200 and len(silent.content) == 44


async def test_an_engine_without_a_list_of_voices_has_an_empty_one(service: httpx.AsyncClient) -> None:
    assert (await service.get("/voices")).json() == {"voices": []}


async def test_what_is_not_there_is_an_error_of_the_same_shape(service: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/audio/speech", 405)):
        answer = await service.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, "not_found")


async def test_the_process_tells_of_itself_and_counts(engine: ScriptedEngine) -> None:
    readiness = Readiness()
    app = create_app(Mouth(engine, Metrics()), Access(trust_this_machine=True), readiness)

    def client(host: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(host, 50_000)), base_url="http://speech")

    async with client("127.0.0.1") as here, client("192.168.1.9") as elsewhere:
        assert (await elsewhere.get("/health")).json()["status"] == "ok"
        assert (await elsewhere.get("/ready")).status_code == 503
        readiness.serving()
        assert (await elsewhere.get("/ready")).json() == {"ready": True, "reason": "", "degraded": []}
        readiness.draining()
        assert "stopping" in (await elsewhere.get("/ready")).json()["reason"]
        assert (await elsewhere.get("/metrics")).status_code == 403
        assert (await here.get("/metrics", headers={"x-forwarded-for": "192.168.1.9"})).status_code == 403
        await here.post("/v1/audio/speech", json={"input": "marmalade"})
        await here.post("/v1/audio/speech", json={"input": ""})
        figures = (await here.get("/metrics")).text
    assert 'zhiyin_speech_requests_total{outcome="spoken"} 1.0' in figures
    assert 'zhiyin_speech_requests_total{outcome="refused"} 1.0' in figures
    assert "zhiyin_speech_characters_total 9.0" in figures
    assert "zhiyin_speech_first_chunk_seconds_count 1.0" in figures
    assert "zhiyin_speech_under_way 0.0" in figures
    assert "marmalade" not in figures


def test_every_sample_rate_of_an_engine_can_be_packed() -> None:
    for response_format in FORMATS:
        for rate_hz in (8_000, 16_000, RATE_HZ, 24_000, 40_000, 44_100):
            pack = packing(response_format, rate_hz)
            assert pack.push(tone(500, rate_hz)) + pack.finish()
            pack.close()


def test_a_packing_can_be_given_up_in_the_middle() -> None:
    for response_format in FORMATS:
        pack = packing(response_format, RATE_HZ)
        pack.push(bytes(4410))
        pack.close()
        pack.close()
