"""Recordings to text over OpenAI's API: every kind of file, every form of answer, and what bad uploads are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest

from asr_server import transcriptions, upload
from contracts.errors import EngineBusy, EngineFailed, EngineTimeout
from fakes.hearing_home import HearingHome
from fakes.recordings import KINDS, recording
from fakes.spoken import say, silence
from fakes.transcriber import Line, ScriptedTranscriber

SAID = np.concatenate([silence(300), say("what time is it"), silence(300)]).astype(np.float32)
TWICE = np.concatenate([SAID, silence(1500), SAID]).astype(np.float32)


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        yield


class Service:
    """asr-server on a real socket around a scripted recogniser."""

    def __init__(self, *script: Line, token: str = "") -> None:
        self.engine = ScriptedTranscriber(*script, shared=True)
        self.home = HearingHome(self.engine, token, trust_this_machine=not token)
        self.http = httpx.AsyncClient(timeout=30)

    async def __aenter__(self) -> Service:
        await self.home.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self.home.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.home.port}/v1/audio/transcriptions"

    async def ask(self, content: bytes, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        files = {"file": ("speech.bin", content)}
        return await self.http.post(self.url, data={"model": "whisper-1"} | fields, files=files, headers=headers)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_file_is_heard(kind: str) -> None:
    async with Service() as service:
        answer = await service.ask(recording(SAID, kind), language="en")
    assert (answer.status_code, answer.json()) == (200, {"text": "what time is it"})
    [work] = service.engine.opened
    assert work.request.language == "en" and work.closed
    assert 16_000 < len(work.fed) <= 2.2 * len(SAID)


async def test_text_is_the_words_alone() -> None:
    async with Service() as service:
        answer = await service.ask(recording(SAID, "wav"), response_format="text")
    assert answer.text == "what time is it\n"
    assert answer.headers["content-type"].startswith("text/plain")


async def test_verbose_json_tells_language_duration_and_segments() -> None:
    async with Service(Line("what time is it"), Line("and now")) as service:
        body = (await service.ask(recording(TWICE, "flac"), response_format="verbose_json")).json()
    assert (body["task"], body["language"], body["text"]) == ("transcribe", "en", "what time is it and now")
    assert body["duration"] == pytest.approx(len(TWICE) / 16_000, abs=0.01)
    first, second = body["segments"]
    assert (first["id"], first["text"], second["text"]) == (0, "what time is it", "and now")
    assert 0 <= first["start"] < first["end"] <= second["start"] < second["end"] <= body["duration"]


async def test_chinese_sentences_are_joined_without_a_space() -> None:
    async with Service(Line("现在几点了。", language="zh"), Line("谢谢。", language="zh")) as service:
        assert (await service.ask(recording(TWICE, "wav"))).json() == {"text": "现在几点了。谢谢。"}


async def test_a_recording_without_speech_has_no_words_and_asks_nobody() -> None:
    async with Service() as service:
        body = (
            await service.ask(recording(silence(2000).astype(np.float32), "wav"), response_format="verbose_json")
        ).json()
    assert (body["text"], body["segments"], body["duration"]) == ("", [], 2.0)
    assert service.engine.opened == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"response_format": "srt"}, "response_format"), ({"language": "English please"}, "language")],
)
async def test_a_field_that_cannot_be_used_is_named(fields: dict[str, str], param: str) -> None:
    async with Service() as service:
        answer = await service.ask(recording(SAID, "wav"), **fields)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)
    assert error_of(answer)["type"] == "invalid_request_error"


async def test_a_body_that_is_no_form_with_a_file_is_a_sentence() -> None:
    async with Service() as service:
        asked = [
            await service.http.post(service.url, json={"file": "x"}),
            await service.http.post(service.url, data={"model": "x"}, files={"other": b"x"}),
            await service.http.post(service.url, data={"file": "text"}, files={"other": b"x"}),
            await service.http.post(service.url, content=b"x", headers={"content-type": "multipart/form-data"}),
            await service.http.post(
                service.url, content=b"junk", headers={"content-type": "multipart/form-data; boundary=b"}
            ),
            await service.http.post(service.url, files=[("file", b"a"), ("more", b"b")]),
            await service.ask(b""),
        ]
    for answer in asked:
        assert answer.status_code == 400, answer.text
        assert error_of(answer)["message"]


async def test_what_is_no_sound_is_a_sentence() -> None:
    async with Service() as service:
        answer = await service.ask(b"these are words")
    assert (answer.status_code, error_of(answer)["code"]) == (400, "unreadable_sound")
    assert "m4a" in error_of(answer)["message"] and "these are words" not in answer.text


async def test_a_file_that_is_too_big_is_refused_before_and_while_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MAX_FILE_BYTES", 1000)

    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield bytes(4096)

    async with Service() as service:
        for answer in (
            await service.ask(bytes(100_000)),
            await service.ask(bytes(1001)),
            await service.http.post(
                service.url, content=endless(), headers={"content-type": "multipart/form-data; boundary=b"}
            ),
        ):
            assert (answer.status_code, error_of(answer)["code"]) == (413, "too_long")


async def test_an_upload_that_trickles_gives_up_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcriptions, "UPLOAD_S", 0.1)
    async with Service() as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.home.port)
        writer.write(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        answer = await reader.readuntil(b"}}")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408") and b'"too_slow"' in answer
        assert (await service.ask(recording(SAID, "wav"))).status_code == 200


async def test_a_recording_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcriptions, "MAX_S", 1)
    async with Service() as service:
        answer = await service.ask(recording(SAID, "mp3"))
    assert (answer.status_code, error_of(answer)["code"]) == (413, "too_long")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EngineBusy("full", engine="x"), 429),
        (EngineTimeout("late", engine="x"), 504),
        (EngineFailed("bad", engine="x"), 500),
    ],
)
async def test_an_engines_failure_is_a_status_and_a_sentence(error: Exception, status: int) -> None:
    async with Service(Line(error=error)) as service:
        answer = await service.ask(recording(SAID, "wav"))
    assert (answer.status_code, error_of(answer)["message"]) == (status, str(error))


async def test_one_recording_too_many_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcriptions, "MAX_AT_ONCE", 1)
    hold = asyncio.Event()
    async with Service(Line(hold=hold)) as service:
        first = asyncio.create_task(service.ask(recording(SAID, "wav")))
        while not service.engine.running:
            await asyncio.sleep(0.005)
        answer = await service.ask(recording(SAID, "wav"))
        assert (answer.status_code, error_of(answer)["code"]) == (429, "engine_busy")
        assert answer.headers["retry-after"]
        hold.set()
        assert (await first).status_code == 200
        assert (await service.ask(recording(SAID, "wav"))).status_code == 200


async def test_a_caller_that_leaves_stops_the_engine() -> None:
    async with Service(Line(hold=asyncio.Event())) as service:
        asking = asyncio.create_task(service.ask(recording(SAID, "wav")))
        while not service.engine.running:
            await asyncio.sleep(0.005)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        while not service.engine.opened[0].closed:
            await asyncio.sleep(0.005)
        assert service.engine.opened[0].cancelled == 1


async def test_a_caller_that_leaves_in_mid_upload_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transcriptions, "MAX_AT_ONCE", 1)
    async with Service(Line("yes")) as service:
        _, writer = await asyncio.open_connection("127.0.0.1", service.home.port)
        head = "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
        writer.write(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode())
        await writer.drain()
        while (await service.ask(b"x")).status_code != 429:  # its upload has a place
            await asyncio.sleep(0.005)
        writer.transport.abort()
        while (await service.ask(recording(SAID, "wav"))).status_code == 429:
            await asyncio.sleep(0.005)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_the_token_is_wanted_where_it_is_needed() -> None:
    async with Service(token="secret") as service:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await service.ask(b"x", headers=headers)
            assert (answer.status_code, error_of(answer)["code"]) == (401, "invalid_api_key")
        good = {"Authorization": "Bearer secret"}
        assert (await service.ask(recording(SAID, "wav"), headers=good)).status_code == 200


async def test_a_route_that_is_not_there_is_an_error_of_the_same_shape() -> None:
    async with Service() as service:
        assert error_of(await service.http.get(service.url))["code"] == "not_found"
