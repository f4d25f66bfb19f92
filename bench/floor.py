"""The native floor: what Opus and Silero alone cost on this CPU for the same sound. No server can be under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray

from asr_server.voice_activity import Memory, SileroModel
from asr_server.voicing import WINDOW_SAMPLES
from bench.stubs import SPEECH_RATE_HZ, VOWEL
from bench.utterance import Utterance
from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ
from contracts.errors import EngineUnavailable
from sound.opus import OpusDecoder, OpusEncoder

ROUNDS = 3
DOWNLINK_COMPLEXITY = 4


@dataclass(frozen=True, slots=True)
class Floor:
    """CPU of one 60 ms frame, milliseconds. `silero_ms` is None where its weights are not installed."""

    decode_ms: float
    silero_ms: float | None
    encode_ms: float

    def per_device_second_ms(self, frames_up: int, frames_down: int, device_seconds: float) -> float:
        """The floor of a load that moved so many frames."""
        up_ms = self.decode_ms + (self.silero_ms or 0.0)
        return (frames_up * up_ms + frames_down * self.encode_ms) / device_seconds


def measure(spoken: Utterance) -> Floor:
    """The best of three passes over the utterance and over as much of the stub's speech."""
    return Floor(
        _best_ms(lambda: _decode(spoken), len(spoken.packets)),
        _silero_ms(spoken),
        _best_ms(lambda: _encode(len(spoken.packets)), len(spoken.packets)),
    )


def _best_ms(work: Callable[[], None], frames: int) -> float:
    """CPU milliseconds per frame of the fastest round."""
    best_s = float("inf")
    for _ in range(ROUNDS):
        began_s = process_time()
        work()
        best_s = min(best_s, process_time() - began_s)
    return best_s * 1000 / frames


def _decode(spoken: Utterance) -> None:
    decoder = OpusDecoder(HEARING_RATE_HZ)
    for packet in spoken.packets:
        decoder.decode(packet)


def _encode(frames: int) -> None:
    encoder = OpusEncoder(SPEECH_RATE_HZ, 60, complexity=DOWNLINK_COMPLEXITY)
    for index in range(frames):
        begin = index * encoder.frame_bytes % (len(VOWEL) - encoder.frame_bytes)
        encoder.encode(VOWEL[begin : begin + encoder.frame_bytes])


def _silero_ms(spoken: Utterance) -> float | None:
    try:
        model = SileroModel()
    except EngineUnavailable:
        return None
    count = len(spoken.pcm.data) // BYTES_PER_SAMPLE // WINDOW_SAMPLES
    windows = np.frombuffer(spoken.pcm.data, "<i2", count * WINDOW_SAMPLES).reshape(count, WINDOW_SAMPLES)
    return _best_ms(lambda: _listen(model, windows), len(spoken.packets))


def _listen(model: SileroModel, windows: NDArray[np.int16]) -> None:
    """All windows of the sound, two per call as a 60 ms packet gives them."""
    memory = Memory()
    for begin in range(0, len(windows), 2):
        model.run(windows[begin : begin + 2], memory)
