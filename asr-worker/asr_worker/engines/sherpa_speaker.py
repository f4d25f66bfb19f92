"""Voiceprints: who spoke, as numbers, by a speaker embedding model (CAM++) on sherpa-onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import sherpa_onnx
from numpy.typing import NDArray

from contracts.model_files import unusable

MIN_SPEECH_MS = 500
"""Less speech than this says too little about its speaker."""

_METADATA = ("output_dim", "sample_rate", "normalize_samples", "language", "framework")
_FRAMEWORKS = ("wespeaker", "3d-speaker")


class SpeakerEncoder:
    """For one thread. Raises EngineUnavailable for a file it cannot use."""

    def __init__(self, model: Path) -> None:
        _check(model)
        self.name = model.stem
        config = sherpa_onnx.SpeakerEmbeddingExtractorConfig(model=str(model), num_threads=1)
        self._extractor: Any = sherpa_onnx.SpeakerEmbeddingExtractor(config)

    def encode(self, samples: NDArray[np.float32], sample_rate_hz: int) -> bytes | None:
        """A vector of length 1 as raw float32; None for too little speech. `samples` are full scale 1.0."""
        if len(samples) * 1000 < MIN_SPEECH_MS * sample_rate_hz:
            return None
        stream = self._extractor.create_stream()
        stream.accept_waveform(sample_rate_hz, samples)
        stream.input_finished()
        if not self._extractor.is_ready(stream):
            return None
        vector = np.asarray(self._extractor.compute(stream), np.float32)
        length = float(np.linalg.norm(vector))
        return (vector / length).astype("<f4").tobytes() if length > 0 else None


def _check(model: Path) -> None:
    """sherpa-onnx would end the process over these."""
    try:
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base but this
        raise unusable(model.parent, f"{model.name} is damaged or not all there", "sherpa") from error
    told = session.get_modelmeta().custom_metadata_map
    if any(name not in told for name in _METADATA) or told["framework"] not in _FRAMEWORKS:
        raise unusable(model.parent, f"{model.name} is no speaker model exported for sherpa-onnx", "sherpa")
