"""One device's open channel: between the wire and the session. It knows xiaozhi, but not what carries it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from contracts.audio import OpusPacket
from main_server.conversation.ports import (
    Abort,
    CloseReason,
    Detect,
    DeviceSession,
    DeviceTraits,
    ListenStart,
    ListenStop,
    Toolbox,
)
from main_server.device import quirks
from main_server.device.directory import DeviceReport
from main_server.device.framing import FramingError
from main_server.device.hub import DeviceHub
from main_server.device.iot import DeviceThings
from main_server.device.mcp import DeviceTools
from main_server.device.messages import Goodbye, Hello, Junk, McpMessage, MessageEvent, ThingsMessage
from main_server.device.protocol import DeviceProtocol

_REMEMBERED_PACKETS = 128
"""Whose sizes are kept, to tell bytes on their way in packets."""


class Wire(Protocol):
    """What carries a channel."""

    def send_text(self, message: bytes) -> None:
        """Queues a text message; a peer that does not take it is cut off by the wire."""

    def send_audio(self, message: bytes) -> bool:
        """Queues a binary message; False when too much is waiting, and then nothing was queued."""

    @property
    def untaken_bytes(self) -> int:
        """What was sent and the device has not acknowledged, as far as the system can tell."""

    def hang_up(self, reason: CloseReason) -> None:
        """Closes after what was queued; calls `DeviceChannel.lost` when the connection is gone."""

    def serve(self, session: DeviceSession) -> None:
        """Runs the session in a task that the wire owns, and hangs up when it ends."""

    def learned(self, report: DeviceReport) -> None:
        """Something new about the device, to be remembered."""


class DeviceChannel:
    """Implements `conversation.ports.Channel` on a wire; feeds the device's messages to the session."""

    def __init__(
        self, wire: Wire, protocol: DeviceProtocol, device: DeviceReport, hub: DeviceHub, clock: Callable[[], float]
    ) -> None:
        self.device = device
        self.device_id = device.device_id
        self.client_id = device.client_id
        self.session_id = protocol.session_id
        self.transport = protocol.transport
        self.role_id = ""
        self.traits: DeviceTraits = quirks.traits(device.chip, device.firmware, Hello())
        self.device_tools = DeviceTools(self._send_mcp, identified=self._identified)
        self.things = DeviceThings(self._send_iot)
        self.tools: Toolbox = self.device_tools
        self.speaking = False
        self._wire = wire
        self._protocol = protocol
        self._hub = hub
        self._clock = clock
        self._session: DeviceSession | None = None
        self._told = False
        self._closing = False
        self._draining = False
        self._last_sent_s = clock()
        self._turn_began_ms = 0  # on the downlink's clock, which runs through the whole session
        self._sent_ms = 0
        self._sizes: deque[int] = deque(maxlen=_REMEMBERED_PACKETS)

    # From the wire

    def receive_text(self, text: str) -> list[Junk]:
        """Carries out one text message; what could not be used comes back for the wire to count."""
        events = self._protocol.receive_text(text)
        if self._closing:
            return []
        return [junk for event in events if (junk := self._take(event)) is not None]

    def receive_binary(self, message: bytes) -> Junk | None:
        packet = self._protocol.receive_binary(message)
        if isinstance(packet, OpusPacket):
            if self._session is not None and not self._closing:
                self._session.audio(packet)
            return None
        return packet

    def lost(self, reason: CloseReason) -> None:
        """The connection is gone. Safe to call more than once."""
        self._closing = True
        self._hub.switchboard.unplug(self)
        self.device_tools.close()
        if self._session is not None and not self._told:
            self._told = True
            self._session.closed(reason)

    def drain(self) -> None:
        """The server stops: close now, or as soon as the reply under way has been said."""
        self._draining = True
        if not self.speaking:
            self.cut(CloseReason.DRAINED)

    # Channel

    @property
    def board(self) -> str:
        return self.device.board

    @property
    def firmware(self) -> str:
        return self.device.firmware

    @property
    def last_sent_s(self) -> float:
        return self._last_sent_s

    def stt(self, text: str) -> None:
        self._send(self._protocol.stt(text))

    def tts_start(self) -> None:
        self.speaking = True
        self._turn_began_ms = self._sent_ms
        self._send(self._protocol.tts_start())

    def sentence_start(self, text: str) -> None:
        self._send(self._protocol.sentence_start(text))

    def tts_stop(self) -> None:
        self.speaking = False
        self._send(self._protocol.tts_stop())
        if self._draining:
            self._wire.hang_up(CloseReason.DRAINED)

    def emotion(self, name: str) -> None:
        self._send(self._protocol.emotion(name))

    def alert(self, status: str, message: str, emotion: str) -> None:
        self._send(self._protocol.alert(status, message, emotion))

    def keep_alive(self) -> None:
        self._send(self._protocol.keep_alive())

    def reboot(self) -> None:
        """Restarts the device in about a second."""
        self._send(self._protocol.reboot())

    def send_audio(self, payload: bytes, timestamp_ms: int) -> bool:
        # Of two replies too, no two packets may bear the same timestamp: the device hands it back (PROTOCOL 2.7).
        stamp_ms = (self._turn_began_ms + timestamp_ms) & 0xFFFF_FFFF
        try:
            message = self._protocol.audio(payload, stamp_ms)
        except FramingError:
            return True  # no device could take it: count it as sent, or playback would wait for ever
        sent = self._wire.send_audio(message)
        if sent:
            self._last_sent_s = self._clock()
            self._sent_ms = stamp_ms
            self._sizes.append(len(message))
            if self.traits.server_aec and self._session is not None:
                self._session.played(OpusPacket(payload, stamp_ms))
        return sent

    @property
    def untaken_frames(self) -> int:
        untaken_bytes = self._wire.untaken_bytes
        frames = 0
        for size in reversed(self._sizes):
            if untaken_bytes < size:
                break
            untaken_bytes -= size
            frames += 1
        return frames

    def close(self, reason: CloseReason) -> None:
        self._closing = True
        self._hub.switchboard.unplug(self)
        self.device_tools.close()
        self._wire.hang_up(reason)

    def cut(self, reason: CloseReason) -> None:
        """Closes from outside the session, which is told why."""
        self.lost(reason)
        self._wire.hang_up(reason)

    # What messages do

    def _take(self, event: MessageEvent) -> Junk | None:
        if isinstance(event, Junk):
            return event
        if isinstance(event, ListenStart | ListenStop | Detect | Abort):
            begins = isinstance(event, ListenStart | Detect)
            if self._session is not None and not (self._draining and begins):
                self._session.device_event(event)
        elif isinstance(event, McpMessage):
            self.device_tools.receive(event.payload)
        elif isinstance(event, ThingsMessage):
            self._take_things(event)
        elif isinstance(event, Hello):
            self._greet(event)
        elif isinstance(event, Goodbye):
            self.cut(CloseReason.PEER_CLOSED)
        return None

    def _greet(self, hello: Hello) -> None:
        self.traits = quirks.traits(self.device.chip, self.device.firmware, hello)
        self._send(self._protocol.hello_reply(self.traits.downlink))
        if self._hub.switchboard.plug(self):
            self._hub.counters.replaced += 1
        self._note_server_aec(hello)
        if hello.mcp:
            self.device_tools.start(self._hub.vision(self.device_id) if self._hub.vision is not None else None)
        self._hub.counters.sessions += 1
        self._session = self._hub.open_session(self)
        self._wire.serve(self._session)

    def _note_server_aec(self, hello: Hello) -> None:
        # Its next boot is then configured with the framing that carries the timestamps (trap 40).
        if hello.server_aec != bool(self.device.server_aec):
            self._wire.learned(DeviceReport(self.device_id, server_aec=hello.server_aec))

    def _identified(self, board: str, firmware: str) -> None:
        """The tool server told board and version: useful when the device was never seen at our OTA address."""
        hello = self._protocol.hello
        if hello is not None and not self.device.firmware:
            self.traits = quirks.with_firmware(self.traits, self.device.chip, firmware, hello)

    def _take_things(self, message: ThingsMessage) -> None:
        """Old firmware: its things are its tools, unless it has a tool server after all."""
        self.things.announced(message.descriptors)
        self.things.changed(message.states)
        if self._protocol.hello is not None and not self._protocol.hello.mcp:
            self.tools = self.things

    def _send(self, message: bytes) -> None:
        self._last_sent_s = self._clock()
        self._wire.send_text(message)

    def _send_iot(self, command: Mapping[str, Any]) -> None:
        self._send(self._protocol.iot(command))

    def _send_mcp(self, payload: Mapping[str, Any]) -> None:
        self._send(self._protocol.mcp(payload))
