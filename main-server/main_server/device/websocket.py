"""A device's WebSocket: the asyncio protocol that uvicorn hands the upgraded connection to.

Frames are parsed by `websockets` without I/O and given to the session inside `data_received`: no task per frame, none
for reading, one task per connection for the session itself. Why not a ready server: docs/decisions/device-socket.md.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from main_server.conversation.ports import CloseReason, DeviceSession
from main_server.device import handshake, identity, tcp
from main_server.device.channel import DeviceChannel
from main_server.device.deadlines import Deadlines
from main_server.device.directory import DeviceReport
from main_server.device.flood import FloodGate
from main_server.device.frame_reader import FrameReader
from main_server.device.gate import Admitted, Refused, remember
from main_server.device.hub import DeviceHub
from main_server.device.junk_log import JunkLog
from main_server.device.protocol import DeviceProtocol
from main_server.device.server_frames import BINARY, TEXT, server_frame

log = structlog.get_logger(__name__)

_SLICE_BYTES = 4096
"""Read at most this much at a time: 4096 bytes can hold 680 empty frames, a few milliseconds of work."""

_CLOSE_CODES = {
    CloseReason.DRAINED: CloseCode.GOING_AWAY,
    CloseReason.REPLACED: CloseCode.POLICY_VIOLATION,
    CloseReason.NO_HELLO: CloseCode.POLICY_VIOLATION,
    CloseReason.REVOKED: CloseCode.POLICY_VIOLATION,
    CloseReason.FAILED: CloseCode.INTERNAL_ERROR,
}

# A logger of our own, never below WARNING: the library's debug lines would hold what people said.
_library_log = logging.getLogger("zhiyin.websocket_frames")
_library_log.setLevel(logging.WARNING)


class _Stage(Enum):
    ASKING = auto()  # the request is being read, or the gatekeeper thinks
    OPEN = auto()
    CLOSING = auto()  # a Close frame or a refusal has been sent
    GONE = auto()


class DeviceSocket(asyncio.Protocol):
    """One connection, from the upgrade request to the last byte. Also the `Wire` of its channel."""

    def __init__(self, hub: DeviceHub, server_state: ServerState) -> None:
        self._hub = hub
        self._limits = hub.limits
        self._connections = cast("set[asyncio.Protocol]", server_state.connections)
        self._tasks = server_state.tasks
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._socket: socket.socket | None = None
        self._address = ""
        self._stage = _Stage.ASKING
        self._frames = ServerProtocol(max_size=hub.limits.message_bytes, logger=_library_log)
        self._reader = FrameReader(self._frames)
        self._flood = FloodGate(hub.limits)
        self._junk = JunkLog(hub.counters.junk, hub.limits.quiet_log_s)
        self._held = bytearray()  # read, but not parsed yet
        self._resting = False
        self._channel: DeviceChannel | None = None
        self._session_task: asyncio.Task[None] | None = None
        self._last_reason = CloseReason.PEER_CLOSED
        self._deadlines = Deadlines(self._loop)

    # asyncio.Protocol and what uvicorn calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._socket = transport.get_extra_info("socket")
        tcp.tune(self._socket)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stage = _Stage.GONE
        self._connections.discard(self)
        self._deadlines.stop_all()
        self._held.clear()
        self._junk.flush()
        if self._channel is not None:
            self._channel.lost(self._last_reason)
        self._await_session_end()

    def data_received(self, data: bytes) -> None:
        self._flood.arrived(self._loop.time(), len(data))
        if self._stage is _Stage.ASKING:
            self._receive_request(data)
        elif self._held or len(data) > _SLICE_BYTES:
            self._held += data
            self._work_off()
        else:
            self._receive(data)
            self._rest_if_flooded()

    def eof_received(self) -> bool:
        return False  # a device that half-closes is gone

    def pause_writing(self) -> None:
        self._deadlines.start("stalled", self._limits.stalled_s, self._stalled)

    def resume_writing(self) -> None:
        self._deadlines.stop("stalled")

    def shutdown(self) -> None:
        """The server stops: uvicorn calls this once for every connection, then waits until they are gone."""
        if self._channel is None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The server is stopping; try again in a minute.")
            return
        self._deadlines.start("drain", self._limits.drain_s, self._drained)
        self._channel.drain()

    # The upgrade

    def _receive_request(self, data: bytes) -> None:
        self._frames.receive_data(data)
        if self._frames.handshake_exc is not None:
            self._refuse(HTTPStatus.BAD_REQUEST, "This is no WebSocket request.")
            return
        for event in self._frames.events_received():
            if isinstance(event, Request):
                self._asked(event)
                return

    def _asked(self, request: Request) -> None:
        if not handshake.is_device_path(request.path):
            self._refuse(HTTPStatus.NOT_FOUND, f"Devices talk at {handshake.DEVICE_PATH}/")
            return
        # What comes before the answer stays in the kernel: no peer may speak before it was let in.
        self._transport.pause_reading()
        self._own_task(self._ask_gatekeeper(request)).add_done_callback(self._gatekeeper_done)

    async def _ask_gatekeeper(self, request: Request) -> None:
        credentials = handshake.read_credentials(request.path, request.headers, self._address)
        try:
            async with asyncio.timeout(self._limits.authorise_s):
                verdict = await self._hub.gatekeeper.authorise(credentials)
        except TimeoutError:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Nobody answers at the door; try again in a minute.")
            return
        if self._stage is not _Stage.ASKING:
            return
        if isinstance(verdict, Refused):
            self._hub.counters.refused += 1
            self._refuse(verdict.status, verdict.sentence)
        else:
            self._accept(request, verdict)

    def _gatekeeper_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Gatekeeper failed", error=type(error).__name__, exc_info=error)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "The server could not decide whether to let you in.")

    def _accept(self, request: Request, verdict: Admitted) -> None:
        response = self._frames.accept(request)
        self._frames.send_response(response)
        self._flush()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._finish_closing()
            return
        self._stage = _Stage.OPEN
        self._hub.counters.upgraded += 1
        framing = handshake.read_framing(request.path, request.headers)
        protocol = DeviceProtocol(identity.new_session_id(), framing)
        self._channel = DeviceChannel(self, protocol, verdict.device, self._hub, self._loop.time)
        self._channel.role_id = verdict.role_id
        self._junk.named(self._channel.device_id, self._channel.session_id)
        self._transport.set_write_buffer_limits(high=self._limits.audio_untaken_bytes)
        self._deadlines.start("hello", self._limits.hello_s, self._no_hello)
        self._transport.resume_reading()

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        if self._stage is not _Stage.ASKING:
            return
        response = self._frames.reject(status, sentence + "\n")
        if status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = "Bearer"
        self._transport.write(response.serialize())
        self._finish_closing()

    # Reading

    def _work_off(self) -> None:
        """Parses what is held in slices, so that a flood of small frames never holds the loop for long."""
        while self._held and not self._resting and self._stage is not _Stage.GONE:
            piece = bytes(self._held[:_SLICE_BYTES])
            del self._held[:_SLICE_BYTES]
            self._receive(piece)
            self._rest_if_flooded()

    def _receive(self, data: bytes) -> None:
        frames_before = self._reader.frames
        for message in self._reader.messages(data):
            if self._stage is _Stage.OPEN:
                self._take(message)
        self._flood.frames(self._reader.frames - frames_before)
        if self._frames.writes:
            self._flush()  # a Pong, a Close answered, or the Close of a broken connection
        if self._reader.ended:
            self._peer_ended()

    def _take(self, message: str | bytes) -> None:
        channel = cast(DeviceChannel, self._channel)  # there is one as long as the stage is OPEN
        if isinstance(message, bytes):
            if not self._flood.packet():
                self._hub.counters.packets_dropped += 1
                self._note_junk("flood")
            elif (junk := channel.receive_binary(message)) is not None:
                self._note_junk(junk.reason)
        elif not self._flood.text():
            self._hub.counters.texts_dropped += 1
            self._note_junk("flood")
        else:
            for junk in channel.receive_text(message):
                self._note_junk(junk.reason)

    def _rest_if_flooded(self) -> None:
        rest_s = self._flood.rest_s(self._loop.time())
        if rest_s > 0 and self._stage is _Stage.OPEN and not self._resting:
            self._resting = True
            self._hub.counters.rested += 1
            self._transport.pause_reading()
            self._deadlines.start("rest", rest_s, self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._flood.arrived(self._loop.time(), 0)
        self._work_off()
        if not self._resting and self._stage is not _Stage.GONE:
            self._transport.resume_reading()

    def _note_junk(self, reason: str) -> None:
        self._junk.note(reason, self._loop.time())

    # Writing: the Wire of the channel

    def send_text(self, message: bytes) -> None:
        if self._stage is not _Stage.OPEN:
            return
        self._transport.write(server_frame(TEXT, message))
        if self._transport.get_write_buffer_size() > self._limits.buffer_bytes:
            self._stalled()

    def send_audio(self, message: bytes) -> bool:
        if self._stage is not _Stage.OPEN:
            return False
        if self.untaken_bytes > self._limits.audio_untaken_bytes:
            self._deadlines.start("untaken", self._limits.stalled_s, self._stalled)
            return False
        self._deadlines.stop("untaken")
        self._transport.write(server_frame(BINARY, message))
        return True

    @property
    def untaken_bytes(self) -> int:
        return self._transport.get_write_buffer_size() + tcp.untaken_bytes(self._socket)

    def serve(self, session: DeviceSession) -> None:
        self._deadlines.stop("hello")
        self._session_task = self._own_task(session.run())
        self._session_task.add_done_callback(self._session_done)

    def learned(self, report: DeviceReport) -> None:
        self._own_task(remember(self._hub.directory, report))

    def _flush(self) -> None:
        """Writes what the frame library wants said; its end-of-stream mark (b"") is ours to carry out."""
        self._transport.write(b"".join(self._frames.data_to_send()))
        if self._transport.get_write_buffer_size() > self._limits.buffer_bytes:
            self._stalled()

    # Closing

    def hang_up(self, reason: CloseReason) -> None:
        if self._stage is not _Stage.OPEN:
            return
        self._stage = _Stage.CLOSING
        self._last_reason = reason
        try:
            self._frames.send_close(_CLOSE_CODES.get(reason, CloseCode.NORMAL_CLOSURE))
        except InvalidState:  # the peer's own Close has just been parsed
            pass
        self._flush()
        self._expect_close()

    def _peer_ended(self) -> None:
        """The peer's Close has been answered, or its frames were broken and the Close that says so is on its way."""
        broken = self._reader.broken
        if self._stage is _Stage.OPEN:
            self._stage = _Stage.CLOSING
            self._last_reason = CloseReason.FAILED if broken else CloseReason.PEER_CLOSED
            if self._channel is not None:
                self._channel.lost(self._last_reason)
            if broken:
                self._hub.counters.broken += 1
                self._note_junk("broken_frames")
        if broken:
            # Closing at once would answer what still arrives with a reset, and the peer would never read why.
            self._expect_close()
        else:
            self._finish_closing()

    def _expect_close(self) -> None:
        self._held.clear()
        if self._resting:
            self._deadlines.stop("rest")
            self._rested()
        self._deadlines.start("close", self._limits.close_s, self._transport.abort)

    def _finish_closing(self) -> None:
        """Sends what is left and closes; a peer that does not take it is cut off."""
        if self._stage is _Stage.GONE:
            return
        self._stage = _Stage.CLOSING
        self._transport.close()
        self._deadlines.start("close", self._limits.close_s, self._transport.abort)

    def _no_hello(self) -> None:
        self._hub.counters.no_hello += 1
        self.hang_up(CloseReason.NO_HELLO)

    def _drained(self) -> None:
        if self._channel is not None:
            self._channel.cut(CloseReason.DRAINED)

    def _stalled(self) -> None:
        if self._stage is _Stage.OPEN:
            self._stage = _Stage.CLOSING
            self._last_reason = CloseReason.STALLED
            self._hub.counters.stalled += 1
        self._transport.abort()

    # The session's task

    def _own_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)  # uvicorn waits for these at shutdown
        task.add_done_callback(self._tasks.discard)
        return task

    def _session_done(self, task: asyncio.Task[None]) -> None:
        self._deadlines.stop("session_end")
        failed = None if task.cancelled() else task.exception()
        if failed is not None and self._channel is not None:
            log.error(
                "Session failed",
                device_id=self._channel.device_id,
                session_id=self._channel.session_id,
                turn_id="",
                error=type(failed).__name__,
                exc_info=failed,
            )
        if self._channel is not None:
            self._channel.close(CloseReason.FAILED if failed is not None else CloseReason.GOODBYE)

    def _await_session_end(self) -> None:
        task = self._session_task
        if task is not None and not task.done():
            self._deadlines.start("session_end", self._limits.session_end_s, task.cancel)


def device_socket_class(hub: DeviceHub) -> type[asyncio.Protocol]:
    """The class to give to uvicorn: `Config(ws=device_socket_class(hub))`."""

    class HubSocket(DeviceSocket):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(hub, server_state)

    return HubSocket
