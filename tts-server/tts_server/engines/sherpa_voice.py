"""One voice on sherpa-onnx: its model loaded, and text spoken into a callback. Blocks; for one thread."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sherpa_onnx
from numpy.typing import NDArray

from contracts.errors import EngineError
from contracts.model_files import REFUSED, unusable
from tts_server.engines.sherpa_files import VoiceFiles, files_in

THREADS = 2

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")

Hear = Callable[[bytes], bool]
"""Takes a piece of mono s16le; False stops the computing."""


class SherpaVoice:
    """Raises EngineUnavailable for files it refuses. Files nobody tried before may end the process."""

    def __init__(self, files: VoiceFiles) -> None:
        try:
            self._tts: Any = sherpa_onnx.OfflineTts(_config(files))
        except (RuntimeError, ValueError) as error:
            raise unusable(files.folder, "its files do not fit together or are damaged", "sherpa") from error
        self.sample_rate_hz: int = self._tts.sample_rate
        self.wants_phonemes = files.wants_phonemes
        self._words = _words(files.lexicon)
        self.speakers: int = max(self._tts.num_speakers, 1)

    def say(self, text: str, speaker: int, speed: float, hear: Hear, phonemes: Sequence[str] = ()) -> None:
        """Every sentence is one piece; so is every clause of `phonemes` (IPA), which replace the text."""

        def on_sound(samples: NDArray[np.float32], _progress: float) -> int:
            pcm = np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2").tobytes()
            return 1 if not pcm or hear(pcm) else 0

        how = sherpa_onnx.GenerationConfig()
        how.sid, how.speed = speaker, speed
        how.phoneme_codepoints = [[ord(char) for char in unicodedata.normalize("NFD", each)] for each in phonemes]
        self._tts.generate(self._readable(text), how, callback=on_sound)

    def _readable(self, text: str) -> str:
        """A word that the lexicon lacks is spelled, where it knows the letters: the library would leave it out."""
        if not self._words >= _LETTERS:
            return text
        return _WORD.sub(lambda word: word[0] if word[0].lower() in self._words else " ".join(word[0]), text)


def _words(lexicon: str) -> frozenset[str]:
    """The English words of comma-separated lexicon files, in small letters; each line is a word and its sounds."""
    words: set[str] = set()
    for path in filter(None, lexicon.split(",")):
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            firsts = (line.split(maxsplit=1)[0] for line in lines if line.strip())
            words.update(first.lower() for first in firsts if first.isascii())
    return frozenset(words)


def _config(files: VoiceFiles) -> Any:
    tokens, extra = str(files.tokens), str(files.extra)
    shared = {"lexicon": files.lexicon, "tokens": tokens}
    model = sherpa_onnx.OfflineTtsModelConfig(num_threads=THREADS)
    if files.kind == "Matcha":
        model.matcha = sherpa_onnx.OfflineTtsMatchaModelConfig(acoustic_model=str(files.model), vocoder=extra, **shared)
    elif files.kind == "Kokoro":
        model.kokoro = sherpa_onnx.OfflineTtsKokoroModelConfig(model=str(files.model), voices=extra, **shared)
    else:
        model.vits = sherpa_onnx.OfflineTtsVitsModelConfig(model=str(files.model), **shared)
    config = sherpa_onnx.OfflineTtsConfig(model=model, rule_fsts=files.rule_fsts, max_num_sentences=1)
    if not config.validate():
        raise ValueError("sherpa-onnx refuses the files")
    return config


if __name__ == "__main__":  # the trial of tts_server.engines.sherpa
    try:
        files = files_in(Path(sys.argv[1]))
        pieces: list[bytes] = []

        def hear(pcm: bytes) -> bool:
            pieces.append(pcm)
            return True

        SherpaVoice(files).say("a 好", 0, 1.0, hear, ["a"] * files.wants_phonemes)
        if not pieces:
            raise unusable(files.folder, "it makes no sound: it needs its lexicon.txt, or espeak-ng-data", "sherpa")
    except EngineError as refusal:
        sys.stdout.write(str(refusal))
        sys.exit(REFUSED)
