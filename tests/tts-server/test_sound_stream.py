"""What speech servers really send."""

import pytest

from contracts.audio import Pcm
from contracts.errors import EngineFailed
from fakes.speech_server import streamed_wav_header, tone
from sound.wav import wav_bytes
from tts_server.engines.sound_stream import SoundStream

SAID = tone(50)
WAV = wav_bytes(Pcm(SAID, 16_000))


def heard(content_type: str, body: bytes, piece_bytes: int = 100_000) -> tuple[bytes, int]:
    stream = SoundStream(content_type, "openai")
    pcm = b"".join(stream.push(body[at : at + piece_bytes]) for at in range(0, len(body), piece_bytes))
    stream.finish()
    return pcm, stream.sample_rate_hz


@pytest.mark.parametrize("piece_bytes", [1, 3, 480, 100_000])
@pytest.mark.parametrize(
    ("content_type", "body", "rate_hz"),
    [
        ("audio/pcm", SAID, 24_000),
        ("audio/pcm;rate=16000", SAID, 16_000),
        ("audio/L16; rate=22050; channels=1", SAID, 22_050),
        ('Audio/PCM; Rate="8000"', SAID, 8_000),
        ("application/octet-stream", SAID, 24_000),
        ("", SAID, 24_000),
        ("audio/wav", WAV, 16_000),
        ("audio/x-wav", WAV, 16_000),
        ("audio/pcm", WAV, 16_000),
        ("application/octet-stream", WAV, 16_000),
        ("audio/wav", streamed_wav_header(24_000) + SAID, 24_000),
        ("audio/mpeg", WAV, 16_000),
    ],
)
def test_pcm_and_wav_are_taken_whatever_they_are_called(
    content_type: str, body: bytes, rate_hz: int, piece_bytes: int
) -> None:
    assert heard(content_type, body, piece_bytes) == (SAID, rate_hz)


def test_half_a_sample_at_the_end_is_dropped() -> None:
    assert heard("audio/pcm", SAID + b"x")[0] == SAID
    assert heard("audio/wav", streamed_wav_header(24_000) + SAID + b"x")[0] == SAID


@pytest.mark.parametrize("content_type", ["application/json", "text/html; charset=utf-8", "text/plain", "text/xml"])
def test_text_by_its_type_is_no_sound(content_type: str) -> None:
    with pytest.raises(EngineFailed, match="instead of sound"):
        SoundStream(content_type, "openai")


@pytest.mark.parametrize("body", [b'{"error": "no"}', b"<!doctype html>", b"<html>", b'[{"error": 1}]'])
@pytest.mark.parametrize("content_type", ["", "application/octet-stream"])
def test_text_by_its_looks_is_no_sound(content_type: str, body: bytes) -> None:
    with pytest.raises(EngineFailed, match="instead of sound"):
        heard(content_type, body, 1)


@pytest.mark.parametrize(
    ("content_type", "body", "what"),
    [
        ("audio/mpeg", b"ID3\x04" + bytes(100), "MP3"),
        ("audio/mpeg", b"\xff\xfe" + bytes(100), "audio/mpeg"),
        ("audio/ogg", b"OggS" + bytes(100), "Ogg"),
        ("application/octet-stream", b"fLaC" + bytes(100), "FLAC"),
        ("audio/wav", bytes(100), "did not"),
        ("audio/wav", WAV[:30], "broken wav"),
        ("audio/wav", b"RIFF\0\0\0\0AVI " + bytes(100), "cannot be used"),
        ("audio/pcm", b"", "no sound"),
        ("audio/pcm", b"x", "no sound"),
    ],
)
def test_other_sound_is_refused_by_its_name(content_type: str, body: bytes, what: str) -> None:
    with pytest.raises(EngineFailed, match=what):
        heard(content_type, body)
