"""Any sound file becomes mono PCM, whatever its kind says it is called; what is none is a sentence."""

from __future__ import annotations

import io
import sys

import av
import numpy as np
import pytest
import soundfile

from fakes.recordings import KINDS, RATE_HZ, recording
from sound.decode import MAX_CHANNELS, decode
from sound.errors import DecoderMissing, SoundTooLong, UnreadableSound

TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.float32)


def loudest_hz(data: bytes) -> float:
    middle = np.frombuffer(data, "<i2")[RATE_HZ // 2 : RATE_HZ * 3 // 2]
    return float(np.argmax(np.abs(np.fft.rfft(middle)))) * RATE_HZ / len(middle)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_by_its_content(kind: str) -> None:
    pcm = decode(recording(TONE, kind), max_s=10)
    assert pcm.sample_rate_hz == RATE_HZ
    assert pcm.duration_ms == pytest.approx(2000, abs=120)  # some codecs add a lead-in
    assert loudest_hz(pcm.data) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000, 96_000])
def test_other_rates_and_channels_are_brought_to_ours(rate_hz: int) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * rate_hz) / rate_hz)
    pcm = decode(recording(np.stack([tone, tone], axis=1).astype(np.float32), "wav", rate_hz), max_s=10)
    assert pcm.duration_ms == pytest.approx(2000, abs=5)
    assert loudest_hz(pcm.data) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("kind", KINDS)
def test_more_sound_than_wanted_is_refused_while_it_is_read(kind: str) -> None:
    with pytest.raises(SoundTooLong, match=r"1\.5 s"):
        decode(recording(TONE, kind), max_s=1.5)


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_file_is_its_first_half_or_a_sentence(kind: str) -> None:
    whole = recording(TONE, kind)
    try:
        assert decode(whole[: len(whole) // 2], max_s=10).duration_ms <= 2100
    except UnreadableSound as error:
        assert "cannot be read" in str(error)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", bytes(1000), b"RIFF", b"\x1a\x45\xdf\xa3junk", b"\0\0\0\x20ftypM4A ", b"OggS" + bytes(99)],
)
def test_what_is_no_sound_is_a_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableSound, match=r"wav, mp3, ogg, flac, m4a, webm"):
        decode(content, max_s=10)


def test_samples_that_are_no_numbers_are_silence() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.full(RATE_HZ, np.nan), RATE_HZ, format="WAV", subtype="FLOAT")
    assert not np.frombuffer(decode(file.getvalue(), max_s=10).data, "<i2").any()


def test_a_film_without_sound_and_too_many_channels_are_sentences() -> None:
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode(None))
    with pytest.raises(UnreadableSound, match="no sound"):
        decode(sink.getvalue(), max_s=10)
    wide = io.BytesIO()
    soundfile.write(wide, np.zeros((100, MAX_CHANNELS + 1)), RATE_HZ, format="WAV")
    with pytest.raises(UnreadableSound, match="9 channels"):
        decode(wide.getvalue(), max_s=10)


@pytest.mark.parametrize("kind", ["m4a", "webm"])
def test_without_pyav_the_sentence_says_what_to_install(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = recording(TONE, kind)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DecoderMissing, match=r"zhiyin\[pyav\]"):
        decode(content, max_s=10)
    assert decode(recording(TONE, "ogg-opus"), max_s=10).data
