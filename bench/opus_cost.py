"""What Opus costs on this CPU: microseconds per 60 ms frame, by each way to reach it. docs/decisions/opus.md.

python bench/opus_cost.py [--seconds 20]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import time
from collections.abc import Callable

from contracts.speech import VoiceChoice, one
from sound.opus import OpusDecoder, OpusEncoder, OpusUnavailable, backend_name
from sound.resample import resample
from tts_server.engines.espeak import EspeakSynthesizer

FRAME_MS = 60
ENCODE_HZ, DECODE_HZ = 24_000, 16_000
TEXT = "Good morning. The weather is sunny today, with a high of twenty five degrees. Shall I play some music for you?"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=20, help="seconds of speech to work on")
    frames = asyncio.run(speech_frames(arguments.parse_args().seconds))
    print(f"{platform.machine()}, Python {platform.python_version()}, {len(frames)} frames of {FRAME_MS} ms of speech")
    for backend in ("system", "pyav"):
        os.environ["ZHIYIN_OPUS"] = backend
        try:
            print(f"\n{backend_name()}")
        except OpusUnavailable as error:
            print(f"\n{backend}: {error}")
            continue
        measure_ours(frames)
    measure_opuslib_next(frames)


async def speech_frames(seconds: int) -> list[bytes]:
    """That much speech at the downlink's rate, in frames."""
    pieces = [pcm async for pcm in EspeakSynthesizer().speak(one(TEXT), VoiceChoice())]
    said = resample(b"".join(pcm.data for pcm in pieces), pieces[0].sample_rate_hz, ENCODE_HZ)
    frame_bytes = 2 * ENCODE_HZ * FRAME_MS // 1000
    said *= 1 + seconds * ENCODE_HZ * 2 // len(said)
    return [said[at : at + frame_bytes] for at in range(0, seconds * ENCODE_HZ * 2 - frame_bytes + 1, frame_bytes)]


def measure_ours(frames: list[bytes]) -> None:
    for complexity in (0, 5, 10):
        encoder = OpusEncoder(ENCODE_HZ, FRAME_MS, complexity)
        packets, cost = timed(encoder.encode, frames)
        tell(f"encode, complexity {complexity}, {rate(packets)}", cost)
    auto = OpusEncoder(ENCODE_HZ, FRAME_MS, 5, bitrate_bps=16_000)
    packets, cost = timed(auto.encode, frames)
    tell(f"encode, complexity 5, {rate(packets)} (libopus's speech mode)", cost)
    down = [frame[: 2 * DECODE_HZ * FRAME_MS // 1000] for frame in frames]
    uplink, _ = timed(OpusEncoder(DECODE_HZ, FRAME_MS, 0, bitrate_bps=16_000).encode, down)
    _, cost = timed(OpusDecoder(DECODE_HZ).decode, uplink)
    tell("decode a board's packets (16 kHz)", cost)


def measure_opuslib_next(frames: list[bytes]) -> None:
    try:
        import opuslib_next  # a library we do not use: only to compare
    except ImportError:
        print("\nopuslib_next: not installed")
        return
    print("\nopuslib_next")
    encoder = opuslib_next.Encoder(ENCODE_HZ, 1, opuslib_next.APPLICATION_AUDIO)
    encoder.complexity = 5
    encoder.bitrate = 32_000
    samples = ENCODE_HZ * FRAME_MS // 1000
    packets, cost = timed(lambda frame: encoder.encode(frame, samples), frames)
    tell(f"encode, complexity 5, {rate(packets)}", cost)
    decoder = opuslib_next.Decoder(DECODE_HZ, 1)
    down = [frame[: 2 * DECODE_HZ * FRAME_MS // 1000] for frame in frames]
    uplink, _ = timed(OpusEncoder(DECODE_HZ, FRAME_MS, 0, bitrate_bps=16_000).encode, down)
    _, cost = timed(lambda packet: decoder.decode(packet, DECODE_HZ * FRAME_MS // 1000), uplink)
    tell("decode a board's packets (16 kHz)", cost)


def timed(work: Callable[[bytes], bytes], pieces: list[bytes]) -> tuple[list[bytes], list[float]]:
    """The results, and microseconds of CPU of this thread per piece."""
    results, cost = [], []
    for piece in pieces:
        began = time.thread_time_ns()
        results.append(work(piece))
        cost.append((time.thread_time_ns() - began) / 1000)
    return results, cost


def rate(packets: list[bytes]) -> str:
    return f"{sum(map(len, packets)) * 8 / len(packets) / FRAME_MS:.0f} kbit/s"


def tell(what: str, cost: list[float]) -> None:
    low, high = statistics.quantiles(cost, n=10)[0], statistics.quantiles(cost, n=10)[-1]
    print(f"  {what:58} {statistics.median(cost):6.0f} us  (p10 {low:.0f}, p90 {high:.0f})")


if __name__ == "__main__":
    main()
