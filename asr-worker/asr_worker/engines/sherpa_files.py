"""Which recogniser lies in a models folder, told by its files. Imports no engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contracts.model_files import first_like, unusable

FOLDERS = ("sensevoice", "paraformer", "whisper")
"""Subfolders of the models folder that are looked into, in this order; each may hold any of the three kinds."""

SPEAKER_FOLDER = "campplus"

Kind = Literal["SenseVoice", "Paraformer", "Whisper"]


@dataclass(frozen=True, slots=True)
class RecogniserFiles:
    """`model` is the encoder of Whisper, whose other half is `decoder`."""

    kind: Kind
    folder: Path
    model: Path
    tokens: Path
    decoder: Path | None = None


def recogniser_files(models: Path) -> RecogniserFiles | None:
    """The first recogniser of `models`; None when there is no such folder. Raises EngineUnavailable for half of one."""
    for name in FOLDERS:
        if (models / name).is_dir():
            return _files_in(models / name)
    return None


def speaker_model(models: Path) -> Path | None:
    """The speaker embedding model, where there is one."""
    return first_like(models / SPEAKER_FOLDER, "*.onnx")


def _files_in(folder: Path) -> RecogniserFiles:
    tokens = first_like(folder, "tokens.txt", "*tokens.txt")
    if tokens is None:
        raise unusable(folder, "tokens.txt is missing or empty", "sherpa")
    encoder = first_like(folder, "*encoder*.int8.onnx", "*encoder*.onnx")
    decoder = first_like(folder, "*decoder*.int8.onnx", "*decoder*.onnx")
    if encoder is not None or decoder is not None:
        if encoder is None or decoder is None:
            raise unusable(folder, "Whisper needs both its encoder and its decoder (.onnx)", "sherpa")
        return RecogniserFiles("Whisper", folder, encoder, tokens, decoder)
    model = first_like(folder, "model.int8.onnx", "model.onnx", "*.onnx")
    if model is None:
        raise unusable(folder, "model.int8.onnx (or model.onnx) is missing or empty", "sherpa")
    return RecogniserFiles("SenseVoice" if _is_sense_voice(tokens) else "Paraformer", folder, model, tokens)


def _is_sense_voice(tokens: Path) -> bool:
    """The two are packed alike; SenseVoice alone has words for languages and feelings."""
    return "<|zh|>" in tokens.read_text(encoding="utf-8", errors="replace")
