"""Turn models: does the sound itself say that the speaker has finished? A port, and onnx files of Smart Turn's shape.

Smart Turn 3 (github.com/pipecat-ai/smart-turn): `input_features` float32 [1, 80, 800], the log-mel features of the last
eight seconds with silence in front; one number comes back, the probability that the turn is over.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime

from asr_server.completeness import Completeness
from asr_server.log_mel import BANDS, log_mel
from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ
from contracts.errors import EngineUnavailable

log = logging.getLogger(__name__)

SOUND_S = 8
SOUND_BYTES = SOUND_S * HEARING_RATE_HZ * BYTES_PER_SAMPLE
"""As much as a model looks at."""

SURELY_FINISHED, SURELY_GOING_ON = 0.85, 0.15
MOST_WAITING = 8
"""Pauses of all sessions in line for the model; a further one goes without its opinion."""

_FRAMES = SOUND_S * 100


class TurnModel(Protocol):
    """Judges the end of what was said."""

    async def finished(self, pcm: bytes) -> float | None:
        """Probability that the turn is over after this s16le at 16 kHz; None without an opinion (busy, broken)."""


def with_sound(text: Completeness, finished: float | None) -> Completeness:
    """A sure model moves the text's verdict by one step. It neither replaces words nor overrules "wait"."""
    if text is Completeness.HELD or finished is None:
        return text
    steps = (Completeness.UNFINISHED, Completeness.UNSURE, Completeness.COMPLETE)
    step = (finished >= SURELY_FINISHED) - (finished <= SURELY_GOING_ON)
    return steps[min(max(steps.index(text) + step, 0), len(steps) - 1)]


class OnnxTurnModel:
    """An onnx file, run in one thread of its own, one pause after another; it keeps nothing of any session."""

    def __init__(self, path: Path) -> None:
        """Raises EngineUnavailable for a file that is not there or is no such model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self._input = self._session.get_inputs()[0].name
            self._run(bytes(2))
        except Exception as error:  # onnxruntime's own exceptions share no nearer public base
            raise EngineUnavailable(
                f"ZHIYIN_TURN_MODEL: {path} is no turn model (features [1, 80, 800] in, one probability out): {error}",
                engine="turn_model",
            ) from error
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="turn-model")
        self._waiting = 0
        self._broken = False

    async def finished(self, pcm: bytes) -> float | None:
        """About 25 ms in the thread for the features, besides the model's own work."""
        if self._broken or self._waiting >= MOST_WAITING:
            return None
        self._waiting += 1
        work = self._thread.submit(self._run, pcm)
        work.add_done_callback(lambda _: self._served())
        try:
            return await asyncio.wrap_future(work)
        except Exception as error:  # whatever a stranger's file raises: the text alone decides from here on
            self._broken = True
            log.error("the turn model failed and is not asked again", extra={"error": type(error).__name__})
            return None

    def _served(self) -> None:
        self._waiting -= 1

    def _run(self, pcm: bytes) -> float:
        heard = np.frombuffer(pcm[-SOUND_BYTES:], "<i2").astype(np.float32) / 32768
        sound = np.zeros(SOUND_S * HEARING_RATE_HZ, np.float32)
        sound[len(sound) - len(heard) :] = heard
        features = log_mel(sound).reshape(1, BANDS, _FRAMES)
        (probability, *_) = self._session.run(None, {self._input: features})
        return float(np.asarray(probability).reshape(()))
