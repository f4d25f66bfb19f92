"""The hearing contract in bytes: what a hearing client and asr-server say to each other on one WebSocket.

Text frames are JSON objects with a `type`; the client's are commands, the server's reports. Binary frames, client to
server only, are Opus packets of one session: of its microphone, or of its loudspeaker. One socket carries many
sessions, numbered by the client. The client also counts the samples of each session, so that offsets go on where they
were after a reconnect: docs/wire-hearing.md.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from contracts.audio import OpusPacket
from contracts.hearing import (
    HearingEvent,
    HearingFailed,
    ListenMode,
    NothingHeard,
    OpenHearing,
    Partial,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)

MAX_FRAME_BYTES = 256 * 1024
"""Of one frame in either direction; a larger one ends the connection."""

PACKETS_PER_FRAME = 50
"""A client sends no more at once, so that a replayed minute does not hold up the other sessions."""

U32 = 2**32 - 1
MAX_SESSION = 2**31 - 1
_PLAYED = 2**31  # set in the session of a binary frame: what the loudspeaker plays
_SESSION = struct.Struct(">I")
_PACKET = struct.Struct(">IH")

SessionNumber = Annotated[int, Field(ge=1, le=MAX_SESSION)]
ListenNumber = Annotated[int, Field(ge=1, le=U32)]
Samples = Annotated[int, Field(ge=0)]
Words = Annotated[str, Field(max_length=4096)]


class WireError(ValueError):
    """A frame that is none of ours. The message quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Open:
    """Opens the ears of a session under a number of the client's choice; answered by Opened or Refused."""

    session: SessionNumber
    request: OpenHearing
    type: Literal["open"] = "open"


@dataclass(frozen=True, slots=True)
class Listen:
    """Begins a listen. Its first sample has the offset `at_sample`; reports of it carry its number `listen`."""

    session: SessionNumber
    listen: ListenNumber
    mode: ListenMode
    at_sample: Samples
    type: Literal["listen"] = "listen"


@dataclass(frozen=True, slots=True)
class Stop:
    """The button was released."""

    session: SessionNumber
    type: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True)
class Reset:
    """Drop what is going on; deaf until the next listen."""

    session: SessionNumber
    type: Literal["reset"] = "reset"


@dataclass(frozen=True, slots=True)
class Expect:
    """What the toy has just asked for."""

    session: SessionNumber
    kind: Words
    type: Literal["expect"] = "expect"


@dataclass(frozen=True, slots=True)
class Speaking:
    """What the toy is saying, until about `until_ms` from now."""

    session: SessionNumber
    text: Words
    until_ms: float
    type: Literal["speaking"] = "speaking"


@dataclass(frozen=True, slots=True)
class Close:
    """Frees the session. Not answered: the number is not used again."""

    session: SessionNumber
    type: Literal["close"] = "close"


@dataclass(frozen=True, slots=True)
class Hello:
    """The server's first words: the recogniser that serves here, by name."""

    recogniser: str
    type: Literal["hello"] = "hello"


@dataclass(frozen=True, slots=True)
class Opened:
    """The session's ears are open."""

    session: SessionNumber
    type: Literal["opened"] = "opened"


@dataclass(frozen=True, slots=True)
class Refused:
    """No ears for this session: `code` as in contracts.errors, and a sentence for the owner."""

    session: SessionNumber
    code: str
    message: str
    type: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the contract. `kind` is its class, `event` its fields, `voiceprint` (base64) apart from them."""

    session: SessionNumber
    listen: ListenNumber
    kind: str
    event: dict[str, Any]
    voiceprint: str = ""
    type: Literal["event"] = "event"


Command = Open | Listen | Stop | Reset | Expect | Speaking | Close
Report = Hello | Opened | Refused | Told

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
_REPORTS: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="type")])
_EVENTS: dict[str, TypeAdapter[Any]] = {
    event.__name__: TypeAdapter(event)
    for event in (SpeechStarted, Partial, Pause, SpeechResumed, Utterance, NothingHeard, HearingFailed)
}


def command_text(command: Command) -> str:
    """A command as a text frame."""
    return _COMMANDS.dump_json(command).decode()


def read_command(text: str) -> Command:
    """Raises WireError."""
    try:
        return _COMMANDS.validate_json(text)
    except ValidationError as error:
        raise WireError(_why(error)) from None


def report_text(report: Report) -> str:
    """A report as a text frame."""
    return _REPORTS.dump_json(report).decode()


def read_report(text: str) -> Report:
    """Raises WireError."""
    try:
        return _REPORTS.validate_json(text)
    except ValidationError as error:
        raise WireError(_why(error)) from None


def told(session: int, listen: int, event: HearingEvent, shift: int = 0) -> Told:
    """An event as a report, its sample offsets moved by `shift`."""
    voiceprint = ""
    if isinstance(event, Utterance) and event.voiceprint is not None:
        voiceprint = base64.b64encode(event.voiceprint).decode()
        event = replace(event, voiceprint=None)
    kind = type(event).__name__
    return Told(session, listen, kind, _EVENTS[kind].dump_python(_moved(event, shift), mode="json"), voiceprint)


def event_of(report: Told) -> HearingEvent:
    """Raises WireError for an event that the contract does not have."""
    adapter = _EVENTS.get(report.kind)
    if adapter is None:
        raise WireError("an event of an unknown kind")
    try:
        event: HearingEvent = adapter.validate_python(report.event)
        if isinstance(event, Utterance) and report.voiceprint:
            event = replace(event, voiceprint=base64.b64decode(report.voiceprint, validate=True))
    except ValidationError as error:
        raise WireError(_why(error)) from None
    except binascii.Error:
        raise WireError("voiceprint: not base64") from None
    return event


def packet_frames(session: int, packets: Sequence[OpusPacket], *, played: bool = False) -> Iterator[bytes]:
    """Packets as binary frames: u32 session, then per packet u32 timestamp_ms, u16 length, payload; big endian.

    `played`: they went to the loudspeaker, which the session's highest bit tells.
    """
    for first in range(0, len(packets), PACKETS_PER_FRAME):
        yield _frame(session | _PLAYED if played else session, packets[first : first + PACKETS_PER_FRAME])


def is_played(frame: bytes) -> bool:
    """Whether a binary frame holds packets of the loudspeaker rather than of the microphone."""
    return bool(frame) and frame[0] >= 0x80


def read_packets(frame: bytes) -> tuple[int, list[OpusPacket]]:
    """The session's number and its packets. Raises WireError."""
    if len(frame) < _SESSION.size:
        raise WireError("a binary frame without a session")
    (session,) = _SESSION.unpack_from(frame)
    packets, at = [], _SESSION.size
    while at < len(frame):
        if at + _PACKET.size > len(frame):
            raise WireError("a binary frame that ends within a packet's head")
        timestamp_ms, size = _PACKET.unpack_from(frame, at)
        at += _PACKET.size
        if at + size > len(frame):
            raise WireError("a binary frame that ends within a packet")
        packets.append(OpusPacket(frame[at : at + size], timestamp_ms))
        at += size
    return session & ~_PLAYED, packets


def _frame(session: int, packets: Iterable[OpusPacket]) -> bytes:
    parts = [_SESSION.pack(session)]
    for packet in packets:
        # No Opus packet is longer than 1275 bytes; what is longer is junk, and still has its place in time.
        payload = packet.payload[:1500]
        parts += (_PACKET.pack(packet.timestamp_ms & U32, len(payload)), payload)
    return b"".join(parts)


def _moved(event: HearingEvent, shift: int) -> HearingEvent:
    match event:
        case SpeechStarted():
            return replace(event, start_sample=event.start_sample + shift)
        case Partial() | SpeechResumed():
            return replace(event, sample=event.sample + shift)
        case Utterance():
            return replace(event, start_sample=event.start_sample + shift, end_sample=event.end_sample + shift)
        case Pause() | NothingHeard():
            return replace(event, end_sample=event.end_sample + shift)
        case HearingFailed():
            return event


def _why(error: ValidationError) -> str:
    """Where and how it is wrong, without the words in it."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'frame'}: {first['type']}"
