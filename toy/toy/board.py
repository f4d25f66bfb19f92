"""The board itself: IDLE, CONNECTING, LISTENING, SPEAKING, and what each message does in each (PROTOCOL 2 and 6)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sound.opus import OpusDecoder, OpusError
from toy.channel import Address, Channel, Hello
from toy.errors import ChannelLost
from toy.framing import Frame, FrameWouldCrash
from toy.microphone import UPLINK, Microphone, Source
from toy.playback import Playback
from toy.timing import TurnRecord
from toy.tools import BoardTools
from toy.voice import carries_sound

CHANNEL_SILENCE_LIMIT_S = 120.0
"""Without a message from the server for this long a board counts its channel as dead when it next wants to talk."""

MIC_WARM_UP_S = 0.12
FRAME_S = UPLINK.frame_ms / 1000

Json = dict[str, Any]


class State(StrEnum):
    IDLE = "idle"
    CONNECTING = "connecting"
    LISTENING = "listening"
    SPEAKING = "speaking"


class Mode(StrEnum):
    """Who decides when the person has finished, and whether the microphone stays on while the toy speaks."""

    AUTO = "auto"
    MANUAL = "manual"
    REALTIME = "realtime"


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of the reply as the loudspeaker plays it, and when it begins to."""

    due_s: float
    pcm: bytes


class Board:
    """One toy. `async with Board(address) as board`, then the buttons: `listen`, `release`, `detect`, `abort`, `drop`.

    `turn` collects what happens now; `new_turn` begins another. `heard` is the sound of the replies since
    `new_turn` (s16le at `hello.sample_rate_hz`), without what a new reply wiped before it was played.
    Methods that talk raise the errors of `toy.errors`.
    """

    def __init__(
        self,
        address: Address,
        *,
        mode: Mode = Mode.AUTO,
        microphone: Source | None = None,
        tools: BoardTools | None = None,
        buffer_ms: float = 60.0,
        loudspeaker: Callable[[bytes, int], None] | None = None,
    ) -> None:
        self.address = address
        self.mode = mode
        self.microphone: Source = microphone or Microphone()
        self.tools = tools or BoardTools()
        self.state = State.IDLE
        self.session_id = ""
        self.hello = Hello("", 24_000, 60)
        self.turn = TurnRecord()
        self.heard: list[Heard] = []
        self.playback = Playback()
        self._buffer_ms = buffer_ms
        self._loudspeaker = loudspeaker
        self._channel: Channel | None = None
        self._decoder: OpusDecoder | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._relisten: asyncio.Task[None] | None = None
        self._mic_from_s = math.inf
        self._changed = asyncio.Event()
        self._counted = (0, 0)  # underruns and losses of the playback when the turn began

    async def __aenter__(self) -> Board:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drop()

    @property
    def connected(self) -> bool:
        return self._channel is not None

    @property
    def open(self) -> bool:
        """As the firmware judges it: connected, and the server said something within the last 120 s."""
        return self._channel is not None and _now() - self._channel.last_received_s <= CHANNEL_SILENCE_LIMIT_S

    @property
    def quiet(self) -> bool:
        """True when the loudspeaker has played everything."""
        return self.state is not State.SPEAKING and self.playback.ends_s <= _now()

    @property
    def microphone_open(self) -> bool:
        """True when the board listens and has told the server so."""
        return self.state is State.LISTENING and self._mic_from_s < math.inf

    def new_turn(self) -> TurnRecord:
        self.turn = TurnRecord()
        self.heard = []
        self._counted = (self.playback.underruns, self.playback.dropped)
        return self.turn

    async def connect(self) -> None:
        """Opens the channel anew, dropping a dead one. Afterwards the board is CONNECTING until it listens."""
        await self.drop()
        self.state = State.CONNECTING
        try:
            channel, hello, before = await Channel.open(self.address)
        except Exception:
            self.state = State.IDLE
            raise
        self._channel, self.hello = channel, hello
        self.session_id = hello.session_id or self.session_id
        self.playback = Playback(hello.frame_ms, self._buffer_ms)
        self._counted = (0, 0)
        self._decoder = OpusDecoder(hello.sample_rate_hz)
        for message in before:
            await self._on_json(message)
        self._spawn(self._read(channel))
        self._spawn(self._speak_up(channel))

    async def drop(self) -> None:
        """The toggle button while listening, or the plug: the TCP connection ends without a Close frame."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.drop()
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lost()

    async def listen(self) -> None:
        """The button, or a wake word: opens the channel if needed and listens in the board's mode."""
        if self.state is State.LISTENING and self.open:
            return
        if not self.open:
            await self.connect()
        self._stop_relistening()
        self.state = State.LISTENING
        await self._start_microphone()

    async def release(self) -> None:
        """The push-to-talk button is let go: `listen stop`, IDLE; the channel stays open."""
        if self.state is not State.LISTENING:
            return
        self._mic_from_s = math.inf
        self.state = State.IDLE
        await self._send({"type": "listen", "state": "stop"})

    async def detect(self, text: str) -> None:
        """A wake word was heard, or text was typed into the board: one `listen detect`."""
        if not self.open:
            await self.connect()
        if self.mode is Mode.MANUAL and self.state is State.CONNECTING:
            self.state = State.IDLE  # nobody holds the button, and only an idle or listening board takes an answer
        await self._send({"type": "listen", "state": "detect", "text": text})

    async def abort(self, reason: str = "") -> None:
        """The button while SPEAKING: `abort`, and the toy keeps playing until `tts stop`. With a reason (a wake word)
        it goes to LISTENING at once, plays out what it has, and listens anew."""
        self.turn.aborted_s = _now()
        await self._send({"type": "abort"} | ({"reason": reason} if reason else {}))
        if reason and self.state is State.SPEAKING:
            self._listen_again()

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Waits until something that happened makes the condition true. False when the time is over before."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return condition()
        return True

    # What the server sends.

    async def _read(self, channel: Channel) -> None:
        try:
            async for message in channel.messages():
                if isinstance(message, Frame):
                    self._on_packet(message.payload)
                else:
                    await self._on_json(message)
                self._changed.set()
        except FrameWouldCrash as fault:
            self.turn.faults.append(f"a real board would crash: {fault}")
        except ChannelLost:
            pass  # a reply to the server could not be sent: the connection is gone
        self.turn.closed_in_order = channel.closed_in_order
        if self._channel is channel:
            self._channel = None
            channel.drop()
            self._lost()

    async def _on_json(self, message: Json) -> None:
        kind = message.get("type")
        if kind == "tts":
            self._on_tts(message)
        elif kind == "stt":
            self._on_stt(str(message.get("text", "")))
        elif kind == "llm":
            self.turn.emotions.append(str(message.get("emotion", "")))
        elif kind == "mcp":
            await self._on_mcp(message.get("payload"))
        elif kind == "alert":
            self.turn.alerts.append(f"{message.get('status')}: {message.get('message')}")
        elif kind == "hello":
            self.turn.faults.append("a second hello: the next connection of a real board would use stale parameters")
        elif kind == "system" and message.get("command") == "reboot" and self._channel is not None:
            self._channel.drop()

    def _on_stt(self, text: str) -> None:
        if self.turn.interrupted_s is not None and self.turn.tts_stop_s is not None:
            self.turn = TurnRecord()  # the answer to what was said over the reply, right behind its end
        if self.turn.stt_s is None:
            self.turn.stt_s = _now()
        self.turn.stt_text = f"{self.turn.stt_text} {text}".strip()

    def _on_tts(self, message: Json) -> None:
        phase = message.get("state")
        if phase == "start" and self.state in (State.IDLE, State.LISTENING):
            self._begin_reply()
        elif phase == "sentence_start":
            self.turn.sentences.append(str(message.get("text", "")))
        elif phase == "stop" and self.state is State.SPEAKING:
            self.turn.tts_stop_s = _now()
            self._end_reply()

    def _begin_reply(self) -> None:
        now_s = _now()
        self._stop_relistening()
        self.state = State.SPEAKING
        if self.turn.tts_start_s is None:
            self.turn.tts_start_s = now_s
        self.playback.begin(now_s)
        self.heard = [piece for piece in self.heard if piece.due_s <= now_s]

    def _end_reply(self) -> None:
        if self.mode is Mode.MANUAL:
            self.state = State.IDLE
        elif self.mode is Mode.REALTIME:
            self.state = State.LISTENING
        else:
            self._listen_again()

    def _on_packet(self, payload: bytes) -> None:
        now_s, turn = _now(), self.turn
        if self.state is not State.SPEAKING:
            turn.early_packets += 1
            return
        due_s = self.playback.arrive(now_s)
        turn.underruns = self.playback.underruns - self._counted[0]
        turn.lost_packets = self.playback.dropped - self._counted[1]
        turn.packets += 1
        turn.first_packet_s = turn.first_packet_s or now_s
        turn.last_packet_s = now_s
        if due_s is not None:
            self._decode(payload, now_s, due_s)

    def _decode(self, payload: bytes, now_s: float, due_s: float) -> None:
        if self._decoder is None:
            return
        try:
            pcm = self._decoder.decode(payload)
        except OpusError as error:
            self.turn.faults.append(f"a packet of {len(payload)} bytes is no Opus: {error}")
            return
        if self.turn.first_sound_s is None and carries_sound(pcm, self.hello.sample_rate_hz):
            self.turn.first_sound_s = now_s
        self.heard.append(Heard(due_s, pcm))
        if self._loudspeaker is not None:
            self._loudspeaker(pcm, self.hello.sample_rate_hz)

    async def _on_mcp(self, payload: object) -> None:
        known = len(self.tools.calls)
        answer = self.tools.answer(payload)
        self.turn.calls.extend(self.tools.calls[known:])
        if answer is not None:
            await self._send({"type": "mcp", "payload": answer})
        if self.tools.reboot_wanted and self._channel is not None:
            self.tools.reboot_wanted = False
            self._channel.drop()

    # What the board does by itself.

    async def _speak_up(self, channel: Channel) -> None:
        """The microphone, in real time on an absolute clock: one packet each 60 ms while it is on."""
        tick_s = _now()
        while self._channel is channel:
            tick_s += FRAME_S
            await asyncio.sleep(max(0.0, tick_s - _now()))
            if not self._microphone_on(tick_s):
                continue
            frame = self.microphone.next_frame()
            if frame.voice_ends_s is not None and self.turn.tts_start_s is None:
                # The frame that leaves now was captured during the 60 ms before.
                self.turn.voice_ended_s = _now() - FRAME_S + frame.voice_ends_s
            with suppress(ChannelLost):
                await channel.send_packet(frame.payload)
            self._changed.set()

    def _microphone_on(self, tick_s: float) -> bool:
        if tick_s - FRAME_S < self._mic_from_s:
            return False
        return self.state is State.LISTENING or (self.state is State.SPEAKING and self.mode is Mode.REALTIME)

    def _listen_again(self) -> None:
        """SPEAKING -> LISTENING: plays out what is queued, then a new `listen start`."""
        self.state = State.LISTENING
        self._mic_from_s = math.inf
        self._stop_relistening()
        self._relisten = self._spawn(self._drain_and_listen())

    async def _drain_and_listen(self) -> None:
        await asyncio.sleep(max(0.0, self.playback.ends_s - _now()))
        with suppress(ChannelLost):
            await self._start_microphone()
        self._changed.set()

    async def _start_microphone(self) -> None:
        await self._send({"type": "listen", "state": "start", "mode": self.mode.value})
        self._mic_from_s = _now() + MIC_WARM_UP_S
        self._changed.set()

    def _stop_relistening(self) -> None:
        if self._relisten is not None:
            self._relisten.cancel()
            self._relisten = None

    async def _send(self, message: Json) -> None:
        if self._channel is None:
            raise ChannelLost("The connection has ended.")
        await self._channel.send_json({"session_id": self.session_id, **message})

    def _lost(self) -> None:
        """The connection ended: IDLE, while what was queued still plays."""
        self._stop_relistening()
        self.state = State.IDLE
        self._mic_from_s = math.inf
        self._changed.set()

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _now() -> float:
    return asyncio.get_running_loop().time()
