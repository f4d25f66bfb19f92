"""Sound files of every kind that a caller may send, made at test time."""

from __future__ import annotations

import io

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 16_000
_LIBSNDFILE = {"wav": ("WAV", "PCM_16"), "mp3": ("MP3", None), "flac": ("FLAC", None), "ogg": ("OGG", "VORBIS")}
_PYAV = {"m4a": ("mp4", "aac", 16_000), "webm": ("webm", "libopus", 48_000)}

KINDS = (*_LIBSNDFILE, "ogg-opus", *_PYAV)


def recording(samples: NDArray[np.float32], kind: str, rate_hz: int = RATE_HZ) -> bytes:
    """`samples` (full scale 1.0; [n] or [n, channels]) as a whole file."""
    if kind in _PYAV:
        return _by_pyav(samples, kind, rate_hz)
    container, subtype = ("OGG", "OPUS") if kind == "ogg-opus" else _LIBSNDFILE[kind]
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=container, subtype=subtype)
    return file.getvalue()


def _by_pyav(samples: NDArray[np.float32], kind: str, rate_hz: int) -> bytes:
    container, codec, codec_hz = _PYAV[kind]
    sink = io.BytesIO()
    with av.open(sink, "w", format=container) as file:
        stream = file.add_stream(codec, rate=codec_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype("<i2")[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(
            stream.codec_context.format, "mono", codec_hz, stream.codec_context.frame_size or 960
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return sink.getvalue()
