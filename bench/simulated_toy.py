"""One toy of the load: says its sentence, hears the reply, says it again. As cheap as Python allows."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

import orjson

from bench.utterance import Utterance
from bench.websocket_client import BINARY, CLOSE, PING, PONG, TEXT, client_frame, take_frames, upgrade_request
from sound.opus import OpusDecoder
from toy.playback import Playback
from toy.tools import BoardTools
from toy.voice import carries_sound

FRAME_S = 0.060
WARM_UP_S = 0.120
ANSWER_TIMEOUT_S = 20.0
RECONNECT_S = 1.0
EARLY_CUT = "answered before the sentence was over"
PAUSE_FRAMES = (5, 13)  # a person thinks 0.3-0.8 s before the next sentence


@dataclass(slots=True)
class Turn:
    """One answered turn: what `make bench` is about. Times are seconds of the monotonic clock."""

    voice_ended_s: float
    stt_s: float = 0.0
    first_packet_s: float = 0.0
    first_sound_s: float = 0.0
    underruns: int = 0
    packets: int = 0
    arrivals_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Log:
    """What all toys saw together."""

    turns: list[Turn] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    frames_up: int = 0
    frames_down: int = 0
    early_packets: int = 0
    lost_packets: int = 0
    lateness_s: list[float] = field(default_factory=list)


class SimulatedToy(asyncio.Protocol):
    """A connection and the board behind it. `start` connects; it reconnects by itself after a failure."""

    def __init__(self, host: str, port: int, path: str, device_id: str, utterance: Utterance, log: Log) -> None:
        self._loop = asyncio.get_running_loop()
        self._host, self._port = host, port
        self._utterance = utterance
        self._log = log
        headers = {"Protocol-Version": "1", "Device-Id": device_id, "Client-Id": f"bench-{device_id}"}
        self._request = upgrade_request(path, host, headers)
        self._tools = BoardTools()
        self._decoder: OpusDecoder | None = None
        self._rate_hz = 24_000
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self._reset()

    def _reset(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._upgraded = False
        self._session_id = ""
        self._speaking = False
        self._playback = Playback()
        self._turn: Turn | None = None
        self._position = 0  # frame of the utterance that comes next; negative: silence before it
        self._tick_s = 0.0
        self._deadline_s = monotonic() + ANSWER_TIMEOUT_S

    async def start(self) -> None:
        self._deadline_s = monotonic() + ANSWER_TIMEOUT_S
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._loop.create_connection(lambda: self, self._host, self._port)
        except (OSError, TimeoutError) as error:
            self._fail(f"cannot connect: {error}")

    def stop(self) -> None:
        self._stopped = True
        self._cancel_timer()
        if self._transport is not None:
            self._transport.close()

    def check_deadline(self, now_s: float) -> None:
        """Called about once a second: gives up on a turn that got no answer."""
        if self._transport is not None and now_s > self._deadline_s:
            self._fail("no answer within 20 s")

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transport is no subclass
        self._write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None and not self._stopped:
            self._fail("the server closed the connection")

    def data_received(self, data: bytes) -> None:
        now_s = monotonic()
        self._buffer += data
        if not self._upgraded and not self._take_upgrade():
            return
        for opcode, payload in take_frames(self._buffer):
            if opcode == BINARY:
                self._on_packet(payload, now_s)
            elif opcode == TEXT:
                self._on_json(orjson.loads(payload), now_s)
            elif opcode == PING:
                self._write(client_frame(PONG, payload))
            elif opcode == CLOSE:
                self._fail("the server closed the connection")
                return

    def _take_upgrade(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[:end]).split(b"\r\n", 1)[0].decode("latin-1")
        del self._buffer[: end + 4]
        if " 101" not in status:
            self._fail(f"refused: {status}")
            return False
        self._upgraded = True
        audio = {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
        self._say({"type": "hello", "version": 1, "features": {"mcp": True}, "transport": "websocket",
                   "audio_params": audio})  # fmt: skip
        return True

    def _fail(self, why: str) -> None:
        self._cancel_timer()
        transport = self._transport
        self._reset()
        if transport is not None:
            transport.abort()
        if self._stopped:
            return
        self._log.failures[why] += 1
        self._timer = self._loop.call_later(RECONNECT_S, lambda: self._loop.create_task(self.start()))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _say(self, message: dict[str, object]) -> None:
        self._write(client_frame(TEXT, orjson.dumps({"session_id": self._session_id, **message})))

    # The board.

    def _on_json(self, message: dict[str, object], now_s: float) -> None:
        kind = message.get("type")
        if kind == "tts":
            if message.get("state") == "start":
                self._begin_reply(now_s)
            elif message.get("state") == "stop" and self._speaking:
                self._end_reply(now_s)
        elif kind == "stt" and self._turn is not None:
            self._turn.stt_s = self._turn.stt_s or now_s
        elif kind == "mcp":
            answer = self._tools.answer(message.get("payload"))
            if answer is not None:
                self._say({"type": "mcp", "payload": answer})
        elif kind == "hello":
            self._on_hello(message)

    def _on_hello(self, message: dict[str, object]) -> None:
        self._session_id = str(message.get("session_id", ""))
        params = message.get("audio_params")
        if isinstance(params, dict):
            self._rate_hz = params["sample_rate"]
            self._playback = Playback(params["frame_duration"])
        self._decoder = OpusDecoder(self._rate_hz)
        self._listen()

    def _listen(self) -> None:
        self._say({"type": "listen", "state": "start", "mode": "auto"})
        self._turn = None
        self._position = -random.randint(*PAUSE_FRAMES)
        self._deadline_s = monotonic() + ANSWER_TIMEOUT_S + len(self._utterance.frames) * FRAME_S
        self._tick_s = self._loop.time() + WARM_UP_S
        self._timer = self._loop.call_at(self._tick_s, self._tick)

    def _tick(self) -> None:
        position, utterance = self._position, self._utterance
        if 0 <= position < len(utterance.frames):
            self._write(utterance.frames[position])
            if position == utterance.voice_ends_frame:
                # What leaves now was captured in the 60 ms before; the clock is read at the sending, so that a late
                # generator is no fault of the server.
                self._turn = Turn(monotonic() - FRAME_S + utterance.voice_ends_s)
        else:
            # Silence begins at the end of the sentence, where an encoder's DTX does.
            self._write(utterance.silence[(position - len(utterance.frames)) % len(utterance.silence)])
        self._log.frames_up += 1
        if not position % 16:
            self._log.lateness_s.append(self._loop.time() - self._tick_s)
        self._position = position + 1
        self._tick_s += FRAME_S
        self._timer = self._loop.call_at(self._tick_s, self._tick)

    def _begin_reply(self, now_s: float) -> None:
        if self._speaking:
            return
        self._speaking = True
        self._cancel_timer()  # the microphone is off while the toy speaks
        self._playback.begin(now_s)
        self._playback.underruns = self._playback.dropped = 0
        if self._decoder is not None:
            self._decoder.reset()
        if self._turn is None:
            self._log.failures[EARLY_CUT] += 1
            self._turn = Turn(0.0)

    def _on_packet(self, payload: bytes, now_s: float) -> None:
        self._log.frames_down += 1
        turn = self._turn
        if not self._speaking or turn is None:
            self._log.early_packets += 1
            return
        self._deadline_s = now_s + ANSWER_TIMEOUT_S
        self._playback.arrive(now_s)
        turn.packets += 1
        turn.arrivals_s.append(now_s)
        if not turn.first_sound_s:
            turn.first_packet_s = turn.first_packet_s or now_s
            if self._decoder is not None and carries_sound(self._decoder.decode(payload), self._rate_hz):
                turn.first_sound_s = now_s

    def _end_reply(self, now_s: float) -> None:
        self._speaking = False
        turn, self._turn = self._turn, None
        if turn is not None and turn.voice_ended_s:
            if turn.first_sound_s:
                turn.underruns = self._playback.underruns
                self._log.turns.append(turn)
            else:
                self._log.failures["answered without a sound"] += 1
        self._log.lost_packets += self._playback.dropped
        self._deadline_s = now_s + ANSWER_TIMEOUT_S
        drained_s = max(0.0, self._playback.ends_s - now_s)
        self._timer = self._loop.call_later(drained_s, self._listen)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
