"""Which voices lie in a models folder, told by their files. Imports no engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contracts.model_files import first_like, unusable

FOLDERS = {"zh": "voice-zh", "en": "voice-en"}
"""Subfolder of the models folder by the language it speaks."""

Kind = Literal["Kokoro", "Matcha", "VITS"]


@dataclass(frozen=True, slots=True)
class VoiceFiles:
    """`extra` is the vocoder of Matcha or the voices of Kokoro. Texts are comma-separated paths, "" = none.

    `wants_phonemes`: it was trained on espeak-ng's phonemes (Piper) and cannot read.
    """

    kind: Kind
    folder: Path
    model: Path
    tokens: Path
    extra: Path | None = None
    lexicon: str = ""
    rule_fsts: str = ""
    wants_phonemes: bool = False


def voice_files(models: Path) -> dict[str, VoiceFiles]:
    """The voices by language. Raises EngineUnavailable for half of one."""
    here = {language: models / name for language, name in FOLDERS.items()}
    return {language: files_in(folder) for language, folder in here.items() if folder.is_dir()}


def files_in(folder: Path) -> VoiceFiles:
    """Raises EngineUnavailable: what is missing."""
    tokens = first_like(folder, "tokens.txt")
    if tokens is None:
        raise unusable(folder, "tokens.txt is missing or empty", "sherpa")
    vocoder = first_like(folder, "*vocos*.onnx", "*hifigan*.onnx", "*vocoder*.onnx")
    acoustic = first_like(folder, "model-steps-*.onnx", "*acoustic*.onnx", "*matcha*.onnx")
    voices = first_like(folder, "voices.bin")
    if vocoder is not None or acoustic is not None:
        if vocoder is None or acoustic is None:
            raise unusable(folder, "Matcha needs both its model-steps-*.onnx and a vocoder (vocos*.onnx)", "sherpa")
        kind: Kind = "Matcha"
        model: Path | None = acoustic
    else:
        kind = "VITS" if voices is None else "Kokoro"
        model = first_like(folder, "model.int8.onnx", "model.onnx", "*.onnx")
    if model is None:
        raise unusable(folder, "its .onnx model is missing or empty", "sherpa")
    lexicon = _joined(folder, "lexicon*.txt")
    return VoiceFiles(
        kind,
        folder,
        model,
        tokens,
        vocoder if kind == "Matcha" else voices,
        lexicon=lexicon,
        rule_fsts=_joined(folder, "*.fst"),
        wants_phonemes=not lexicon and (folder / "espeak-ng-data").is_dir(),
    )


def _joined(folder: Path, pattern: str) -> str:
    return ",".join(str(path) for path in sorted(folder.glob(pattern)))
