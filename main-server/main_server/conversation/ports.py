"""What a conversation needs from the world: a channel to the device, a voice, tools. Implemented in `device`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from contracts.audio import OpusFormat, OpusPacket
from contracts.hearing import ListenMode
from contracts.language_model import ToolCall, ToolSpec


class CloseReason(StrEnum):
    """Why the server closes a channel, or saw it close."""

    PEER_CLOSED = "peer_closed"
    IDLE = "idle"
    GOODBYE = "goodbye"
    REPLACED = "replaced"  # the same device opened a newer channel
    REVOKED = "revoked"  # its owner let the device go, or believes another board
    DRAINED = "drained"  # the server is stopping
    STALLED = "stalled"  # the peer does not read
    NO_HELLO = "no_hello"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ListenStart:
    """The device listens (again) in this mode."""

    mode: ListenMode


@dataclass(frozen=True, slots=True)
class ListenStop:
    """The push-to-talk button was released."""


@dataclass(frozen=True, slots=True)
class Detect:
    """A wake word, or text typed into the device."""

    text: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Button or wake word while the toy was speaking; `reason` as the device gives it, "" for the button."""

    reason: str = ""


DeviceEvent = ListenStart | ListenStop | Detect | Abort


@dataclass(frozen=True, slots=True)
class DeviceTraits:
    """What the playback must know of this chip and firmware (device/quirks.py decides).

    `lead_frames`: how many frames may be ahead of the absolute clock. `settle_ms`: least time between `tts start` and
    the first frame (PROTOCOL 2.6, start race). `stop_waits`: old firmware wipes its queue at `tts stop`, so the stop
    waits until everything has played. `server_aec`: the device leaves its echo to the ears (PROTOCOL 2.7).
    """

    downlink: OpusFormat = field(default_factory=lambda: OpusFormat(24_000, 60))
    uplink: OpusFormat = field(default_factory=lambda: OpusFormat(16_000, 60))
    lead_frames: int = 3
    settle_ms: int = 90
    stop_waits: bool = False
    server_aec: bool = False


class Toolbox(Protocol):
    """The device's own tools, as the model may see them."""

    def specs(self) -> Sequence[ToolSpec]:
        """Tools known now; empty until the device has listed them."""

    async def settled(self, timeout_s: float) -> None:
        """Waits until the device has listed its tools, `timeout_s` at most; at once when it has, or has none."""

    async def call(self, call: ToolCall) -> str:
        """Runs one tool and returns its text. A failing tool returns a sentence that says so."""


class Channel(Protocol):
    """One device's open channel. Sends return at once; a peer that does not read is closed by the channel itself."""

    device_id: str
    client_id: str
    session_id: str
    transport: str  # "websocket" or "udp"
    role_id: str  # the role that this session asks for, "" = the device's own
    traits: DeviceTraits
    tools: Toolbox

    @property
    def board(self) -> str:
        """The board's type, "" while unknown."""

    @property
    def firmware(self) -> str:
        """Its firmware version, "" while unknown."""

    @property
    def last_sent_s(self) -> float:
        """Loop time of the last text or audio sent (the device gives up on a channel silent for 120 s)."""

    def stt(self, text: str) -> None: ...

    def tts_start(self) -> None: ...

    def sentence_start(self, text: str) -> None: ...

    def tts_stop(self) -> None: ...

    def emotion(self, name: str) -> None: ...

    def alert(self, status: str, message: str, emotion: str) -> None: ...

    def keep_alive(self) -> None:
        """Any message that the device ignores but counts as life."""

    def send_audio(self, payload: bytes, timestamp_ms: int) -> bool:
        """One Opus packet. False when the socket is congested: nothing was sent, try later."""

    @property
    def untaken_frames(self) -> int:
        """About how many Opus packets were sent and have not arrived at the device; 0 where nobody can tell."""

    def close(self, reason: CloseReason) -> None:
        """Closes after what was sent has left; at most a second later the connection is gone."""


class DeviceSession(Protocol):
    """What the device side calls: implemented by conversation.session.Session."""

    def device_event(self, event: DeviceEvent) -> None: ...

    def audio(self, packet: OpusPacket) -> None: ...

    def played(self, packet: OpusPacket) -> None:
        """A packet has left for the loudspeaker of a device with `server_aec`."""

    async def run(self) -> None:
        """Serves the device until `closed` is called or the conversation closes the channel."""

    def closed(self, reason: CloseReason) -> None:
        """The channel is gone."""


class Voice(Protocol):
    """A role's voice at the device's format."""

    @property
    def name(self) -> str:
        """The engine that speaks."""

    def speak(self, text: str, *, draft: bool = False) -> AsyncIterator[bytes]:
        """Opus packets of one piece of text, each `traits.downlink.frame_ms` long. Raises EngineError.

        A `draft` may be for nothing: engines do what is certain before it.
        """
