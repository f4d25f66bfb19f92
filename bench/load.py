"""N simulated toys in one process: `python -m bench.load --devices N --seconds S`. Prints one JSON object.

All toys talk at once, each in a phase of its own. Says `measuring` on stdout when they have all had a turn's time to
settle, and counts only turns whose voice ended between then and the end of the window.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import uvloop

from bench.simulated_toy import Log, SimulatedToy, Turn
from bench.utterance import Utterance, halves_in_every_phase, in_every_phase
from contracts.errors import ZhiyinError
from toy.load import nth_device_id
from toy.timing import percentile

FIRST_DEVICE_ID = "02:62:65:6e:00:00"
TURN_S = 11.0
"""About one turn: sentence, silence, reply. Toys start spread over this long, so that they are evenly out of step."""


async def load(url: str, devices: int, seconds: float, spoken: Sequence[Utterance]) -> dict[str, object]:
    """The load's figures: turns, failures, frames, and how late this process itself was."""
    log = Log()
    toys = toys_at(url, devices, spoken, log)
    starts = asyncio.gather(*(_start_later(toy, random.uniform(0, TURN_S)) for toy in toys))
    watch = asyncio.create_task(_watch(toys))
    await starts
    await asyncio.sleep(TURN_S / 2)
    _forget(log)
    began_s, began_cpu_s = monotonic(), _cpu_s()
    print("measuring", flush=True)
    await asyncio.sleep(seconds)
    window_s, cpu_s = monotonic() - began_s, _cpu_s() - began_cpu_s
    frames = (log.frames_up, log.frames_down)
    print("measured", flush=True)
    # Turns whose voice ended in the window may still be talking; the server's CPU is no longer counted.
    await asyncio.sleep(TURN_S)
    watch.cancel()
    for toy in toys:
        toy.stop()
    turns = [turn for turn in log.turns if began_s <= turn.voice_ended_s <= began_s + window_s]
    return _figures(log, turns) | {
        "window_s": window_s,
        "generator_cores": cpu_s / window_s,
        "frames_up": frames[0],
        "frames_down": frames[1],
    }


async def first_turns(url: str, count: int, spoken: Sequence[Utterance]) -> dict[str, object]:
    """The first turns of one toy with a server that has just started."""
    log = Log()
    (toy,) = toys_at(url, 1, spoken, log)
    await toy.start()
    deadline_s = monotonic() + count * 30
    while len(log.turns) < count and not log.failures and monotonic() < deadline_s:
        await asyncio.sleep(0.1)
        toy.check_deadline(monotonic())
    toy.stop()
    return _figures(log, log.turns)


def toys_at(url: str, devices: int, spoken: Sequence[Utterance], log: Log) -> list[SimulatedToy]:
    """Toys of that server, not started yet; they share the utterances evenly."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    path = parts.path or "/"
    return [
        SimulatedToy(host, port, path, nth_device_id(FIRST_DEVICE_ID, number), spoken[number % len(spoken)], log)
        for number in range(devices)
    ]


async def _start_later(toy: SimulatedToy, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await toy.start()


async def _watch(toys: list[SimulatedToy]) -> None:
    while True:
        await asyncio.sleep(1)
        now_s = monotonic()
        for toy in toys:
            toy.check_deadline(now_s)


def _forget(log: Log) -> None:
    log.turns.clear()
    log.failures.clear()
    log.lateness_s.clear()
    log.frames_up = log.frames_down = log.early_packets = log.lost_packets = 0


def _figures(log: Log, turns: list[Turn]) -> dict[str, object]:
    lateness_s = percentile(log.lateness_s, 99) or 0.0
    return {
        "silence_ms": [round(1000 * (turn.first_sound_s - turn.voice_ended_s), 2) for turn in turns],
        "stt_ms": [round(1000 * (turn.stt_s - turn.voice_ended_s), 2) for turn in turns if turn.stt_s],
        "after_stt_ms": [round(1000 * (turn.first_sound_s - turn.stt_s), 2) for turn in turns if turn.stt_s],
        "first_packet_ms": [round(1000 * (turn.first_packet_s - turn.voice_ended_s), 2) for turn in turns],
        "underruns": sum(turn.underruns for turn in turns),
        "failures": dict(log.failures),
        "early_packets": log.early_packets,
        "lost_packets": log.lost_packets,
        "generator_late_p99_ms": round(1000 * lateness_s, 2),
    }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--url", default="ws://127.0.0.1:8000/xiaozhi/v1/")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--first-turns", type=int, help="only take so many turns with one toy, and no more")
    parser.add_argument("--recording", type=Path, help="say this instead of the sentence by espeak-ng")
    parser.add_argument("--halves", action="store_true", help="say the sentence with a pause in its unfinished middle")
    args = parser.parse_args()
    try:
        spoken = halves_in_every_phase() if args.halves else in_every_phase(args.recording)
    except ZhiyinError as error:
        print(error, file=sys.stderr)
        return 1
    if args.first_turns:
        figures = uvloop.run(first_turns(args.url, args.first_turns, spoken))
    else:
        figures = uvloop.run(load(args.url, args.devices, args.seconds, spoken))
    print(json.dumps(figures), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
