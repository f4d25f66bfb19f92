"""This machine's microphone and loudspeaker as a board's, by the `sounddevice` package where it is installed."""

from __future__ import annotations

import importlib
from collections import deque
from types import TracebackType
from typing import Any

from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, Pcm
from toy.errors import NoMicrophone
from toy.microphone import FRAME_BYTES, UPLINK, Captured, uplink_encoder
from toy.voice import end_of_voice

MIC_QUEUE_FRAMES = 40
"""As on a board: when the network is slow the oldest sound is dropped."""

SPEAKER_QUEUE_S = 10
"""More than this unplayed and the oldest sound is dropped: the sound card has stopped asking."""


class LiveMicrophone:
    """A Source that hears the room. `with LiveMicrophone() as microphone`. Raises NoMicrophone."""

    def __init__(self) -> None:
        self._encoder = uplink_encoder()
        self._frames: deque[bytes] = deque(maxlen=MIC_QUEUE_FRAMES)
        self._stream: Any = None

    def __enter__(self) -> LiveMicrophone:
        sounddevice = _sounddevice()
        try:
            self._stream = sounddevice.RawInputStream(
                samplerate=HEARING_RATE_HZ,
                channels=1,
                dtype="int16",
                blocksize=UPLINK.frame_samples,
                callback=lambda data, *_: self._frames.append(bytes(data)),
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise NoMicrophone(f"This machine's microphone cannot be opened: {error}.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    @property
    def speaking(self) -> bool:
        return False

    def say(self, pcm: Pcm) -> None:
        """A live microphone hears what people say; recordings go to `Microphone`."""
        raise NoMicrophone("A recording cannot be said into the live microphone.")

    def hush(self) -> None:
        self._frames.clear()

    def next_frame(self) -> Captured:
        data = self._frames.popleft() if self._frames else bytes(FRAME_BYTES)
        end = end_of_voice(Pcm(data, HEARING_RATE_HZ))
        voice_ends_s = None if end is None else min(end, len(data) // BYTES_PER_SAMPLE) / HEARING_RATE_HZ
        return Captured(self._encoder.encode(data), voice_ends_s)


class LiveLoudspeaker:
    """Plays the reply as it comes: call it with s16le pieces and their rate. The first piece opens the sound card."""

    def __init__(self) -> None:
        self._sounddevice = _sounddevice()
        self._pending = bytearray()
        self._stream: Any = None

    def __call__(self, pcm: bytes, sample_rate_hz: int) -> None:
        self._pending += pcm
        limit = SPEAKER_QUEUE_S * sample_rate_hz * BYTES_PER_SAMPLE
        del self._pending[: max(0, len(self._pending) - limit)]
        if self._stream is None:
            self._stream = self._sounddevice.RawOutputStream(
                samplerate=sample_rate_hz, channels=1, dtype="int16", callback=self._fill
            )
            self._stream.start()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _fill(self, out: Any, frames: int, *_: Any) -> None:
        wanted = frames * BYTES_PER_SAMPLE
        piece = bytes(self._pending[:wanted])
        del self._pending[:wanted]
        out[:] = piece.ljust(wanted, b"\0")


def _sounddevice() -> Any:
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise NoMicrophone("--mic needs the sounddevice package: pip install 'zhiyin[mic]'.") from error
    except OSError as error:
        raise NoMicrophone(f"--mic needs PortAudio (Debian, Ubuntu: apt install libportaudio2): {error}.") from error
