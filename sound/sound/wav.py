"""Sound files: read any, write wav, and take a wav that arrives in pieces."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile

from contracts.audio import BYTES_PER_SAMPLE, Pcm
from sound.errors import UnreadableSound
from sound.wav_parser import WavParser

__all__ = ["UnreadableSound", "WavParser", "WavWriter", "read_sound", "wav_bytes"]


def read_sound(source: str | Path | bytes) -> Pcm:
    """A wav, flac or ogg file, or its content, mixed down to mono s16le at its own rate. Raises UnreadableSound."""
    try:
        samples, sample_rate_hz = soundfile.read(
            io.BytesIO(source) if isinstance(source, bytes) else source, dtype="float32", always_2d=True
        )
    except (soundfile.LibsndfileError, OSError) as error:
        name = "the sound" if isinstance(source, bytes) else str(source)
        raise UnreadableSound(f"{name} cannot be read as wav, flac or ogg: {error}") from error
    mono = np.rint(samples.mean(axis=1) * 32768)
    return Pcm(np.clip(mono, -32768, 32767).astype("<i2").tobytes(), int(sample_rate_hz))


def wav_bytes(pcm: Pcm) -> bytes:
    """A whole wav file of this sound."""
    length = len(pcm.data)
    rate = pcm.sample_rate_hz
    header = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + length, b"WAVEfmt ", 16, 1, 1, rate,
                         rate * BYTES_PER_SAMPLE, BYTES_PER_SAMPLE, 16, b"data", length)  # fmt: skip
    return header + pcm.data


class WavWriter:
    """Writes a mono s16le wav file as the sound comes; the header is right once it is closed."""

    def __init__(self, path: str | Path, sample_rate_hz: int) -> None:
        # Opened here: a wave writer whose file could not be opened raises a second time when it is collected.
        self._sink = Path(path).open("wb")  # noqa: SIM115 - closed by close(), as this object is a context manager
        self._file = wave.open(self._sink, "wb")  # noqa: SIM115 - as above
        self._file.setnchannels(1)
        self._file.setsampwidth(BYTES_PER_SAMPLE)
        self._file.setframerate(sample_rate_hz)

    def write(self, pcm: bytes) -> None:
        """More mono s16le."""
        self._file.writeframesraw(pcm)

    def close(self) -> None:
        with self._sink:
            self._file.close()

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
