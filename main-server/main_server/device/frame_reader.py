"""Bytes of an open WebSocket into whole messages, by `websockets`' parser; broken ones end the connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.server import ServerProtocol


class FrameReader:
    """Joins fragments, checks UTF-8, counts frames. Ping, Close and failures (1002, 1007, 1009) are answered by the
    parser: after `messages` its owner writes `protocol.data_to_send()`."""

    def __init__(self, protocol: ServerProtocol) -> None:
        self._protocol = protocol
        self._partial: bytearray | None = None
        self._partial_is_text = False
        self.frames = 0
        """Frames of every kind since the connection opened."""

    @property
    def ended(self) -> bool:
        """Nothing more will be read: the peer closed in order, or broke the rules (`broken`)."""
        return self._protocol.eof_sent

    @property
    def broken(self) -> bool:
        return self.ended and (self._protocol.close_rcvd is None or self._protocol.parser_exc is not None)

    def messages(self, data: bytes) -> Iterator[str | bytes]:
        """The messages that `data` completes, text as str; ends early when one of them breaks the rules."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            self.frames += 1
            message = self._message(cast(Frame, event))
            if message is None:
                continue
            if isinstance(message, bytes):
                yield message
                continue
            try:
                yield str(message, "utf-8")
            except UnicodeDecodeError:
                self._protocol.fail(CloseCode.INVALID_DATA, "invalid UTF-8")
                return

    def _message(self, frame: Frame) -> bytes | bytearray | None:
        """A whole message: bytes when binary, bytearray when text."""
        opcode = frame.opcode
        if opcode is Opcode.CONT:
            return self._continued(frame)
        if opcode is not Opcode.BINARY and opcode is not Opcode.TEXT:
            return None
        if frame.fin:
            return bytes(frame.data) if opcode is Opcode.BINARY else bytearray(frame.data)
        self._partial, self._partial_is_text = bytearray(frame.data), opcode is Opcode.TEXT
        return None

    def _continued(self, frame: Frame) -> bytes | bytearray | None:
        if self._partial is None:  # the parser has refused it already
            return None
        self._partial += frame.data
        if not frame.fin:
            return None
        message, self._partial = self._partial, None
        return message if self._partial_is_text else bytes(message)
