"""How far one toy's hung vendors move the frames of the others: `python -m bench.hung_vendor [--toys N]`

Toys talk with a whole server and stub engines. Then one recogniser's, one model's and one voice's request are left
unanswered for ten seconds. A frame is late by what it comes after its place in the 60 ms grid of its own reply (the
median of the reply's frames). Turns that hung themselves are left out; there are at most three a round.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import statistics
import tempfile
from pathlib import Path

import uvloop

from bench.load import TURN_S, toys_at
from bench.processes import core_plan
from bench.run import Bench
from bench.simulated_toy import FRAME_S, Log, Turn
from bench.stubs import HUNG_S
from bench.utterance import Utterance, utterance
from toy.timing import percentile

LEAD_FRAMES = 4
"""The first frames of a reply come ahead of time."""
HUNG_ITSELF_S = 3.0
MOVED_MS = 10.0


async def main(args: argparse.Namespace, spoken: Utterance, folder: Path) -> None:
    log = Log()
    _, others, _ = core_plan()
    async with Bench(args, folder) as running:
        if others:
            os.sched_setaffinity(0, map(int, others.split(",")))  # toys leave the server's core alone
        toys = toys_at(running.url, args.toys, [spoken], log)
        for toy in toys:
            await asyncio.sleep(random.uniform(0, 2 * TURN_S / args.toys))
            await toy.start()
        print(f"{running.pinning}; {args.toys} toys")
        print("round         frames   late p50   p99   max ms   over 10 ms: frames, turns   turns that hung")
        for number in range(args.rounds):
            report(f"{number + 1} undisturbed", await window(log))
            running.stubs.signal(signal.SIGUSR1)
            report(f"{number + 1} hung", await window(log))
        for toy in toys:
            toy.stop()
    print(f"underruns {sum(turn.underruns for turn in log.turns)}, failures {dict(log.failures)}")


async def window(log: Log) -> list[Turn]:
    """Turns whose reply ended while one vendor's request could hang."""
    began = len(log.turns)
    await asyncio.sleep(HUNG_S + 2)
    return log.turns[began:]


def report(name: str, turns: list[Turn]) -> None:
    late = [late_s(turn.arrivals_s) for turn in turns if len(turn.arrivals_s) > 2 * LEAD_FRAMES]
    hung = sum(max(each) > HUNG_ITSELF_S for each in late)
    others_ms = [[1000 * value for value in each] for each in late if max(each) <= HUNG_ITSELF_S]
    late_ms = [value for each in others_ms for value in each]
    moved = [sum(value > MOVED_MS for value in each) for each in others_ms]
    frames, in_turns = sum(moved), sum(count > 0 for count in moved)
    p50, p99 = percentile(late_ms, 50) or 0.0, percentile(late_ms, 99) or 0.0
    times = f"{p50:8.1f} {p99:5.1f} {max(late_ms):8.1f}"
    print(f"{name:15s}{len(late_ms):5d}   {times}   {frames:18d}, {in_turns:5d}   {hung}", flush=True)


def late_s(arrivals_s: list[float]) -> list[float]:
    """Of each frame after the lead."""
    places_s = [at_s - FRAME_S * number for number, at_s in enumerate(arrivals_s)][LEAD_FRAMES:]
    grid_s = statistics.median(places_s)
    return [place_s - grid_s for place_s in places_s]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--toys", type=int, default=23)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--homes", choices=("inside", "sockets"), default="inside")
    parser.set_defaults(pin=True, recording=None, endpointing="fixed", half_below_s=0.0)
    said = utterance(None)
    with tempfile.TemporaryDirectory(prefix="zhiyin-bench-", ignore_cleanup_errors=True) as place:
        uvloop.run(main(parser.parse_args(), said, Path(place)))
