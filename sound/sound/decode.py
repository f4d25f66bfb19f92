"""Any sound file to PCM: wav, flac, ogg (Opus, Vorbis) and mp3 by libsndfile; m4a and webm by PyAV, where it is.

The content says what a file is, never its name. Blocks: call it in a thread.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile

from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, Pcm
from sound.errors import DecoderMissing, SoundTooLong, UnreadableSound
from sound.resample import Resampler

FORMATS = ("wav", "mp3", "ogg", "flac", "m4a", "webm")

MAX_CHANNELS = 8
RATES_HZ = range(4_000, 192_001)
_BLOCK_FRAMES = 65_536
_MP4_BRAND = slice(4, 8)
_EBML = b"\x1a\x45\xdf\xa3"


def decode(content: bytes, *, max_s: float, sample_rate_hz: int = HEARING_RATE_HZ) -> Pcm:
    """The first sound of a file, mixed down to mono at `sample_rate_hz`.

    Raises UnreadableSound, SoundTooLong, and DecoderMissing, whose message says what to install.
    """
    max_bytes = int(max_s * sample_rate_hz) * BYTES_PER_SAMPLE
    container = _container(content)
    pieces = _by_pyav(content, container, sample_rate_hz) if container else _by_libsndfile(content, sample_rate_hz)
    pcm = bytearray()
    for piece in pieces:
        pcm += piece
        if len(pcm) > max_bytes:
            raise SoundTooLong(f"The sound is longer than {max_s:g} s.")
    return Pcm(bytes(pcm), sample_rate_hz)


def _container(content: bytes) -> str:
    """FFmpeg's name of what PyAV must read, "" for the rest."""
    if content[_MP4_BRAND] == b"ftyp":
        return "mp4"
    return "matroska" if content.startswith(_EBML) else ""


def _by_libsndfile(content: bytes, sample_rate_hz: int) -> Iterator[bytes]:
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            if file.channels > MAX_CHANNELS or file.samplerate not in RATES_HZ:
                raise UnreadableSound(
                    f"The sound has {file.channels} channels at {file.samplerate} Hz; {MAX_CHANNELS} channels and "
                    f"{RATES_HZ[0]} to {RATES_HZ[-1]} Hz can be read."
                )
            resampler = Resampler(file.samplerate, sample_rate_hz)
            for block in file.blocks(_BLOCK_FRAMES, dtype="float32", always_2d=True):
                loud = np.nan_to_num(block).clip(-1, 1).mean(axis=1)  # floats in a file may be no numbers, or huge
                mono = np.clip(np.rint(loud * 32768), -32768, 32767).astype("<i2")
                yield resampler.push(mono.tobytes())
            yield resampler.flush()
    except (soundfile.LibsndfileError, OSError) as error:
        raise UnreadableSound(f"The file cannot be read as {', '.join(FORMATS)}.") from error


def _by_pyav(content: bytes, container: str, sample_rate_hz: int) -> Iterator[bytes]:
    av = _pyav()
    try:
        # FFmpeg may not guess: some of its formats are lists of other files to open.
        with av.open(io.BytesIO(content), format=container) as file:
            if not file.streams.audio:
                raise UnreadableSound("The file has no sound in it.")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=sample_rate_hz)
            for frame in file.decode(file.streams.audio[0]):
                yield from map(_samples, resampler.resample(frame))
            yield from map(_samples, resampler.resample(None))
    except av.FFmpegError as error:
        raise UnreadableSound(f"The file cannot be read as {', '.join(FORMATS)}.") from error


def _samples(frame: Any) -> bytes:
    samples: bytes = frame.to_ndarray().astype("<i2").tobytes()
    return samples


def _pyav() -> Any:
    try:
        import av  # big, and only these two formats need it
    except ImportError:
        raise DecoderMissing(
            "m4a and webm need PyAV on the server: pip install 'zhiyin[pyav]'. wav, mp3, ogg and flac do not."
        ) from None
    return av
