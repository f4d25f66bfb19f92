"""Deepgram's live recognition as a Transcriber: sound goes there while the person speaks.

Our own WebSocket instead of Deepgram's SDK: the SDK connects through a second client that the guard of addresses and
our deadlines cannot reach, keeps no connection alive by itself, and brings 950 modules for the four messages used here.

At a pause the server is told to decide on what it has heard (Finalize), and the stream goes on; at the commit it is
told that this was all (CloseStream). No sentence raised here holds a key or anything that was said.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yarl import URL

from asr_worker.engines.deepgram_results import Results
from asr_worker.streamed import SocketStream, StreamedTranscription
from contracts.audio import BYTES_PER_SAMPLE
from contracts.errors import EngineError, EngineTimeout, EngineUnavailable
from contracts.transcription import Transcript, Transcription, TranscriptionRequest
from engine_http.address import endpoint, socket_url, with_key
from engine_http.connections import Connections
from engine_http.failures import Failures
from engine_http.knobs import ASR, Knobs
from engine_http.sockets import Socket

ADDRESS = "https://api.deepgram.com"
MODEL = "nova-3"
SEVERAL_LANGUAGES = "multi"
PIECE_BYTES = 8_192
_PATH = "/v1/listen"
_CODE = re.compile(r"[A-Z]{3,5}-\d{4}")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """`flush_s`: from Finalize to its answer, which may be missing where there was nothing left to decide;
    `finish_s`: from CloseStream to the end. `keep_alive_s`: the server hangs up after 10 s of nothing."""

    connect_s: float = 3.0
    send_s: float = 3.0
    flush_s: float = 2.5
    finish_s: float = 5.0
    keep_alive_s: float = 4.0


class DeepgramTranscriber:
    """An account at Deepgram, or a server of theirs at one's own place (implements Transcriber).

    `language` is used where the request names none; "" = several at once. `options` become part of every request's
    query as they are (`smart_format`, `keyterm`). Raises EngineUnavailable when address or key cannot be used.
    """

    name = "deepgram"

    def __init__(
        self,
        address: str = ADDRESS,
        key: str = "",
        model: str = MODEL,
        *,
        language: str = "",
        options: Mapping[str, Any] | None = None,
        deadlines: Deadlines | None = None,
        max_connections: int = 512,
        connector: Mapping[str, Any] | None = None,
        knobs: Knobs = ASR,
    ) -> None:
        url = socket_url(address)
        if url is None:
            raise EngineUnavailable(
                f"Deepgram's address is not one of the kind https://api.deepgram.com; set {knobs.address}.",
                engine=self.name,
            )
        self._url, header = with_key(endpoint(url, _PATH), key, "Deepgram server", self.name, scheme="Token")
        self.where = f"{self._url.host}:{self._url.port}"
        self.failures = Failures(self.name, "Deepgram server", self.where, knobs, "model and language")
        self.deadlines = deadlines or Deadlines()
        self._model = model or MODEL
        self._language = language
        self._options = {name: _query(value) for name, value in (options or {}).items()}
        self._connections = Connections(
            header, connect_s=self.deadlines.connect_s, limit=max_connections, connector=connector
        )

    def open(self, request: TranscriptionRequest) -> Transcription:
        return StreamedTranscription(request, lambda sound, request: _Stream(self, sound, request))

    async def warm(self) -> None:
        """Opens a connection and tries the key, by asking what it may do."""
        with self.failures.translated():
            async with asyncio.timeout(self.deadlines.finish_s):
                response = await self._connections.get(self._url.with_path("/v1/auth/token").with_query(None))
                response.close()
        if response.status in (401, 403):
            raise self.failures.refusal(response.status)

    async def connect(self) -> None:
        """Has a connection open before it is needed; asks nothing."""
        with self.failures.translated():
            await self._connections.connect(self._url)

    async def close(self) -> None:
        """Closes the connections. The transcriber may be used again, and opens new ones."""
        await self._connections.close()

    async def socket(self, request: TranscriptionRequest) -> Socket:
        """A new connection. Raises what aiohttp raises."""
        return await self._connections.socket(self._asking(request))

    def _asking(self, request: TranscriptionRequest) -> URL:
        return self._url.update_query(
            {
                "model": self._model,
                "language": request.language or self._language or SEVERAL_LANGUAGES,
                "encoding": "linear16",
                "sample_rate": str(request.sample_rate_hz),
                "channels": "1",
                "interim_results": "true",
                "punctuate": "true",
                **self._options,
            }
        )


class _Stream(SocketStream):
    """One connection for one utterance (implements Stream)."""

    def __init__(self, server: DeepgramTranscriber, sound: bytearray, request: TranscriptionRequest) -> None:
        self._server = server
        self._request = request
        self._flushes = 0  # asked for by `text`
        self._finishing = False
        self._results = Results()
        super().__init__(sound)

    @property
    def goes_on(self) -> bool:
        return not self._finishing and not self.work.done()

    async def text(self, *, final: bool) -> Transcript:
        if final:
            self._finishing = True
            self.wakened.set()
            await asyncio.shield(self.work)
        else:
            await self._flush()
        return Transcript(self._results.text, language=self._results.language)

    async def run(self) -> None:
        with self._server.failures.translated():
            socket = await self._server.socket(self._request)
            reading = asyncio.create_task(self._read(socket))
            try:
                await self._send(socket, reading)
                async with asyncio.timeout(self._server.deadlines.finish_s):
                    await reading
                if not self._results.finished and not self._results.came:
                    raise self._hung_up(socket)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                await socket.close()

    async def _flush(self) -> None:
        """Has all that was fed decided. Where no answer comes, what is known so far is it."""
        results = self._results
        if results.covers(len(self.sound) / BYTES_PER_SAMPLE / self._request.sample_rate_hz):
            return
        self._flushes += 1
        wanted = self._flushes
        self.wakened.set()
        try:
            async with asyncio.timeout(self._server.deadlines.flush_s):
                while results.flushed < wanted:
                    if self.work.done():
                        self.work.result()
                        return
                    self.told.clear()
                    await self.told.wait()
        except TimeoutError:
            self._flushes = results.flushed = max(self._flushes, results.flushed)  # it will not come any more
            if not results.came:
                raise EngineTimeout(
                    f"The Deepgram server at {self._server.where} did not answer in time.", engine=self._server.name
                ) from None

    async def _read(self, socket: Socket) -> None:
        """Until all is said, or the server has closed."""
        while not self._results.finished:
            message = await socket.receive()
            if message is None:
                if not self._finishing:
                    raise self._hung_up(socket)
                return
            self._results.take(message)
            self.told.set()

    async def _send(self, socket: Socket, reading: asyncio.Task[None]) -> None:
        """The sound, as it comes, with what is asked about it; then its end."""
        sent, flushed = 0, 0
        while True:
            while sent < len(self.sound):
                piece = bytes(self.sound[sent : sent + PIECE_BYTES])
                await self._send_one(socket, piece)
                sent += len(piece)
            while flushed < self._flushes:
                await self._send_one(socket, {"type": "Finalize"})
                flushed += 1
            if self._finishing:
                break
            self.wakened.clear()
            if not await self._awake(reading):
                await self._send_one(socket, {"type": "KeepAlive"})
        await self._send_one(socket, {"type": "CloseStream"})

    async def _awake(self, reading: asyncio.Task[None]) -> bool:
        """Waits until there is something to do; False after `keep_alive_s` without."""
        waking = asyncio.ensure_future(self.wakened.wait())
        try:
            await asyncio.wait(
                {waking, reading},
                timeout=self._server.deadlines.keep_alive_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if reading.done():
                reading.result()
            return waking.done()
        finally:
            waking.cancel()

    async def _send_one(self, socket: Socket, message: Mapping[str, Any] | bytes) -> None:
        async with asyncio.timeout(self._server.deadlines.send_s):
            await socket.send(message)

    def _hung_up(self, socket: Socket) -> EngineError:
        code = _CODE.search(socket.close_reason)
        return self._server.failures.hung_up(code[0] if code else str(socket.close_code or ""))


def _query(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
