"""Silero on onnxruntime: how likely each 32 ms of sound is speech. No torch, one thread, no executor hop.

The package's `16k_sequence` file takes every window of a packet in one call and gives the same numbers as the
original; onnxruntime's fixed cost per call is as large as the work on one window, so this is the cheapest of its files
for 60 ms packets (docs/performance.md). The `half` file differs by up to 0.4 in probability and is no faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from asr_server.voicing import WINDOW_SAMPLES
from contracts.errors import EngineUnavailable

CONTEXT_SAMPLES = 64

_WEIGHTS = "silero_vad_16k_sequence.onnx"
_STATE_SHAPE = (2, 1, 1, 128)  # hidden and cell
_FULL_SCALE = np.float32(1 / 32768)
_QUIET_PEAK = 8  # of 32768, -72 dBFS: far below any microphone's own noise, so only muted or DTX sound
_QUIET_PROBABILITY = 0.1
_SETTLING_WINDOWS = 6
_MOST_IN_A_PACKET = 4

Floats = NDArray[np.float32]
Samples = NDArray[np.int16]


class SileroModel:
    """The network and its weights, shared by all sessions of a process; it keeps nothing of any of them."""

    def __init__(self, weights: Path | None = None) -> None:
        """Loads in about 10 ms. Raises EngineUnavailable."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Decaying sound would otherwise run into denormal numbers, which cost several times more. It holds for all
        # arithmetic of the thread that loads the model: nothing of ours needs numbers below 1e-38.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        path = weights or silero_weights()
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no nearer public base
            raise EngineUnavailable(f"Silero's weights at {path} cannot be loaded: {error}", engine="silero") from error
        self._free: list[list[_Binding]] = [[] for _ in range(_MOST_IN_A_PACKET + 1)]

    def run(self, samples: Samples, memory: Memory) -> list[float]:
        """Probabilities of windows [n, 512] that follow in order upon those that `memory` is of; it goes on from here.

        Any thread may call it, with a memory of its own.
        """
        count = len(samples)
        if count > _MOST_IN_A_PACKET:
            return _Binding(self._session, count).run(samples, memory)
        free = self._free[count]  # without the one that another thread uses just now
        binding = free.pop() if free else _Binding(self._session, count)
        probabilities = binding.run(samples, memory)
        free.append(binding)
        return probabilities


@dataclass(slots=True, eq=False)
class Memory:
    """What a stream of sound leaves behind for its next window: its last samples, and the network's state."""

    context: Floats = field(default_factory=lambda: np.zeros(CONTEXT_SAMPLES, np.float32))
    state: Floats = field(default_factory=lambda: np.zeros(_STATE_SHAPE, np.float32))


class _Binding:
    """Arrays that stay: new ones for each call cost onnxruntime a tenth of its work on a packet, and numpy as much."""

    def __init__(self, session: onnxruntime.InferenceSession, count: int) -> None:
        self._session = session
        windows: Floats = np.zeros((count, CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._sound = windows[:, CONTEXT_SAMPLES:]
        self._context = windows[0, :CONTEXT_SAMPLES]
        self._later_contexts = windows[1:, :CONTEXT_SAMPLES]
        self._earlier_ends = windows[:-1, WINDOW_SAMPLES:]
        self._end = windows[-1, WINDOW_SAMPLES:]
        self._before: Floats = np.zeros(_STATE_SHAPE, np.float32)
        self._after: Floats = np.zeros(_STATE_SHAPE, np.float32)
        self._probabilities: Floats = np.zeros(count, np.float32)
        self._bound = session.io_binding()
        for name, array in (("input", windows), ("h", self._before[0]), ("c", self._before[1])):
            self._bound.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in (("speech_probs", self._probabilities), ("hn", self._after[0]), ("cn", self._after[1])):
            self._bound.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def run(self, samples: Samples, memory: Memory) -> list[float]:
        np.multiply(samples, _FULL_SCALE, out=self._sound)
        self._context[:] = memory.context
        self._later_contexts[:] = self._earlier_ends
        self._before[:] = memory.state
        self._session.run_with_iobinding(self._bound)
        memory.context = self._end.copy()
        memory.state = self._after.copy()
        probabilities: list[float] = self._probabilities.tolist()
        return probabilities


class VoiceActivity:
    """One session's stream of sound through the shared model.

    Sound that stays at (near) digital silence, as DTX gives, is not run through the model: once the model itself has
    called `_SETTLING_WINDOWS` such windows silence in a row, the last probability is repeated and the state is left
    where it is. That saves the CPU of a quiet room, and it hears better: fed with zeros, the network's cell state
    drifts for seconds (27 times its usual size after four) and the next word is noticed one or two windows later. The
    first louder window runs again, with its true context.
    """

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Forget all sound; the next sample begins the first window."""
        self._memory = Memory()
        self._rest = b""
        self._settled = 0
        self._last = 0.0

    def push(self, pcm: bytes) -> list[float]:
        """Takes s16le at 16 kHz; gives one probability (0-1) for each window that it completes."""
        sound = self._rest + pcm
        count = len(sound) // (2 * WINDOW_SAMPLES)
        used = count * 2 * WINDOW_SAMPLES
        self._rest = sound[used:]
        if count == 0:
            return []
        samples = np.frombuffer(sound, "<i2", count * WINDOW_SAMPLES).reshape(count, WINDOW_SAMPLES)
        if self._settled >= _SETTLING_WINDOWS and _is_quiet(samples):
            self._memory.context = samples[-1, -CONTEXT_SAMPLES:] * _FULL_SCALE
            return [self._last] * count
        probabilities = self._model.run(samples, self._memory)
        self._last = probabilities[-1]
        settling = max(probabilities) < _QUIET_PROBABILITY and _is_quiet(samples)
        self._settled = self._settled + count if settling else 0
        return probabilities


def _is_quiet(samples: Samples) -> bool:
    return bool(samples.max() <= _QUIET_PEAK and samples.min() >= -_QUIET_PEAK)


def silero_weights() -> Path:
    """Where the installed silero_vad package keeps its weights; the package itself needs torch and is not imported."""
    try:
        listed = files("silero-vad") or []
    except PackageNotFoundError:
        listed = []
    for file in listed:
        if file.name == _WEIGHTS:
            return Path(str(file.locate()))
    raise EngineUnavailable(
        f"Silero's weights ({_WEIGHTS}) are not installed: run `make setup`, or `pip install --no-deps silero-vad`.",
        engine="silero",
    )
