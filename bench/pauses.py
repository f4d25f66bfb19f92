"""The labelled set of pauses: utterances whose every boundary is known, because espeak-ng speaks each part by itself.

`pauses.txt` has the words; voice, speed and room follow from an utterance's place in it, so the set is the same on
every machine with the same espeak-ng. Human voices come from the recordings of alsa-utils, where installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

from contracts.audio import HEARING_RATE_HZ, OpusPacket
from sound.opus import OpusEncoder
from sound.resample import resample
from sound.wav import read_sound

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes.spoken import Samples, at_level, noise, pcm, silence

LEAD_MS, TAIL_MS = 720, 2_600
SPEECH_DBFS = -23.0
FRAME_MS = 60
RECORDINGS = Path("/usr/share/sounds/alsa")

_VOICES = {"zh": ("cmn", "cmn+f2", "cmn+m3"), "en": ("en", "en-us", "en+f3", "en-gb-scotland")}
_RATES_WPM = (175, 145, 210)
_ROOMS = ("silent", "white -55", "pink -46", "pink -40")  # dBFS; speech is at -23
_PART = re.compile(r"\[(\d+)\]")

# One process for all parts: the library is global state.
_SPEAK = """
import ctypes, json, sys, espeakng_loader
lib = ctypes.CDLL(espeakng_loader.get_library_path())
rate_hz = lib.espeak_Initialize(2, 0, str(espeakng_loader.get_data_path()).encode(), 0)
pieces = []
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
def take(samples, count, events):
    if samples and count > 0:
        pieces.append(ctypes.string_at(samples, 2 * count))
    return 0
lib.espeak_SetSynthCallback(take)
out = sys.stdout.buffer
out.write(rate_hz.to_bytes(4, "little"))
for voice, wpm, text in json.load(sys.stdin):
    assert lib.espeak_SetVoiceByName(voice.encode()) == 0, voice
    lib.espeak_SetParameter(1, wpm, 0)
    pieces.clear()
    data = text.encode()
    lib.espeak_Synth(data, len(data) + 1, 0, 0, 0, 1, None, None)
    lib.espeak_Synchronize()
    sound = b"".join(pieces)
    out.write(len(sound).to_bytes(4, "little") + sound)
"""


@dataclass(frozen=True, slots=True)
class Script:
    """What is said: `parts` with `pauses_ms` between them, by whom and where."""

    kind: str
    language: str
    expecting: str
    parts: tuple[str, ...]
    pauses_ms: tuple[int, ...]
    voice: str
    rate_wpm: int
    room: str
    stops: bool
    """Whether the recogniser ends whatever it hears with a full stop."""

    @property
    def text(self) -> str:
        """All of it, as a recogniser would write it."""
        return (" " if self.language == "en" else "").join(self.parts)


@dataclass(frozen=True, slots=True)
class Clip:
    """A script's sound, as a device sends it. `part_spans_ms` are where each part's voice begins and ends."""

    script: Script
    packets: tuple[OpusPacket, ...] = field(repr=False)
    part_spans_ms: tuple[tuple[float, float], ...]

    @property
    def true_end_ms(self) -> float:
        return self.part_spans_ms[-1][1]

    def heard_by(self, at_ms: float) -> str:
        """The words whose sound has come by then, in a recogniser's spelling."""
        words = [word for part, span in zip(self.script.parts, self.part_spans_ms, strict=True)
                 for word, end_ms in _timed_words(part, self.script.language, span) if end_ms <= at_ms + 1]  # fmt: skip
        text = (" " if self.script.language == "en" else "").join(words)
        stop = "." if self.script.language == "en" else "。"
        return text + stop if text and self.script.stops else text


def scripts(every: int = 1) -> list[Script]:
    """The labelled set, or each `every`-th utterance of it."""
    lines = (Path(__file__).parent / "pauses.txt").read_text(encoding="utf-8").splitlines()
    labelled = [line.split("\t") for line in lines if not line.startswith("#")]
    made = []
    for number, (kind, language, expecting, words) in enumerate(labelled):
        split = _PART.split(words)
        voices = _VOICES[language]
        made.append(
            Script(
                kind,
                language,
                expecting,
                tuple(split[::2]),
                tuple(map(int, split[1::2])),
                voices[number % len(voices)],
                _RATES_WPM[number // 2 % len(_RATES_WPM)],
                _ROOMS[number // 3 % len(_ROOMS)],
                stops=number // 5 % 2 == 1,
            )
        )
    return made[::every]


def clips(wanted: Sequence[Script]) -> Iterator[Clip]:
    """Their sound, in order."""
    spoken = iter(_speak([(script.voice, script.rate_wpm, part) for script in wanted for part in script.parts]))
    for number, script in enumerate(wanted):
        yield _clip(script, [next(spoken) for _ in script.parts], seed=number)


def human_clips() -> Iterator[Clip]:
    """Eight recordings of a human voice ("front left"); their ends are where the recording falls below 1 %."""
    for number, path in enumerate(sorted(RECORDINGS.glob("*_*.wav"))):
        sound = read_sound(path)
        data = resample(sound.data, sound.sample_rate_hz, HEARING_RATE_HZ)
        samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
        words = path.stem.replace("_", " ").lower()
        room = _ROOMS[number % len(_ROOMS)]
        script = Script("human", "en", "", (words,), (), path.stem, 0, room, stops=number % 2 == 1)
        yield _clip(script, [_trimmed(samples)], seed=number)


def _clip(script: Script, parts: Sequence[Samples], seed: int) -> Clip:
    lead_ms = LEAD_MS + 7 * (seed % 9)  # so that ends fall anywhere on the grid of packets
    pieces, spans, at_ms = [silence(lead_ms)], [], float(lead_ms)
    for part, pause_ms in zip(parts, (*script.pauses_ms, TAIL_MS), strict=True):
        spans.append((at_ms, at_ms + len(part) / 16))
        pieces += [at_level(part, SPEECH_DBFS), silence(pause_ms)]
        at_ms = spans[-1][1] + pause_ms
    sound = np.concatenate(pieces)
    if script.room != "silent":
        colour, level = script.room.split()
        sound = sound + noise(len(sound) / 16, float(level), seed, colour == "pink")[: len(sound)]
    return Clip(script, tuple(_packets(pcm(sound))), tuple(spans))


def _packets(data: bytes) -> Iterator[OpusPacket]:
    encoder = OpusEncoder(HEARING_RATE_HZ, FRAME_MS, complexity=0)
    for first in range(0, len(data) - encoder.frame_bytes + 1, encoder.frame_bytes):
        yield OpusPacket(encoder.encode(data[first : first + encoder.frame_bytes]))


def _speak(parts: Sequence[tuple[str, int, str]]) -> list[Samples]:
    made = subprocess.run(
        [sys.executable, "-c", _SPEAK], input=json.dumps(parts).encode(), capture_output=True, check=True, timeout=120
    ).stdout
    rate_hz, at = int.from_bytes(made[:4], "little"), 4
    sounds = []
    while at < len(made):
        size = int.from_bytes(made[at : at + 4], "little")
        samples = np.frombuffer(made[at + 4 : at + 4 + size], "<i2").astype(np.float32) / 32768
        sounds.append(_trimmed(soxr.resample(samples, rate_hz, HEARING_RATE_HZ)))
        at += 4 + size
    return sounds


def _trimmed(sound: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


def _timed_words(part: str, language: str, span: tuple[float, float]) -> list[tuple[str, float]]:
    """Each word (in Chinese each character) and when it has been said, by its share of the letters."""
    words = part.split() if language == "en" else list(part)
    letters = sum(map(len, words))
    said, timed = 0, []
    for word in words:
        said += len(word)
        timed.append((word, span[0] + (span[1] - span[0]) * said / letters))
    return timed
