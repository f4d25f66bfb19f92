"""What every simulated toy says: one sentence, encoded once, with the moment its voice truly ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bench.websocket_client import BINARY, client_frame
from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, Pcm
from contracts.speech import VoiceChoice, one
from sound.resample import resample
from sound.wav import read_sound
from toy.framing import Framing, pack
from toy.microphone import FRAME_BYTES, Microphone
from toy.voice import end_of_voice

SENTENCE = "Please tell me about the garden behind the old house."
SILENCE_FRAMES = 70


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
    pcm = read_sound(recording) if recording else asyncio.run(_spoken(SENTENCE))
    pcm = _trimmed(Pcm(resample(pcm.data, pcm.sample_rate_hz, HEARING_RATE_HZ), HEARING_RATE_HZ))
    microphone = Microphone()
    microphone.say(pcm)
    packets: list[bytes] = []
    ends_frame, ends_s = 0, 0.0
    while microphone.speaking:
        captured = microphone.next_frame()
        if captured.voice_ends_s is not None:
            ends_frame, ends_s = len(packets), captured.voice_ends_s
        packets.append(captured.payload)
    silence = [microphone.next_frame().payload for _ in range(SILENCE_FRAMES)]
    return Utterance(
        tuple(client_frame(BINARY, pack(framing, packet)) for packet in packets),
        tuple(client_frame(BINARY, pack(framing, packet)) for packet in silence),
        ends_frame,
        ends_s,
        pcm,
        tuple(packets),
    )


def _trimmed(pcm: Pcm) -> Pcm:
    """Without what follows the voice, up to a whole frame."""
    end = end_of_voice(pcm) or 0
    length = -(-end * BYTES_PER_SAMPLE // FRAME_BYTES) * FRAME_BYTES
    data = pcm.data[: end * BYTES_PER_SAMPLE]
    return Pcm(data.ljust(length, b"\0"), pcm.sample_rate_hz)


async def _spoken(text: str) -> Pcm:
    from tts_server.engines.espeak import EspeakSynthesizer

    synthesizer = EspeakSynthesizer()
    try:
        pieces = [piece async for piece in synthesizer.speak(one(text), VoiceChoice(language="en"))]
    finally:
        await synthesizer.close()
    return Pcm(b"".join(piece.data for piece in pieces), pieces[0].sample_rate_hz)
