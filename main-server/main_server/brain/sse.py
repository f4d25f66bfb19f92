"""Server-sent events without I/O: bytes of a `text/event-stream` in, the `data` of each event out.

Source: WHATWG HTML, "Server-sent events", section 9.2.6. Only `data` matters here; `event`, `id`, `retry`, comments and
junk lines are passed over.
"""

from __future__ import annotations

MAX_EVENT_BYTES = 1_000_000
"""An event longer than this is not one we can use; a chat delta is some 200 bytes."""


class EventTooLong(Exception):
    """One event (or one line of it) grew past MAX_EVENT_BYTES."""


class EventStream:
    """Feeds on bytes cut anywhere, gives whole events. Lines may end in LF, CRLF or CR."""

    def __init__(self) -> None:
        self._line = b""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._after_cr = False
        self._first_line = True

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of every event that this piece completes, in order. Raises EventTooLong."""
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if piece.endswith(b"\r"):
            self._after_cr = True  # its LF may come with the next piece
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._line = (self._line + piece).split(b"\n")
        if len(self._line) > MAX_EVENT_BYTES:
            raise EventTooLong
        return [event for line in lines if (event := self._take(line)) is not None]

    def finish(self) -> list[bytes]:
        """The stream ended: an event whose closing blank line never came still counts (servers forget it)."""
        events = self.feed(b"\n\n")
        self._line = b""
        return events

    def _take(self, line: bytes) -> bytes | None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._close_event()
        field, _, value = line.partition(b":")
        if field != b"data":
            return None
        value = value.removeprefix(b" ")
        self._data.append(value)
        self._data_bytes += len(value) + 1
        if self._data_bytes > MAX_EVENT_BYTES:
            raise EventTooLong
        return None

    def _close_event(self) -> bytes | None:
        if not self._data:
            return None
        event = b"\n".join(self._data)
        self._data.clear()
        self._data_bytes = 0
        return event
