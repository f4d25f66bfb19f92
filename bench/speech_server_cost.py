"""What `zhiyin tts-server` adds to the time until the first sound, over the same engine called directly.

    python bench/speech_server_cost.py [--texts 200]

The service runs in a process of its own with the built-in engine; main-server's client asks it for raw PCM over a kept
connection, as a turn does. The two ways take turns, so that both see the same machine. Result: docs/engines.md.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import time
import urllib.request
from contextlib import aclosing

import uvloop

from contracts.speech import Synthesizer, VoiceChoice, one
from tts_server.engines.espeak import EspeakSynthesizer
from tts_server.engines.openai import OpenAISynthesizer
from tts_server.serving import run
from tts_server.settings import load_settings

PORT = 18_003
WARM_UP_TEXTS = 20
START_S = 30.0
TEXT = "Good evening, this is sentence number {number}."


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--texts", type=int, default=200)
    options = arguments.parse_args()
    service = multiprocessing.get_context("spawn").Process(target=serve, daemon=True)
    service.start()
    try:
        wait_until_ready()
        direct_ms, socket_ms = uvloop.run(measure(options.texts))
    finally:
        service.terminate()
        service.join()
    for name, taken_ms in (("called directly", direct_ms), ("through tts-server", socket_ms)):
        print(f"{name:20} p50 {statistics.median(taken_ms):6.2f} ms   p95 {percentile(taken_ms, 95):6.2f} ms")
    added_ms = [through - direct for direct, through in zip(direct_ms, socket_ms, strict=True)]
    print(f"{'added':20} p50 {statistics.median(added_ms):6.2f} ms   p95 {percentile(added_ms, 95):6.2f} ms")


async def measure(texts: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the text to its first sound: called directly, through the service."""
    direct, remote = EspeakSynthesizer(), OpenAISynthesizer(f"http://127.0.0.1:{PORT}/v1")
    taken_ms: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_UP_TEXTS + texts):
        for engine, taken in zip((direct, remote), taken_ms, strict=True):
            first_ms = await first_sound_ms(engine, TEXT.format(number=number))
            if number >= WARM_UP_TEXTS:
                taken.append(first_ms)
    await remote.close()
    return taken_ms


async def first_sound_ms(engine: Synthesizer, text: str) -> float:
    """Takes the whole text, so that nothing of it runs into the next one's time."""
    began_s = time.perf_counter()
    first_s: float | None = None
    async with aclosing(engine.speak(one(text), VoiceChoice())) as sound:  # type: ignore[type-var]
        async for _ in sound:
            first_s = first_s or time.perf_counter()
    if first_s is None:
        raise SystemExit("no sound came")
    return (first_s - began_s) * 1000


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def serve() -> None:
    run(load_settings(tts_server_port=PORT, tts_server_host="127.0.0.1", tts_server_engine="local:espeak"))


def wait_until_ready() -> None:
    give_up_s = time.monotonic() + START_S
    while time.monotonic() < give_up_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ready", timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit("the service did not start")


if __name__ == "__main__":
    main()
