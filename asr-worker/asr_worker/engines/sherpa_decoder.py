"""sherpa-onnx inside the worker process: whole utterances to text, with language, feeling and voiceprint."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sherpa_onnx
from numpy.typing import NDArray

from asr_worker.engines.sherpa_files import RecogniserFiles, recogniser_files, speaker_model
from asr_worker.engines.sherpa_speaker import SpeakerEncoder
from contracts.audio import BYTES_PER_SAMPLE
from contracts.errors import EngineError, EngineUnavailable
from contracts.model_files import REFUSED, models_dir
from contracts.transcription import Transcript, Voiceprint

THREADS = 2

MIN_SPEECH_MS = 120
"""Less than one low-rate frame: SenseVoice would read behind the end of it."""

log = logging.getLogger(__name__)


class SherpaDecoder:
    """Loads what lies in the models folder. For one thread. Raises EngineUnavailable."""

    def __init__(self, models: Path | None = None) -> None:
        models = models or models_dir()
        files = recogniser_files(models)
        if files is None:
            raise EngineUnavailable(f"There is no recogniser in {models}: see docs/engines.md.", engine="sherpa")
        self._recogniser: Any = _loaded(files)
        self._speakers = _speakers(models)

    def decode(self, pcm: bytes, sample_rate_hz: int, language: str, cancelled: Callable[[], bool]) -> Transcript:
        """The model finds the language itself; `language` is a hint it cannot take after loading."""
        samples = _samples(pcm)
        if len(samples) * 1000 < MIN_SPEECH_MS * sample_rate_hz or cancelled():
            return Transcript("")
        stream = self._recogniser.create_stream()
        stream.accept_waveform(sample_rate_hz, samples)
        self._recogniser.decode_stream(stream)
        heard = stream.result
        text = heard.text.strip()
        if not any(char.isalnum() for char in text):
            return Transcript("")
        voiceprint = None
        if self._speakers is not None and not cancelled():
            voiceprint = self._speakers.encode(samples, sample_rate_hz)
        return Transcript(text, language=_tag(heard.lang), emotion=_emotion(heard.emotion), voiceprint=voiceprint)

    def voiceprint(self, pcm: bytes, sample_rate_hz: int) -> Voiceprint | None:
        """None for too little speech. Raises EngineUnavailable without a speaker model."""
        if self._speakers is None:
            raise EngineUnavailable("There is no speaker model here: see docs/engines.md.", engine="sherpa")
        vector = self._speakers.encode(_samples(pcm), sample_rate_hz)
        return None if vector is None else Voiceprint(vector, self._speakers.name)


def _samples(pcm: bytes) -> NDArray[np.float32]:
    """s16le as full scale 1.0."""
    whole = np.frombuffer(pcm[: len(pcm) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE], "<i2")
    return whole.astype(np.float32) / np.float32(32768)


def _loaded(files: RecogniserFiles) -> Any:
    kinds = sherpa_onnx.OfflineRecognizer
    model, tokens = str(files.model), str(files.tokens)
    if files.kind == "Whisper":
        return kinds.from_whisper(model, str(files.decoder), tokens, language="", num_threads=THREADS)
    if files.kind == "Paraformer":
        return kinds.from_paraformer(model, tokens, num_threads=THREADS)
    return kinds.from_sense_voice(model, tokens, num_threads=THREADS, use_itn=True)


def _speakers(models: Path) -> SpeakerEncoder | None:
    """A recogniser without voiceprints is better than none."""
    model = speaker_model(models)
    if model is None:
        return None
    try:
        return SpeakerEncoder(model)
    except EngineError as error:
        log.warning("no voiceprints: %s", error)
        return None


def _tag(word: str) -> str:
    """From "<|zh|>" or "zh" to "zh"."""
    return word.strip("<|> ").lower()


def _emotion(word: str) -> str:
    """From SenseVoice's "<|HAPPY|>" to "happy"; "" for what it could not tell."""
    emotion = _tag(word)
    return "" if emotion == "emo_unknown" else emotion


if __name__ == "__main__":  # the trial of asr_worker.engines.sherpa
    try:
        SherpaDecoder(Path(sys.argv[1])).decode(bytes(32_000), 16_000, "", lambda: False)
    except EngineError as refusal:
        sys.stdout.write(str(refusal))
        sys.exit(REFUSED)
