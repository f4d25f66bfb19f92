"""POST /v1/audio/transcriptions, as OpenAI's API has it: a sound file in, its words out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from asr_server.segmenting import Segment, segments
from asr_server.upload import ResponseFormat, Upload, read_upload
from asr_server.voice_activity import SileroModel, VoiceActivity
from asr_server.voicing import WINDOW_SAMPLES
from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, Pcm
from contracts.errors import EngineBusy, EngineError, EngineTimeout
from contracts.transcription import Transcriber, Transcript, TranscriptionRequest
from serving.access import TOKEN_IS_WANTED, Access
from serving.problems import Problem, bad_field, of_engine
from sound.decode import decode
from sound.errors import DecoderMissing, SoundTooLong, UnreadableSound

Result = TypeVar("Result")

MAX_S = 600
"""Ten minutes of sound."""

MAX_AT_ONCE = 8
THREADS = 2
UPLOAD_S = 120.0
SEGMENT_DEADLINE_S = 30.0
WINDOW_MS = WINDOW_SAMPLES * 1000 / HEARING_RATE_HZ
_LOOKED_AT_BYTES = 32_000 * 2  # of sound per call of Silero: the thread lets others run in between


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment and its words."""

    segment: Segment
    transcript: Transcript


class Listener:
    """Recordings to words, MAX_AT_ONCE of them; decoding and looking for speech happen in threads of its own."""

    def __init__(self, transcriber: Transcriber, silero: SileroModel) -> None:
        self._transcriber = transcriber
        self._silero = silero
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="recordings")
        self._at_once = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Taken before an upload is read. Raises EngineBusy when there is none."""
        if self._at_once >= MAX_AT_ONCE:
            raise EngineBusy(f"{MAX_AT_ONCE} recordings are being listened to already.", engine=self._transcriber.name)
        self._at_once += 1
        try:
            yield
        finally:
            self._at_once -= 1

    async def hear(self, upload: Upload) -> tuple[float, list[Heard]]:
        """Its length in seconds and what is said in it. Cancelling stops the engine. Raises EngineError, SoundError."""
        loop = asyncio.get_running_loop()
        pcm, found = await loop.run_in_executor(self._threads, self._prepare, upload.content)
        heard = [Heard(segment, await self._transcribe(_part(pcm, segment), upload.language)) for segment in found]
        return pcm.duration_ms / 1000, [each for each in heard if each.transcript.text]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, content: bytes) -> tuple[Pcm, list[Segment]]:
        pcm = decode(content, max_s=MAX_S)
        voice = VoiceActivity(self._silero)
        likely: list[float] = []
        for start in range(0, len(pcm.data), _LOOKED_AT_BYTES):
            likely += voice.push(pcm.data[start : start + _LOOKED_AT_BYTES])
        return pcm, segments(likely, WINDOW_MS)

    async def _transcribe(self, pcm: Pcm, language: str) -> Transcript:
        work = self._transcriber.open(TranscriptionRequest(language=language, sample_rate_hz=pcm.sample_rate_hz))
        try:
            work.feed(pcm.data)
            async with asyncio.timeout(SEGMENT_DEADLINE_S):
                return await work.finish()
        except TimeoutError as error:
            name = self._transcriber.name
            raise EngineTimeout(f"The recogniser {name} did not answer in time.", engine=name) from error
        finally:
            await work.close()


def transcriptions_router(listener: Listener, access: Access) -> APIRouter:
    """The one route, for those whom `access` admits."""
    router = APIRouter(prefix="/v1")

    @router.post("/audio/transcriptions")
    async def transcriptions(request: Request) -> Response:
        """The words of a sound file."""
        if not access.admits(request):
            raise Problem(401, "invalid_api_key", TOKEN_IS_WANTED)
        try:
            with listener.place():
                upload = await _in_time(request)
                length_s, heard = await _while_connected(request, listener.hear(upload))
        except EngineError as error:
            raise of_engine(error) from error
        except SoundTooLong as error:
            raise Problem(413, "too_long", str(error), param="file") from error
        except DecoderMissing as error:
            raise Problem(415, error.code, str(error), param="file") from error
        except UnreadableSound as error:
            raise bad_field("file", str(error), code=error.code) from error
        return _answer(upload.response_format, upload.language, length_s, heard)

    return router


async def _in_time(request: Request) -> Upload:
    """An upload that trickles must not keep a place for ever. Raises Problem."""
    try:
        async with asyncio.timeout(UPLOAD_S):
            return await read_upload(request)
    except TimeoutError:
        raise Problem(408, "too_slow", f"The file did not arrive within {UPLOAD_S:g} s.", param="file") from None


async def _while_connected(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """Its result; when the caller leaves first, it is cancelled."""
    doing = asyncio.ensure_future(work)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            doing.cancel()
            raise Problem(499, "caller_left", "The caller has left.")
        return doing.result()
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.wait((doing, leaving))


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _part(pcm: Pcm, segment: Segment) -> Pcm:
    start, end = (
        int(at_ms * pcm.sample_rate_hz / 1000) * BYTES_PER_SAMPLE for at_ms in (segment.start_ms, segment.end_ms)
    )
    return Pcm(pcm.data[start:end], pcm.sample_rate_hz)


def _answer(response_format: ResponseFormat, language: str, length_s: float, heard: list[Heard]) -> Response:
    text = _joined([each.transcript.text for each in heard])
    if response_format == "text":
        return PlainTextResponse(f"{text}\n")
    if response_format == "json":
        return JSONResponse({"text": text})
    told = next((each.transcript.language for each in heard if each.transcript.language), language)
    parts = [
        {
            "id": number,
            "start": round(each.segment.start_ms / 1000, 3),
            "end": round(each.segment.end_ms / 1000, 3),
            "text": each.transcript.text,
        }
        for number, each in enumerate(heard)
    ]
    body = {"task": "transcribe", "language": told, "duration": round(length_s, 3), "text": text, "segments": parts}
    return JSONResponse(body)


def _joined(texts: list[str]) -> str:
    """With a space in between where both sides are of a script that has spaces."""
    joined = ""
    for text in texts:
        joined += " " + text if joined and joined[-1].isascii() and text[0].isascii() else text
    return joined
