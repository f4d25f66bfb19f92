"""Opus in Ogg: what other programs make of our pages."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from fakes.speech_server import tone
from sound.ogg import PRE_SKIP, OggOpusWriter
from sound.opus import OpusEncoder

RATE_HZ, FRAME_MS = 24_000, 20


def packets(duration_ms: int) -> list[bytes]:
    encoder = OpusEncoder(RATE_HZ, FRAME_MS)
    sound = tone(duration_ms)
    return [encoder.encode(sound[at : at + encoder.frame_bytes]) for at in range(0, len(sound), encoder.frame_bytes)]


def stream(pieces: list[list[bytes]], duration_ms: float) -> bytes:
    writer = OggOpusWriter(RATE_HZ, FRAME_MS, 7)
    return writer.head() + b"".join(writer.pages(piece) for piece in pieces) + writer.finish(duration_ms)


def pages(data: bytes) -> list[tuple[int, int, int]]:
    """Flags, position and sequence of every page."""
    found = []
    while data:
        assert data[:4] == b"OggS"
        flags, position, _, sequence, _, count = struct.unpack_from("<BqIIIB", data, 5)
        found.append((flags, position, sequence))
        data = data[27 + count + sum(data[27 : 27 + count]) :]
    return found


@pytest.mark.parametrize("step", [1, 7, 300])
def test_a_decoder_of_somebody_elses_hears_all_of_it_and_no_more(step: int) -> None:
    made = packets(8000)
    data = stream([made[at : at + step] for at in range(0, len(made), step)], 7955)
    samples, rate_hz = soundfile.read(io.BytesIO(data))
    assert len(samples) / rate_hz == pytest.approx(7.955, abs=0.001)
    middle = samples[rate_hz : 7 * rate_hz]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * rate_hz / len(middle) == pytest.approx(440, abs=2)


def test_pages_are_numbered_and_only_the_first_begins_and_the_last_ends() -> None:
    made = packets(1000)
    found = pages(stream([made[:20], made[20:]], 1000))
    assert [flags for flags, _, _ in found] == [2, *[0] * (len(found) - 2), 4]
    assert [sequence for _, _, sequence in found] == list(range(len(found)))
    assert found[-1][1] == PRE_SKIP + 48_000 - PRE_SKIP  # no more than the packets hold


def test_packets_that_fill_their_last_segment_are_laced_with_an_empty_one() -> None:
    writer = OggOpusWriter(RATE_HZ, FRAME_MS, 7)
    writer.head()
    page = writer.pages([bytes(510), b"held back"])
    assert page[26:30] == bytes([3, 255, 255, 0])
    assert len(page) == 27 + 3 + 510


def test_nothing_said_is_a_stream_that_only_begins_and_ends() -> None:
    assert [flags for flags, _, _ in pages(stream([], 0))] == [2, 0, 4]
