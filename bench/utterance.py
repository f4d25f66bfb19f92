"""What every simulated toy says: one sentence, encoded once, with the moment its voice truly ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.websocket_client import BINARY, client_frame
from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, Pcm
from contracts.errors import ZhiyinError
from contracts.speech import VoiceChoice, one
from sound.resample import resample
from sound.wav import read_sound
from toy.framing import Framing, pack
from toy.microphone import DTX_PACKET, FRAME_BYTES, UPLINK, in_dtx, uplink_encoder
from toy.voice import end_of_voice

SENTENCE = "Please tell me about the garden behind the old house."
HALVES = ("Tell me of the garden because", "I want to know who lives in it.")
"""Nobody may be cut off after the first: it is plainly unfinished, and the second follows after PAUSE_MS."""
PAUSE_MS = 550
PIECE_MS = 10
SILENCE_FRAMES = 70
ROOM_NOISE_RMS = 15.0
"""-67 dBFS, a quiet room and a cheap microphone: without it a server could take shortcuts on digital silence."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """`frames` are whole WebSocket messages of 60 ms each, `silence` the ones to repeat before and after.

    The voice ends `voice_ends_s` seconds into frame number `voice_ends_frame`.
    """

    frames: tuple[bytes, ...]
    silence: tuple[bytes, ...]
    voice_ends_frame: int
    voice_ends_s: float
    pcm: Pcm
    packets: tuple[bytes, ...]


def utterance(recording: Path | None = None, framing: Framing = 1) -> Utterance:
    """The benchmark's sentence by espeak-ng, or a recording of yours; silence around it is cut. Raises ZhiyinError."""
    return _encoded(read_sound(recording) if recording else _said(SENTENCE), framing)


def in_every_phase(recording: Path | None = None) -> list[Utterance]:
    """The same, ending in a different 10 ms of its frame each: how long a voice's end waits to be sent is chance."""
    pcm = _for_ears(read_sound(recording) if recording else _said(SENTENCE))
    return [_encoded(_behind_silence(pcm, lead_ms)) for lead_ms in range(0, UPLINK.frame_ms, PIECE_MS)]


def halves_in_every_phase() -> list[Utterance]:
    """An unfinished clause, a pause of PAUSE_MS between the two voices, and the rest; phases likewise."""
    first, second = (_without_edges(_said(half)) for half in HALVES)
    pcm = Pcm(first + _silence(PAUSE_MS) + second, HEARING_RATE_HZ)
    return [_encoded(_behind_silence(pcm, lead_ms)) for lead_ms in range(0, UPLINK.frame_ms, PIECE_MS)]


def first_half_s() -> float:
    """How long the unfinished clause of `halves` lasts."""
    return len(_without_edges(_said(HALVES[0]))) / BYTES_PER_SAMPLE / HEARING_RATE_HZ


def _encoded(sound: Pcm, framing: Framing = 1) -> Utterance:
    pcm = _trimmed(_for_ears(sound))
    end = end_of_voice(pcm)
    if end is None:
        raise ZhiyinError("The recording for the benchmark is silent.", code="nothing_to_say")
    noisy = _with_room_noise(pcm, SILENCE_FRAMES)
    encoder = uplink_encoder()
    encoded = [encoder.encode(noisy[at : at + FRAME_BYTES]) for at in range(0, len(noisy), FRAME_BYTES)]
    spoken_frames = len(pcm.data) // FRAME_BYTES
    packets = encoded[:spoken_frames]
    silence = [DTX_PACKET if in_dtx(number + 1) else packet for number, packet in enumerate(encoded[spoken_frames:])]
    ends_frame, ends_sample = divmod(end - 1, UPLINK.frame_samples)
    ends_s = (ends_sample + 1) / HEARING_RATE_HZ
    return Utterance(
        tuple(client_frame(BINARY, pack(framing, packet)) for packet in packets),
        tuple(client_frame(BINARY, pack(framing, packet)) for packet in silence),
        ends_frame,
        ends_s,
        pcm,
        tuple(packets),
    )


def _behind_silence(pcm: Pcm, lead_ms: int) -> Pcm:
    return Pcm(_silence(lead_ms) + pcm.data, pcm.sample_rate_hz)


def _silence(length_ms: int) -> bytes:
    return bytes(length_ms * HEARING_RATE_HZ // 1000 * BYTES_PER_SAMPLE)


def _for_ears(pcm: Pcm) -> Pcm:
    return Pcm(resample(pcm.data, pcm.sample_rate_hz, HEARING_RATE_HZ), HEARING_RATE_HZ)


def _without_edges(sound: Pcm) -> bytes:
    """From the first voiced piece to the last."""
    pcm = _for_ears(sound)
    forwards = pcm.data[: (end_of_voice(pcm) or 0) * BYTES_PER_SAMPLE]
    backwards = Pcm(np.frombuffer(forwards, "<i2")[::-1].tobytes(), HEARING_RATE_HZ)
    return forwards[len(forwards) - (end_of_voice(backwards) or 0) * BYTES_PER_SAMPLE :]


def _said(text: str) -> Pcm:
    return asyncio.run(_spoken(text))


def _trimmed(pcm: Pcm) -> Pcm:
    """Without what follows the voice, up to a whole frame."""
    end = end_of_voice(pcm) or 0
    length = -(-end * BYTES_PER_SAMPLE // FRAME_BYTES) * FRAME_BYTES
    data = pcm.data[: end * BYTES_PER_SAMPLE]
    return Pcm(data.ljust(length, b"\0"), pcm.sample_rate_hz)


def _with_room_noise(pcm: Pcm, silence_frames: int) -> bytes:
    """The recording and so many frames of silence after it, all with the noise of a room."""
    samples = np.frombuffer(pcm.data + bytes(silence_frames * FRAME_BYTES), "<i2").astype(np.float32)
    noise = np.random.default_rng(0).normal(0, ROOM_NOISE_RMS, len(samples))
    noisy: bytes = np.clip(samples + noise, -32768, 32767).astype("<i2").tobytes()
    return noisy


async def _spoken(text: str) -> Pcm:
    from tts_server.engines.espeak import EspeakSynthesizer

    synthesizer = EspeakSynthesizer()
    try:
        pieces = [piece async for piece in synthesizer.speak(one(text), VoiceChoice(language="en"))]
    finally:
        await synthesizer.close()
    return Pcm(b"".join(piece.data for piece in pieces), pieces[0].sample_rate_hz)
