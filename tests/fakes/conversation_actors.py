"""Scripted actors at the edges of a conversation: a device's channel, ears, a model, a voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from contracts.audio import OpusPacket
from contracts.events import Event, TurnEnded
from contracts.hearing import (
    CommitReason,
    Deliver,
    HearingTimings,
    ListenMode,
    OpenHearing,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)
from contracts.language_model import LanguageModel, Message, ModelEvent, ToolCall, ToolSpec, Words
from main_server.conversation.cast import Cast, Engines
from main_server.conversation.ports import CloseReason, DeviceTraits
from main_server.conversation.remembering import Asked, NoMemory, Recollection, Remembering
from main_server.conversation.role import Role
from main_server.conversation.session import Session, SessionLimits
from main_server.conversation.tape import NoTape, Tape


@dataclass
class Tools:
    """Tools of the device: each answers with its text after `takes_s`."""

    answers: dict[str, str] = field(default_factory=dict)
    takes_s: float = 0.05
    calls: list[ToolCall] = field(default_factory=list)

    def specs(self) -> Sequence[ToolSpec]:
        return [ToolSpec(name, name) for name in self.answers]

    async def settled(self, timeout_s: float) -> None: ...

    async def call(self, call: ToolCall) -> str:
        self.calls.append(call)
        await asyncio.sleep(self.takes_s)
        return self.answers[call.name]


@dataclass
class Line:
    """What the channel sent, and when (loop seconds)."""

    at_s: float
    kind: str
    what: object = None


@dataclass
class ToyChannel:
    """A device's channel that writes down all it is sent; `congested` refuses audio."""

    traits: DeviceTraits = field(default_factory=DeviceTraits)
    tools: Tools = field(default_factory=Tools)
    device_id: str = "24:6f:28:ab:cd:ef"
    client_id: str = "client"
    session_id: str = "session"
    transport: str = "websocket"
    board: str = "bread-compact-wifi"
    role_id: str = ""
    firmware: str = "2.4.2"
    lines: list[Line] = field(default_factory=list)
    congested: bool = False
    untaken_frames: int = 0
    closed_for: CloseReason | None = None
    timestamps_ms: list[int] = field(default_factory=list)
    on_close: Callable[[CloseReason], None] = lambda reason: None
    last_sent_s: float = 0.0

    def stt(self, text: str) -> None:
        self._write("stt", text)

    def tts_start(self) -> None:
        self._write("tts start")

    def sentence_start(self, text: str) -> None:
        self._write("sentence", text)

    def tts_stop(self) -> None:
        self._write("tts stop")

    def emotion(self, name: str) -> None:
        self._write("emotion", name)

    def alert(self, status: str, message: str, emotion: str) -> None:
        self._write("alert", message)

    def keep_alive(self) -> None:
        self._write("keep alive")

    def send_audio(self, payload: bytes, timestamp_ms: int) -> bool:
        if self.congested:
            return False
        self._write("audio", payload)
        self.timestamps_ms.append(timestamp_ms)
        return True

    def close(self, reason: CloseReason) -> None:
        self._write("close", reason)
        self.closed_for = reason
        self.on_close(reason)

    def kinds(self) -> list[str]:
        """What was sent in order, runs of audio as one."""
        kinds: list[str] = []
        for line in self.lines:
            if line.kind != "audio" or kinds[-1:] != ["audio"]:
                kinds.append(line.kind)
        return kinds

    def times(self, kind: str) -> list[float]:
        return [line.at_s for line in self.lines if line.kind == kind]

    def said(self, kind: str) -> list[object]:
        return [line.what for line in self.lines if line.kind == kind]

    def _write(self, kind: str, what: object = None) -> None:
        self.last_sent_s = asyncio.get_running_loop().time()
        self.lines.append(Line(self.last_sent_s, kind, what))


@dataclass
class Ears:
    """Hearing and its only session in one: the scene delivers events through `hears`."""

    commands: list[str] = field(default_factory=list)
    deliver: Deliver = lambda event: None
    request: OpenHearing | None = None
    revision: int = 0
    expecting: str = ""
    toy_says: list[str] = field(default_factory=list)

    async def open(self, request: OpenHearing, deliver: Deliver) -> Ears:
        self.request, self.deliver = request, deliver
        return self

    def begins(self) -> None:
        """Somebody begins to speak."""
        self.deliver(SpeechStarted(0))

    def pauses(self, text: str, unfinished: bool = False) -> None:
        """A pause after `text`, perhaps the end."""
        self.deliver(Pause(text, 1, 32_000, unfinished=unfinished))

    def resumes(self) -> None:
        """The person goes on after the pause."""
        self.deliver(SpeechResumed(2, 40_000))

    def hears(self, text: str, **more: object) -> None:
        """An utterance, as committed now."""
        self.revision += 1
        timings = HearingTimings(silence_ms=240, transcribe_ms=40, wait_ms=0)
        self.deliver(Utterance(text, 1, 16_000, 32_000, CommitReason.COMPLETE, timings=timings, **more))  # type: ignore[arg-type]

    def listen(self, mode: ListenMode) -> None:
        self.commands.append(f"listen {mode}")

    def packets(self, packets: Sequence[OpusPacket]) -> None:
        self.commands += ["packet"] * len(packets)

    def played(self, packets: Sequence[OpusPacket]) -> None:
        self.commands += ["played"] * len(packets)

    def stop(self) -> None:
        self.commands.append("stop")

    def reset(self) -> None:
        self.commands.append("reset")

    def expect(self, kind: str) -> None:
        self.expecting = kind

    def speaking(self, text: str, until_ms: float) -> None:
        self.toy_says.append(text)

    async def close(self) -> None:
        self.commands.append("close")


@dataclass
class ScriptedModel:
    """Answers from a list, one entry per call: text (written `pace_s` per word), events, or an error to raise."""

    answers: list[str | list[ModelEvent | Exception] | Exception]
    first_s: float = 0.1
    pace_s: float = 0.01
    name: str = "scripted"
    histories: list[list[Message]] = field(default_factory=list)
    closed: int = 0

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        self.histories.append(list(history))
        answer = self.answers.pop(0)
        try:
            await asyncio.sleep(self.first_s)
            if isinstance(answer, Exception):
                raise answer
            for event in [Words(w) for w in _words(answer)] if isinstance(answer, str) else answer:
                if isinstance(event, Exception):
                    raise event
                yield event
                await asyncio.sleep(self.pace_s)
        finally:
            self.closed += 1

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")]


@dataclass
class ScriptedVoice:
    """Speaks a packet per `characters_per_packet` characters, the first after `first_s`; packets hold their text."""

    first_s: float = 0.15
    pace_s: float = 0.0
    closing_s: float = 0.0
    fails_when_cancelled: Exception | None = None
    characters_per_packet: int = 4
    fails_on: str = "\0"
    error: Exception | None = None
    name: str = "scripted voice"
    spoken: list[str] = field(default_factory=list)
    drafted: list[str] = field(default_factory=list)
    closed: int = 0

    async def speak(self, text: str, *, draft: bool = False) -> AsyncIterator[bytes]:
        self.spoken.append(text)
        self.drafted += [text] if draft else []
        try:
            await asyncio.sleep(self.first_s)
            if self.fails_on in text and self.error is not None:
                raise self.error
            for start in range(0, len(text), self.characters_per_packet):
                yield text[start : start + self.characters_per_packet].encode()
                await asyncio.sleep(self.pace_s)
        except asyncio.CancelledError:
            if self.fails_when_cancelled is not None:
                raise self.fails_when_cancelled from None
            raise
        finally:
            try:
                await asyncio.sleep(self.closing_s)
            finally:
                self.closed += 1


@dataclass
class Diary:
    """Remembers what it is given, by role; each answer takes a while."""

    recollections: dict[str, Recollection]
    takes_s: float = 0.01
    asked: list[Asked] = field(default_factory=list)

    async def recall(self, asked: Asked) -> Recollection:
        self.asked.append(asked)
        await asyncio.sleep(self.takes_s)
        return self.recollections[asked.role_id]


@dataclass
class Stage:
    """A casting whose cast a test exchanges."""

    cast: Cast
    begun: int = 0
    closed: int = 0

    async def begin(self) -> None:
        self.begun += 1

    def now(self) -> Cast:
        return self.cast

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Scene:
    """A session with all its actors, running; leave the context to end the talk."""

    model: ScriptedModel
    voice: ScriptedVoice = field(default_factory=ScriptedVoice)
    spare_voice: ScriptedVoice = field(default_factory=lambda: ScriptedVoice(name="spare", first_s=0.01))
    toy: ToyChannel = field(default_factory=ToyChannel)
    ears: Ears = field(default_factory=Ears)
    role: Role = field(default_factory=Role)
    limits: SessionLimits = field(default_factory=SessionLimits)
    tape: Tape = field(default_factory=NoTape)
    stage: Stage = field(init=False)
    remembering: Remembering = field(default_factory=NoMemory)
    small: LanguageModel | None = None
    events: list[Event] = field(default_factory=list)
    session: Session = field(init=False)

    async def __aenter__(self) -> Scene:
        engines = Engines(self.model, self.voice, self.spare_voice, recogniser="scripted", small=self.small)
        self.stage = Stage(Cast(engines, self.role))
        self.session = Session(
            self.toy,
            self.ears,
            self.stage,
            self.events.append,
            limits=self.limits,
            tape=self.tape,
            remembering=self.remembering,
        )
        self.toy.on_close = self.session.closed
        self.toy.last_sent_s = asyncio.get_running_loop().time()  # the hello was just answered
        self._task = asyncio.create_task(self.session.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.session.closed(CloseReason.PEER_CLOSED)
        await self._task

    @property
    def turns(self) -> list[TurnEnded]:
        return [event for event in self.events if isinstance(event, TurnEnded)]
