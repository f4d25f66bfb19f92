"""pocketsphinx inside the worker process: a grammar of whole sentences, checked against free dictation.

A grammar hears one of its sentences in everything, so each utterance is decoded twice: once as one of our sentences
and once by the stock language model, which can write anything that is English. Sound that is one of our sentences fits
the grammar about as well as it fits free dictation, and dictation pays for every unlikely word; other sound fits
dictation much better. The difference of the two scores is the confidence (docs/recogniser.md has the measurements).
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pocketsphinx import Config, get_model_path
from pocketsphinx import Decoder as Pocketsphinx

from contracts.audio import BYTES_PER_SAMPLE
from contracts.errors import EngineFailed
from contracts.sentences import expanded
from contracts.transcription import Transcript

SAMPLE_RATE_HZ = 16_000

MAX_SPEECH_MS = 10_000
"""Our longest sentence takes four seconds; longer sound is rejected without a look."""

MIN_SPEECH_MS = 200

MIN_CONFIDENCE = 2.1
MIN_COVERAGE = 0.62
"""The operating point of docs/recogniser.md, measured by bench/recogniser_accuracy.py."""

# Wider than pocketsphinx's own (1e-48, 7e-29): the grammar is so small that it costs 3 ms per second of speech, and in
# default beams a sentence that starts badly is lost for good.
_GRAMMAR = {"beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60}

# Much narrower than its own: only the score matters, not the words, and this is twice as fast.
_DICTATION = {"beam": 1e-40, "pbeam": 1e-40, "wbeam": 1e-20, "maxwpf": 5, "maxhmmpf": 500, "fwdflat": False}

# Short sentences have less language for dictation to pay for; this evens them out (in log units per utterance).
_SHORTNESS_BONUS = 0.15

# Speech is brought to one level and laid over a faint hiss. Digital silence, which no microphone makes but synthetic
# speech and Opus do, has a logarithm of nothing and spoils the utterance's mean.
_PEAK = 13_000.0
_HISS = 26.0
_MAX_GAIN = 40.0

# 5.1.1 calls start_stream unnecessary, and without it the same sound scores differently after another utterance.
warnings.filterwarnings("ignore", message="start_stream", category=DeprecationWarning)

_FILLERS = frozenset({"<s>", "</s>", "<sil>", "(NULL)", "[NOISE]", "[SPEECH]"})


@dataclass(frozen=True, slots=True)
class Guess:
    """`confidence` is in thousandths of a log unit per frame; `coverage` the part of the speech our words lie on."""

    text: str
    confidence: float
    coverage: float

    @property
    def trusted(self) -> bool:
        return self.confidence >= MIN_CONFIDENCE and self.coverage >= MIN_COVERAGE


class PocketsphinxDecoder:
    """Takes a tenth of a second of CPU per second of sound and half a second to load. For one thread."""

    def __init__(self, sentences: Sequence[str] = ()) -> None:
        self._sentences = frozenset(sentences or expanded("en"))
        with tempfile.TemporaryDirectory(prefix="zhiyin-") as folder:
            grammar = Path(folder) / "sentences.fsg"
            grammar.write_text(finite_state_grammar(sorted(self._sentences)), encoding="utf-8")
            self._grammar = _decoder(fsg=str(grammar), lm=None, **_GRAMMAR)
        self._dictation = _decoder(lm=get_model_path("en-us/en-us.lm.bin"), **_DICTATION)

    def decode(self, pcm: bytes, sample_rate_hz: int, language: str, cancelled: Callable[[], bool]) -> Transcript:
        """Raises EngineFailed for another sample rate."""
        if sample_rate_hz != SAMPLE_RATE_HZ:
            raise EngineFailed(f"pocketsphinx needs {SAMPLE_RATE_HZ} Hz, not {sample_rate_hz}.", engine="pocketsphinx")
        guess = self.guess(pcm, cancelled)
        if guess is None or not guess.trusted:
            return Transcript("", language="en", rejected=True)
        return Transcript(guess.text, language="en")

    def guess(self, pcm: bytes, cancelled: Callable[[], bool] = lambda: False) -> Guess | None:
        """The likeliest of our sentences, however unlikely; None when the sound ends inside all of them."""
        duration_ms = len(pcm) * 1000 // (BYTES_PER_SAMPLE * SAMPLE_RATE_HZ)
        if not MIN_SPEECH_MS <= duration_ms <= MAX_SPEECH_MS or cancelled():
            return None
        pcm = conditioned(pcm)
        ours = _run(self._grammar, pcm)
        if ours is None or ours.text not in self._sentences or cancelled():
            return None
        anything = _run(self._dictation, pcm)
        if anything is None or not anything.frames:
            return None  # no speech in it at all
        frames = max(ours.frames, anything.frames)
        confidence = 1000 * (ours.log_score - anything.log_score + _SHORTNESS_BONUS) / frames
        return Guess(ours.text, confidence, ours.word_frames / anything.frames)


@dataclass(frozen=True, slots=True)
class _Reading:
    """`frames` from the first word's start to the last one's end, `word_frames` without the silence between."""

    text: str
    log_score: float
    frames: int
    word_frames: int


def _decoder(**options: Any) -> Pocketsphinx:
    # Cepstral means are the utterance's own ("batch"): nothing of one person's voice stays for the next.
    return Pocketsphinx(Config(bestpath=False, cmn="batch", loglevel="FATAL", **options))


def _run(decoder: Pocketsphinx, pcm: bytes) -> _Reading | None:
    decoder.start_stream()  # forgets the last samples of the utterance before
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    best = decoder.hyp()
    if best is None:
        return None
    words = [piece for piece in decoder.seg() if piece.word not in _FILLERS]
    frames = words[-1].end_frame - words[0].start_frame + 1 if words else 0
    word_frames = sum(piece.end_frame - piece.start_frame + 1 for piece in words)
    # The library gives the score as a probability, scaled so that it does not vanish.
    log_score = math.log(best.best_score) if best.best_score > 0 else -math.inf
    return _Reading(best.hypstr, log_score, frames, word_frames)


def conditioned(pcm: bytes) -> bytes:
    """The same speech at our level, over a hiss that is the same each time, so that results are."""
    samples = np.frombuffer(pcm[: len(pcm) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE], "<i2").astype(np.float32)
    peak = float(np.abs(samples).max(initial=1.0))
    hiss = np.random.default_rng(0).normal(0.0, _HISS, len(samples))
    return np.clip(samples * min(_PEAK / peak, _MAX_GAIN) + hiss, -32768, 32767).astype("<i2").tobytes()


def finite_state_grammar(sentences: Sequence[str]) -> str:
    """The sentences as a tree by words, in pocketsphinx's FSG format: shared beginnings are searched once."""
    tree: list[dict[str, int]] = [{}]
    ends: set[int] = set()
    for sentence in sentences:
        state = 0
        for word in sentence.split():
            if word not in tree[state]:
                tree[state][word] = len(tree)
                tree.append({})
            state = tree[state][word]
        ends.add(state)
    final = len(tree)
    lines = ["FSG_BEGIN sentences", f"NUM_STATES {final + 1}", "START_STATE 0", f"FINAL_STATE {final}"]
    for state, words in enumerate(tree):
        lines += [f"TRANSITION {state} {next_state} 1.0 {word}" for word, next_state in words.items()]
    lines += [f"TRANSITION {state} {final} 1.0" for state in sorted(ends)]
    return "\n".join([*lines, "FSG_END", ""])
