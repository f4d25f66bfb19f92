"""How much of a toy's own voice server-side echo cancellation takes away, and what it leaves of a person's.

`python -m bench.echo` speaks replies and interruptions with espeak-ng, packs both directions with Opus as toy and
server do, and measures what the ears get. The same on every run and machine, but for the CPU column.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

import numpy as np

from asr_server.echo import Cancelled, Echo, NoEcho
from bench.echo_mix import RATE_HZ, Room, Sound, at_level, echo_of, kept_db, noise, power_db
from contracts.audio import BYTES_PER_SAMPLE, OpusFormat, OpusPacket
from contracts.hearing import ListenMode
from contracts.speech import VoiceChoice, one
from sound.echo import DELAY_SAMPLES, backend_name
from sound.opus import OpusDecoder, OpusEncoder
from sound.resample import resample
from tts_server.engines.espeak import EspeakSynthesizer

FRAME = 960
REPLIES = (
    ("en-gb", "Once upon a time there was a little dragon who lived on a green hill. Every morning he flew down to the "
     "river, washed his wings, and sang a song for the fish."),
    ("cmn", "从前有一条小龙，住在绿色的山上。每天早上，它飞到河边，洗洗翅膀，给小鱼唱一首歌。"),
)  # fmt: skip
INTERRUPTION = ("en-us+f3", "Stop please, I want to hear another story about a bear.")
PERSON_DBFS = -22.0
SILENCE_MS = 1500
ROOMS = (
    Room("small room", 50),
    Room("living room", 100, 60, drive=2),
    Room("hall", 150, 90),
    Room("clocks 50 ppm apart", 100, drift_ppm=50),
    Room("noise at -45 dBFS", 100, noise_dbfs=-45),
    Room("toy 6 dB louder than person", 100, echo_dbfs=-16, drive=2),
)


@dataclass(frozen=True, slots=True)
class Talk:
    """What is played, and when a person speaks; all at 16 kHz and of one length."""

    downlink: tuple[OpusPacket, ...]  # as sent, one each 60 ms
    labels: tuple[int, ...]  # the timestamp that each packet of the microphone carries
    far: Sound
    near: Sound
    spoken: tuple[tuple[int, int], ...]  # where the person speaks while the toy does


@dataclass(frozen=True, slots=True)
class Figures:
    """In dB: echo taken away in the first second of the first reply and after it, and lost of a person's voice in
    double talk and in silence. `cpu_ms` per second of sound."""

    first_second: float
    later: float
    lost_in_double_talk: float
    lost_in_silence: float
    cpu_ms: float


def talk() -> Talk:
    """Two replies with a pause between them; the person speaks into both, and alone at the end."""
    quiet = np.zeros(SILENCE_MS * RATE_HZ // 1000 // FRAME * FRAME, np.float32)
    person = at_level(_said(*INTERRUPTION), PERSON_DBFS)
    parts, labels, spoken, downlink, at = [], [], [], [], 0
    for voice, text in REPLIES:
        packets = _sent(at_level(_said(voice, text), -20), len(downlink))
        downlink += packets
        parts += [_unpacked(packets), quiet]
        labels += [packet.timestamp_ms for packet in packets] + [0] * (len(quiet) // FRAME)
        begin = at + len(packets) * FRAME // 2
        spoken.append((begin, begin + len(person)))
        at += len(packets) * FRAME + len(quiet)
    alone = np.zeros(-(-len(person) // FRAME) * FRAME + FRAME, np.float32)
    spoken.append((at, at + len(person)))
    labels += [0] * (len(alone) // FRAME)
    far = np.concatenate([*parts, alone])
    near = np.zeros(len(far), np.float32)
    for begin, end in spoken:
        near[begin:end] += person
    return Talk(tuple(downlink), tuple(labels), far, near, tuple(spoken))


def measure(room: Room, said: Talk, new_echo: type[Echo] = Cancelled) -> Figures:
    """One room; `new_echo` is what is measured."""
    echo, hiss = echo_of(said.far, room), noise(len(said.far), room.noise_dbfs, room.seed)
    toy_alone, toy_cleaned, cpu_ms = _heard(echo + hiss, said, new_echo())
    _, both_cleaned, _ = _heard(echo + hiss + said.near, said, new_echo())
    person_alone, _, _ = _heard(said.near + hiss, said, NoEcho())
    sounding = np.repeat(_levels(echo) > room.echo_dbfs - 15, FRAME)
    early = np.arange(len(echo)) < RATE_HZ
    lost = [-kept_db(person_alone[a:b], both_cleaned[a + DELAY_SAMPLES : b + DELAY_SAMPLES]) for a, b in said.spoken]
    return Figures(
        power_db(toy_alone[sounding & early]) - power_db(toy_cleaned[sounding & early]),
        power_db(toy_alone[sounding & ~early]) - power_db(toy_cleaned[sounding & ~early]),
        max(lost[:-1]),
        lost[-1],
        cpu_ms,
    )


def _heard(microphone: Sound, said: Talk, echo: Echo) -> tuple[Sound, Sound, float]:
    """What arrives of a microphone's sound, what the ears get of it, and the CPU of that in ms per second."""
    encoder, decoder = OpusEncoder(RATE_HZ, 60, 0), OpusDecoder(RATE_HZ)
    raw = _pcm(microphone)
    arrived = [decoder.decode(encoder.encode(raw[at : at + 2 * FRAME])) for at in range(0, len(raw), 2 * FRAME)]
    echo.listen(ListenMode.REALTIME)
    sent, cleaned, began = iter(said.downlink), [], time.process_time()
    for label, pcm in zip(said.labels, arrived, strict=True):
        if label:
            echo.played([next(sent)])
        cleaned.append(echo.clean(pcm, label))
    cpu_ms = (time.process_time() - began) * 1000 / (len(microphone) / RATE_HZ)
    return _sound(b"".join(arrived)), _sound(b"".join(cleaned)), cpu_ms


def _said(voice: str, text: str) -> Sound:
    pcm = asyncio.run(_spoken(voice, text))
    return _sound(pcm)


async def _spoken(voice: str, text: str) -> bytes:
    pieces = [pcm async for pcm in EspeakSynthesizer().speak(one(text), VoiceChoice(voice=voice))]
    return resample(b"".join(piece.data for piece in pieces), pieces[0].sample_rate_hz, RATE_HZ)


def _sent(sound: Sound, before: int) -> list[OpusPacket]:
    downlink = OpusFormat(24_000, 60)
    encoder = OpusEncoder(downlink.sample_rate_hz, downlink.frame_ms, 4)
    pcm = resample(_pcm(sound), RATE_HZ, downlink.sample_rate_hz)
    size = downlink.frame_samples * BYTES_PER_SAMPLE
    frames = [pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size)]
    return [OpusPacket(encoder.encode(frame), 60 * (before + at + 1)) for at, frame in enumerate(frames)]


def _unpacked(packets: list[OpusPacket]) -> Sound:
    decoder = OpusDecoder(RATE_HZ)
    return _sound(b"".join(decoder.decode(packet.payload) for packet in packets))


def _levels(sound: Sound) -> Sound:
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    return (10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)).astype(np.float32)


def _pcm(sound: Sound) -> bytes:
    return np.clip(np.round(sound * 32767), -32768, 32767).astype("<i2").tobytes()


def _sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32767


def main() -> None:
    said = talk()
    print(f"{backend_name()}, {len(said.far) / RATE_HZ:.0f} s, dB; CPU in ms per second of sound")
    print("| room | echo less, first second | echo less, after it | lost in double talk | lost alone | CPU |")
    print("|---|--:|--:|--:|--:|--:|")
    for room in ROOMS:
        found = measure(room, said)
        figures = (found.first_second, found.later, found.lost_in_double_talk, found.lost_in_silence, found.cpu_ms)
        print(f"| {room.name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |")
    quiet = replace(said, labels=(0,) * len(said.labels), downlink=())
    print(f"while the toy is silent: {_heard(said.near, quiet, Cancelled())[2]:.2f} ms per second of sound")


if __name__ == "__main__":
    main()
