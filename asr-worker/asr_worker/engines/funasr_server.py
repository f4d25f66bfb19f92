"""A FunASR runtime server as a Transcriber: its WebSocket protocol, `2pass` or `offline`, with any of its models.

    transcriber = FunasrServerTranscriber("ws://192.168.1.10:10095")

The sound goes there while the person speaks. At a pause its end is told, and the server goes over it once more; when
the person speaks on, another connection gets the whole utterance, so that no sentence is cut where somebody breathed.
No sentence raised here holds anything that was said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asr_worker.engines.funasr_replies import Replies
from asr_worker.streamed import SocketStream, StreamedTranscription
from contracts.audio import BYTES_PER_SAMPLE
from contracts.errors import EngineTimeout, EngineUnavailable
from contracts.transcription import Transcript, Transcription, TranscriptionRequest
from engine_http.address import socket_url
from engine_http.connections import Connections
from engine_http.failures import Failures
from engine_http.knobs import ASR, Knobs
from engine_http.sockets import Socket

FRAME_MS = 60
"""What the Python server counts in: every message must be as long as the first."""

CHUNK_SIZE = (5, 10, 5)
CHUNK_INTERVAL = 10


@dataclass(frozen=True, slots=True)
class Deadlines:
    """`answer_s`: from the end of the sound to the next message; the asr_server's own deadline must stay above all.

    A server that says nothing for so long has heard no words, if it answers a ping within `ping_s`. `settle_s`: what a
    server may need to say more where it does not mark its last message.
    """

    connect_s: float = 3.0
    send_s: float = 3.0
    answer_s: float = 4.0
    ping_s: float = 1.0
    settle_s: float = 0.3


class FunasrServerTranscriber:
    """One server (implements Transcriber). `mode`: `2pass` (the default of its Docker image), or `offline` for the
    server that takes files. `hotwords`: words or "word weight" by commas. `any_certificate`: its own will do, which is
    what that image makes. The address may also say so, with `?any_certificate=1` and `?mode=offline`.

    Raises EngineUnavailable when the address cannot be used.
    """

    name = "funasr_server"

    def __init__(
        self,
        address: str,
        *,
        mode: str = "2pass",
        hotwords: str = "",
        itn: bool = True,
        any_certificate: bool = False,
        deadlines: Deadlines | None = None,
        max_connections: int = 512,
        connector: Mapping[str, Any] | None = None,
        knobs: Knobs = ASR,
    ) -> None:
        url = socket_url(address)
        if url is None:
            raise EngineUnavailable(
                f"The FunASR server's address is not one of the kind ws://host:10095; set {knobs.address}.",
                engine=self.name,
            )
        self.any_certificate = any_certificate or url.query.get("any_certificate") == "1"
        mode = url.query.get("mode", mode)
        self.url = url.without_query_params("any_certificate", "mode")
        self.failures = Failures(self.name, "FunASR server", f"{url.host}:{url.port}", knobs, "address and mode")
        self.deadlines = deadlines or Deadlines()
        self._greeting = {
            "mode": mode,
            "chunk_size": list(CHUNK_SIZE),
            "chunk_interval": CHUNK_INTERVAL,
            "wav_name": "utterance",
            "wav_format": "pcm",
            "is_speaking": True,
            "itn": itn,
            "hotwords": _weights(hotwords),
        }
        self._connections = Connections(
            {}, connect_s=self.deadlines.connect_s, limit=max_connections, connector=connector
        )

    def open(self, request: TranscriptionRequest) -> Transcription:
        return StreamedTranscription(request, lambda sound, request: _Stream(self, sound, request))

    async def warm(self) -> None:
        """Whether there is such a server: opens a WebSocket, and closes it."""
        with self.failures.translated():
            await (await self.socket()).close()

    async def close(self) -> None:
        """Closes the connections. The transcriber may be used again, and opens new ones."""
        await self._connections.close()

    async def socket(self) -> Socket:
        """A new connection. Raises what aiohttp raises."""
        return await self._connections.socket(self.url, protocols=("binary",), any_certificate=self.any_certificate)

    def greeting(self, request: TranscriptionRequest) -> dict[str, Any]:
        """What a connection begins with."""
        return {**self._greeting, "audio_fs": request.sample_rate_hz}


class _Stream(SocketStream):
    """One connection for one utterance; it cannot go on after its end was told (implements Stream)."""

    def __init__(self, server: FunasrServerTranscriber, sound: bytearray, request: TranscriptionRequest) -> None:
        self._server = server
        self._request = request
        self._ending = False
        self._replies = Replies()
        super().__init__(sound)

    @property
    def goes_on(self) -> bool:
        return not self._ending

    async def text(self, *, final: bool) -> Transcript:
        self._ending = True
        self.wakened.set()
        await asyncio.shield(self.work)
        return Transcript(self._replies.text, language=self._replies.language)

    async def run(self) -> None:
        """Raises EngineError."""
        with self._server.failures.translated():
            socket = await self._server.socket()
            reading = asyncio.create_task(self._read(socket))
            reading.add_done_callback(lambda _: self.told.set())
            try:
                await self._send(socket)
                await self._await_the_end(socket, reading)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                await socket.close()

    async def _read(self, socket: Socket) -> None:
        while (message := await socket.receive()) is not None:
            self._replies.take(message)
            self.told.set()

    async def _send(self, socket: Socket) -> None:
        """The sound, as it comes, in frames of one length; then its end."""
        frame_bytes = self._request.sample_rate_hz * FRAME_MS // 1000 * BYTES_PER_SAMPLE
        sent = 0
        await self._send_one(socket, self._server.greeting(self._request))
        while True:
            whole = len(self.sound) - (0 if self._ending else frame_bytes - 1)
            while sent < whole:
                frame = bytes(self.sound[sent : sent + frame_bytes])
                await self._send_one(socket, frame.ljust(frame_bytes, b"\0"))
                sent += frame_bytes
            if self._ending:
                break
            self.wakened.clear()
            await self.wakened.wait()
        self._replies.ended()
        await self._send_one(socket, {"is_speaking": False})

    async def _send_one(self, socket: Socket, message: Mapping[str, Any] | bytes) -> None:
        async with asyncio.timeout(self._server.deadlines.send_s):
            await socket.send(message)

    async def _await_the_end(self, socket: Socket, reading: asyncio.Task[None]) -> None:
        deadlines, replies = self._server.deadlines, self._replies
        while not replies.finished:
            if reading.done():
                reading.result()
                if replies.text:
                    return
                raise self._server.failures.hung_up()
            self.told.clear()
            try:
                async with asyncio.timeout(deadlines.settle_s if replies.settled else deadlines.answer_s):
                    await self.told.wait()
            except TimeoutError:
                if replies.settled or await socket.answers(deadlines.ping_s):
                    return
                raise EngineTimeout(
                    f"The FunASR server at {self._server.failures.where} did not answer in time.",
                    engine=self._server.name,
                ) from None


def _weights(hotwords: str) -> str:
    """Words by commas, each maybe with its weight, as the server wants them: the text of a JSON object; "" = none."""
    found: dict[str, int] = {}
    for entry in filter(None, (each.strip() for each in hotwords.replace("，", ",").split(","))):
        word, _, weight = entry.rpartition(" ")
        found[word.strip() if word and weight.isdigit() else entry] = int(weight) if word and weight.isdigit() else 20
    return json.dumps(found, ensure_ascii=False) if found else ""
