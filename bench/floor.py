"""The native floor: what Opus and Silero alone cost on this CPU for the same sound. No server can be under it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import numpy as np
import onnxruntime

from bench.stubs import SPEECH_RATE_HZ, VOWEL
from bench.utterance import Utterance
from contracts.audio import HEARING_RATE_HZ
from sound.opus import OpusDecoder, OpusEncoder

ROUNDS = 3
SILERO_WINDOW_SAMPLES = 512
SILERO_CONTEXT_SAMPLES = 64
DOWNLINK_COMPLEXITY = 5
_SILERO = ("silero-vad", "silero_vad/data/silero_vad.onnx")


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
        weights = importlib.metadata.distribution(_SILERO[0]).locate_file(_SILERO[1])
    except importlib.metadata.PackageNotFoundError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    samples = np.frombuffer(spoken.pcm.data, "<i2").astype(np.float32) / 32768
    return _best_ms(lambda: _listen(session, samples), len(spoken.packets))


def _listen(session: onnxruntime.InferenceSession, samples: np.ndarray) -> None:
    state = np.zeros((2, 1, 128), np.float32)
    rate = np.array(HEARING_RATE_HZ, np.int64)
    window = np.zeros((1, SILERO_CONTEXT_SAMPLES + SILERO_WINDOW_SAMPLES), np.float32)
    for begin in range(0, len(samples) - SILERO_WINDOW_SAMPLES + 1, SILERO_WINDOW_SAMPLES):
        window[0, :SILERO_CONTEXT_SAMPLES] = window[0, -SILERO_CONTEXT_SAMPLES:]
        window[0, SILERO_CONTEXT_SAMPLES:] = samples[begin : begin + SILERO_WINDOW_SAMPLES]
        _, state = session.run(None, {"input": window, "state": state, "sr": rate})
