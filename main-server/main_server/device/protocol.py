"""One device connection without any I/O: messages and frames in, events out; and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.audio import OpusFormat, OpusPacket
from main_server.device import framing, wording
from main_server.device.framing import Framing, FramingError
from main_server.device.messages import Hello, Junk, MessageEvent, read_message


class DeviceProtocol:
    """State of one connection: whether the device has said hello, and how its audio is framed.

    `announced` is the `Protocol-Version` of the request; without one (a browser) the hello's `version` decides.
    """

    def __init__(self, session_id: str, announced: Framing | None = None, transport: str = "websocket") -> None:
        self.session_id = session_id
        self.framing = announced or Framing.RAW
        self.hello: Hello | None = None
        self._announced = announced
        self.transport = transport

    def receive_text(self, text: str) -> list[MessageEvent]:
        """Events of one text message. Before the hello everything else is Junk, and so is a second hello, which is
        never answered: it would make the device skip the wait for the hello of its next connection."""
        events = read_message(text)
        if not events or isinstance(events[0], Junk):
            return events
        if isinstance(events[0], Hello):
            return self._greeted(events[0], events[1:])
        return events if self.hello is not None else [Junk("before_hello")]

    def receive_binary(self, message: bytes) -> OpusPacket | Junk | None:
        """The packet in one binary message; None before the hello, Junk when it is no audio in this framing."""
        if self.hello is None:
            return None
        try:
            return framing.decode(self.framing, message)
        except FramingError as error:
            return Junk(str(error))

    def hello_reply(self, downlink: OpusFormat) -> bytes:
        return wording.hello(self.session_id, self.framing, downlink, self.transport)

    def audio(self, payload: bytes, timestamp_ms: int) -> bytes:
        """One Opus packet for the loudspeaker. Raises FramingError when it is too long."""
        return framing.encode(self.framing, payload, timestamp_ms)

    def stt(self, text: str) -> bytes:
        return wording.stt(self.session_id, text)

    def emotion(self, name: str) -> bytes:
        return wording.emotion(self.session_id, name)

    def tts_start(self) -> bytes:
        return wording.tts_start(self.session_id)

    def sentence_start(self, text: str) -> bytes:
        return wording.sentence_start(self.session_id, text)

    def tts_stop(self) -> bytes:
        return wording.tts_stop(self.session_id)

    def alert(self, status: str, message: str, emotion: str) -> bytes:
        return wording.alert(self.session_id, status, message, emotion)

    def mcp(self, payload: Mapping[str, Any]) -> bytes:
        """Raises ValueError when the payload is too long for a device or no JSON."""
        return wording.mcp(self.session_id, payload)

    def iot(self, command: Mapping[str, Any]) -> bytes:
        """Raises ValueError when the command is too long for a device or no JSON."""
        return wording.iot(self.session_id, command)

    def reboot(self) -> bytes:
        return wording.reboot(self.session_id)

    def keep_alive(self) -> bytes:
        return wording.KEEP_ALIVE

    def _greeted(self, hello: Hello, junk: list[MessageEvent]) -> list[MessageEvent]:
        if self.hello is not None:
            return [Junk("second_hello")]
        self.hello = hello
        if self._announced is None and Framing.RAW <= hello.version <= Framing.SIZED:
            self.framing = Framing(hello.version)
        return [hello, *junk]
