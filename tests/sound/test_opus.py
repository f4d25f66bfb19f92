"""Opus, by each of the two ways it is reached."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sound.opus import (
    FRAME_LENGTHS_MS,
    SAMPLE_RATES_HZ,
    OpusDecoder,
    OpusEncoder,
    OpusError,
    OpusUnavailable,
    backend_name,
    packet_duration_ms,
)

VECTORS = Path(__file__).parent.parent / "vectors"
CORRUPT = (b"\xff", b"\xfb", b"\xff\xff\xff\xff", b"\x4b\x00", b"\x5b\x3f" + b"x" * 9)


@pytest.fixture(params=["system", "pyav"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both libraries, where both are installed; at least one has to be."""
    monkeypatch.setenv("ZHIYIN_OPUS", request.param)
    try:
        backend_name()
    except OpusUnavailable:
        monkeypatch.setenv("ZHIYIN_OPUS", "")
        backend_name()
        pytest.skip(f"no Opus by {request.param} on this machine")
    yield request.param


def glide(sample_rate_hz: int, seconds: float = 0.6) -> NDArray[np.int16]:
    """A tone that rises from 300 to 900 Hz."""
    at = np.arange(int(sample_rate_hz * seconds)) / sample_rate_hz
    return (9000 * np.sin(2 * np.pi * (300 + 500 * at) * at)).astype("<i2")


def through(encoder: OpusEncoder, decoder: OpusDecoder, samples: NDArray[np.int16]) -> NDArray[np.int16]:
    pcm = samples.tobytes()
    frames = range(0, len(pcm) - encoder.frame_bytes + 1, encoder.frame_bytes)
    heard = b"".join(decoder.decode(encoder.encode(pcm[at : at + encoder.frame_bytes])) for at in frames)
    return np.frombuffer(heard, "<i2")


def likeness(heard: NDArray[np.int16], said: NDArray[np.int16], sample_rate_hz: int) -> float:
    """The correlation of a piece from the middle, at the delay that a codec may have."""
    start, length, most = sample_rate_hz // 5, sample_rate_hz // 5, sample_rate_hz // 40
    piece = said[start : start + length].astype(np.float32)
    heard = heard[start : start + length + most].astype(np.float32)
    delay = int(np.correlate(heard, piece, "valid").argmax())
    return float(np.corrcoef(heard[delay : delay + length], piece)[0, 1])


@pytest.mark.parametrize("sample_rate_hz", SAMPLE_RATES_HZ)
@pytest.mark.parametrize("frame_ms", FRAME_LENGTHS_MS)
def test_what_went_in_comes_out(backend: str, sample_rate_hz: int, frame_ms: int) -> None:
    said = glide(sample_rate_hz)
    heard = through(OpusEncoder(sample_rate_hz, frame_ms), OpusDecoder(sample_rate_hz), said)
    assert len(heard) == len(said) - len(said) % (sample_rate_hz * frame_ms // 1000)
    assert likeness(heard, said, sample_rate_hz) > 0.98
    assert np.std(heard) == pytest.approx(np.std(said), rel=0.1)


@pytest.mark.parametrize("heard_at_hz", SAMPLE_RATES_HZ)
def test_a_packet_decodes_at_any_rate(backend: str, heard_at_hz: int) -> None:
    heard = through(OpusEncoder(24_000), OpusDecoder(heard_at_hz), glide(24_000))
    assert len(heard) == heard_at_hz * 600 // 1000
    assert likeness(heard, glide(heard_at_hz), heard_at_hz) > 0.98


def test_sound_above_the_new_rate_is_not_folded_back(backend: str) -> None:
    at = np.arange(48_000) / 48_000
    high = (9000 * np.sin(2 * np.pi * 11_000 * at)).astype("<i2")
    heard = through(OpusEncoder(48_000, 20, bitrate_bps=96_000), OpusDecoder(16_000), high)
    assert np.std(heard[3200:]) < 0.02 * np.std(high)


@pytest.mark.parametrize("packet", [b"\x58", b"\x59", b"\x58\xff", b"\x4a\x00", b"\x4b\x03", b"\x4b\x01\x00"])
def test_a_dtx_packet_is_its_length_of_sound_not_an_error(backend: str, packet: bytes) -> None:
    decoder = OpusDecoder(16_000)
    through(OpusEncoder(16_000), decoder, glide(16_000))
    assert len(decoder.decode(packet)) == packet_duration_ms(packet) * 32


def test_a_lost_packet_is_concealed_at_the_length_of_the_last(backend: str) -> None:
    decoder = OpusDecoder(16_000)
    assert len(decoder.decode(b"")) == 60 * 32
    for frame_ms in (20, 120, 60):
        said = glide(16_000, 0.24)
        through(OpusEncoder(16_000, frame_ms), decoder, said)
        assert len(decoder.decode(b"")) == frame_ms * 32


@pytest.mark.parametrize("packet", CORRUPT)
def test_a_corrupt_packet_is_an_error_and_the_decoder_goes_on(backend: str, packet: bytes) -> None:
    encoder, decoder = OpusEncoder(16_000), OpusDecoder(16_000)
    with pytest.raises(OpusError):
        decoder.decode(packet)
    said = glide(16_000)
    assert likeness(through(encoder, decoder, said), said, 16_000) > 0.98


def test_random_bytes_are_sound_or_an_error_and_nothing_else(backend: str) -> None:
    random = np.random.default_rng(7)
    decoder = OpusDecoder(16_000)
    for length in range(1, 200):
        try:
            heard = decoder.decode(random.bytes(length))
        except OpusError:
            continue
        assert 0 < len(heard) <= 120 * 32


def test_a_reset_encoder_begins_a_new_stream(backend: str) -> None:
    said = glide(24_000).tobytes()
    encoder = OpusEncoder(24_000)
    first = [encoder.encode(said[at : at + 2880]) for at in (0, 2880, 5760)]
    assert [encoder.encode(said[at : at + 2880]) for at in (0, 2880, 5760)] != first
    encoder.reset()
    assert [encoder.encode(said[at : at + 2880]) for at in (0, 2880, 5760)] == first


def test_a_reset_decoder_begins_a_new_stream(backend: str) -> None:
    said = glide(24_000).tobytes()
    packets = [OpusEncoder(24_000).encode(said[:2880]), b""]
    decoder = OpusDecoder(16_000)
    first = [decoder.decode(packet) for packet in packets]
    assert [decoder.decode(packet) for packet in packets] != first
    decoder.reset()
    assert [decoder.decode(packet) for packet in packets] == first


def test_one_decoder_does_not_hear_another(backend: str) -> None:
    said = glide(16_000).tobytes()
    packet = OpusEncoder(16_000).encode(said[:1920])
    alone, one, other = OpusDecoder(), OpusDecoder(), OpusDecoder()
    heard = [alone.decode(packet), alone.decode(packet)]
    assert [one.decode(packet), other.decode(packet)] == [heard[0], heard[0]]
    assert one.decode(packet) == heard[1]


def test_silence_takes_few_bytes(backend: str) -> None:
    encoder = OpusEncoder(24_000)
    loud = max(len(encoder.encode(glide(24_000).tobytes()[:2880])) for _ in range(4))
    quiet = [len(encoder.encode(bytes(2880))) for _ in range(6)][-1]
    assert quiet < loud / 4


@pytest.mark.parametrize("length", [0, 2, 2879, 2881, 5760])
def test_a_frame_of_another_length_is_refused(backend: str, length: int) -> None:
    with pytest.raises(OpusError, match="2880 bytes"):
        OpusEncoder(24_000).encode(bytes(length))


@pytest.mark.parametrize(("sample_rate_hz", "frame_ms"), [(44_100, 60), (24_000, 30), (0, 20), (24_000, 0)])
def test_shapes_that_opus_does_not_have_are_refused(sample_rate_hz: int, frame_ms: int) -> None:
    with pytest.raises(OpusError):
        OpusEncoder(sample_rate_hz, frame_ms)


def test_the_duration_is_read_from_the_header() -> None:
    cases = json.loads((VECTORS / "opus_toc.json").read_text())["cases"]
    assert cases
    for case in cases:
        assert packet_duration_ms(bytes.fromhex(case["first_bytes_hex"])) == case["packet_ms"]


def test_the_duration_agrees_with_the_encoder(backend: str) -> None:
    for frame_ms in FRAME_LENGTHS_MS:
        encoder = OpusEncoder(48_000, frame_ms)
        assert packet_duration_ms(encoder.encode(bytes(encoder.frame_bytes))) == frame_ms


@pytest.mark.parametrize("packet", [b"", b"\x4b", b"\x4b\x00", b"\x5b\x03", b"\xfb\x3f"])
def test_a_header_that_is_not_opus_has_no_duration(packet: bytes) -> None:
    with pytest.raises(OpusError):
        packet_duration_ms(packet)


def test_a_machine_without_opus_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_OPUS", "sytem")
    with pytest.raises(OpusUnavailable, match="system, pyav or empty"):
        OpusEncoder(24_000)
