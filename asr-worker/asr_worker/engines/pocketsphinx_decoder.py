"""pocketsphinx inside the worker process: a grammar of whole sentences, nothing else can be heard."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pocketsphinx import Config
from pocketsphinx import Decoder as Pocketsphinx

from contracts.errors import EngineFailed
from contracts.sentences import expanded
from contracts.transcription import Transcript

SAMPLE_RATE_HZ = 16_000
_CHUNK_BYTES = SAMPLE_RATE_HZ // 5 * 2  # 200 ms: how often a cancelled decode is noticed and the GIL let go

# Wider than the defaults (1e-48, 7e-29): the grammar is so small that it costs 3 ms per second of speech, and in
# default beams a short sentence that starts badly is lost for good.
_BEAMS = {"beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60}


class PocketsphinxDecoder:
    """Takes about 40 ms of CPU per second of speech and 0.2 s to load. Only one thread may use it."""

    def __init__(self, sentences: Sequence[str] = ()) -> None:
        self._sentences = frozenset(sentences or expanded("en"))
        with tempfile.TemporaryDirectory(prefix="zhiyin-") as folder:
            grammar = Path(folder) / "sentences.fsg"
            grammar.write_text(finite_state_grammar(sorted(self._sentences)), encoding="utf-8")
            self._decoder = Pocketsphinx(
                Config(fsg=str(grammar), lm=None, bestpath=False, loglevel="FATAL", **_BEAMS),
            )

    def decode(self, pcm: bytes, sample_rate_hz: int, language: str, cancelled: Callable[[], bool]) -> Transcript:
        """Raises EngineFailed for another sample rate."""
        if sample_rate_hz != SAMPLE_RATE_HZ:
            raise EngineFailed(f"pocketsphinx needs {SAMPLE_RATE_HZ} Hz, not {sample_rate_hz}.", engine="pocketsphinx")
        self._decoder.start_utt()
        for start in range(0, len(pcm), _CHUNK_BYTES):
            if cancelled():
                break
            self._decoder.process_raw(pcm[start : start + _CHUNK_BYTES])
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        if heard is None or heard.hypstr not in self._sentences:
            return Transcript("", language="en", rejected=True)
        return Transcript(heard.hypstr, language="en")


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
