"""A board that leaves its echo to the server talks with the whole product, and does not answer itself."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from websockets.frames import Opcode

from contracts.audio import OpusPacket
from fakes.device_client import DeviceClient, connected
from fakes.device_sound import packets
from fakes.spoken import at_level, noise, say
from fakes.transcription_server import Hears, TranscriptionServer
from fakes.whole_server import WholeServer, whole_server
from main_server.device.framing import Framing, decode, encode

FRAME_S = 0.06
QUIET = packets(noise(6_000, -60))


class RealtimeBoard:
    """Its microphone never rests and hears the loudspeaker; what it plays is handed back with its timestamp."""

    def __init__(self, client: DeviceClient) -> None:
        self._client = client
        self._queue: deque[OpusPacket] = deque()
        self._speech: deque[OpusPacket] = deque()
        self.texts: list[dict[str, object]] = []
        self.played = 0

    async def run(self) -> None:
        await asyncio.gather(self._listen_to_server(), self._record())

    def speak(self, speech: Sequence[OpusPacket]) -> None:
        self._speech.extend(speech)

    def said(self, kind: str) -> list[object]:
        return [text.get("text") for text in self.texts if text["type"] == kind]

    def spoken_to_the_end(self, times: int) -> bool:
        return sum(text.get("state") == "stop" for text in self.texts) >= times and not self._queue

    async def _listen_to_server(self) -> None:
        while (frame := await self._client.frame(60)) is not None:
            if frame.opcode is Opcode.BINARY:
                self._queue.append(decode(Framing.TIMED, bytes(frame.data)))
            else:
                self.texts.append(json.loads(bytes(frame.data)))

    async def _record(self) -> None:
        """One packet each 60 ms: what was played, else what a person says, else the room."""
        loop = asyncio.get_running_loop()
        due_s, number = loop.time(), 0
        while True:
            if self._queue:
                packet = self._queue.popleft()
                self.played += 1
            else:
                packet = self._speech.popleft() if self._speech else QUIET[number % len(QUIET)]
            await self._client.send(encode(Framing.TIMED, packet.payload, packet.timestamp_ms))
            number += 1
            due_s += FRAME_S
            await asyncio.sleep(max(0.0, due_s - loop.time()))


async def test_a_board_with_server_side_echo_cancellation_answers_people_and_not_itself(tmp_path: Path) -> None:
    question = packets(np.concatenate([noise(300, -60), at_level(say("what time is it"), -20)]))
    async with TranscriptionServer() as ears, running(tmp_path, asr=f"openai+{ears.url}") as server:
        ears.say(Hears("what time is it"))  # whatever it is that is heard
        async with connected(server.port, headers={"Protocol-Version": "2"}) as client:
            await client.hello(version=2, features={"aec": True})
            board = RealtimeBoard(client)
            living = asyncio.create_task(board.run())
            try:
                await client.send({"type": "listen", "state": "start", "mode": "realtime"})
                await client.send({"type": "listen", "state": "detect", "text": "tell me a joke"})
                await waited(lambda: board.spoken_to_the_end(1))
                assert board.played > 20
                await asyncio.sleep(2.5)  # longer than any silence that ends an utterance
                assert ears.requests == []
                board.speak(question)
                await waited(lambda: board.spoken_to_the_end(2))
            finally:
                living.cancel()
                await asyncio.wait((living,))
        assert board.said("stt") == ["tell me a joke", "what time is it"]


@asynccontextmanager
async def running(folder: Path, **settings: str) -> AsyncIterator[WholeServer]:
    """A server whose start and end do not keep this loop from answering it."""
    whole = whole_server(folder, claim="open", **settings)
    server = await asyncio.to_thread(whole.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(whole.__exit__, None, None, None)


async def waited(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.05)
