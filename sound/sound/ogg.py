"""Opus packets in an Ogg stream, written as they come: pages per RFC 3533, Opus in them per RFC 7845."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from sound.errors import OpusError
from sound.opus import MAX_PACKET_MS, packet_duration_ms

GRANULE_HZ = 48_000
"""Positions in Ogg Opus count at this rate, whatever the sound was made at."""

PRE_SKIP = 312
"""Samples at GRANULE_HZ that a player drops first: libopus's look-ahead of 6.5 ms outside its low-delay mode."""

_HEADER = struct.Struct("<4sBBqIIIB")
_CRC_AT = 22
_BEGINS, _ENDS = 0x02, 0x04
_MAX_SEGMENTS = 255
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class OggOpusWriter:
    """One mono stream of Opus packets that are all `frame_ms` long, or, where it is None, as long as each says of
    itself. Every piece of it is whole pages.

    `sample_rate_hz` is what the sound was before it was packed; players only show it. The last packet is held back, as
    the page that ends the stream has to know that it does. A packet has at most 61 440 bytes (libopus makes 1275).
    """

    def __init__(self, sample_rate_hz: int, frame_ms: int | None, serial: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._frame_granules = None if frame_ms is None else GRANULE_HZ * frame_ms // 1000
        self._serial = serial
        self._sequence = 0
        self._position = 0
        self._held: list[bytes] = []

    def head(self) -> bytes:
        """The two pages that every stream begins with."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, PRE_SKIP, self._sample_rate_hz, 0, 0)
        vendor = b"Zhiyin"
        tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
        return self._page([head], 0, _BEGINS) + self._page([tags], 0, 0)

    def pages(self, packets: Sequence[bytes]) -> bytes:
        """All packets so far but the last one."""
        self._held += packets
        ready, self._held = self._held[:-1], self._held[-1:]
        pages = b""
        while ready:
            count = _fitting(ready)
            self._position += self._granules(ready[:count])
            pages += self._page(ready[:count], self._position, 0)
            ready = ready[count:]
        return pages

    def finish(self, duration_ms: float) -> bytes:
        """The last page. Players stop after `duration_ms`, which may be less than the packets hold, and never more."""
        length = PRE_SKIP + round(duration_ms * GRANULE_HZ / 1000)
        whole = self._position + self._granules(self._held)
        return self._page(self._held, min(length, whole), _ENDS)

    def _granules(self, packets: Sequence[bytes]) -> int:
        if self._frame_granules is not None:
            return len(packets) * self._frame_granules
        return sum(round(packet_duration_ms(packet) * GRANULE_HZ / 1000) for packet in packets)

    def _page(self, packets: Sequence[bytes], position: int, flags: int) -> bytes:
        lacing = b"".join(_lacing(packet) for packet in packets)
        header = _HEADER.pack(b"OggS", 0, flags, position, self._serial, self._sequence, 0, len(lacing))
        self._sequence += 1
        page = header + lacing + b"".join(packets)
        return page[:_CRC_AT] + struct.pack("<I", _checksum(page)) + page[_CRC_AT + 4 :]


def ogg_file(packets: Sequence[bytes], sample_rate_hz: int, serial: int) -> bytes:
    """A whole file of packets of any length, as somebody else made them; what is not Opus is left out."""
    packets = [packet for packet in packets if _is_opus(packet)]
    writer = OggOpusWriter(sample_rate_hz, None, serial)
    return writer.head() + writer.pages(packets) + writer.finish(float(len(packets) * MAX_PACKET_MS))


def _is_opus(packet: bytes) -> bool:
    try:
        return packet_duration_ms(packet) > 0
    except OpusError:
        return False


def _lacing(packet: bytes) -> bytes:
    """A packet's length in bytes of 255 and a last smaller one."""
    return b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])


def _fitting(packets: Sequence[bytes]) -> int:
    """How many packets, one at least, one page can hold."""
    segments = 0
    for count, packet in enumerate(packets):
        segments += len(packet) // 255 + 1
        if segments > _MAX_SEGMENTS:
            return max(count, 1)
    return len(packets)


def _checksum(page: bytes) -> int:
    """Ogg's CRC is zlib's polynomial, read from the other end of each byte, beginning with 0 and not inverted."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
