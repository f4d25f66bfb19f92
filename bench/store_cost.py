"""What a turn costs the store: CPU and time from TurnEnded to the commit, and what listeners add per event.

    python -m bench.store_cost [--turns 2000] [--url postgresql://USER:PASSWORD@HOST/EMPTY_DATABASE]

Three loads: one turn at a time (latency), a steady 30 turns a second as 150 talking devices make them (CPU per turn),
and all at once (throughput). CPU is that of the whole process: event loop, SQLite's thread, listeners; a PostgreSQL
server's own is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from contracts.events import Event, Outcome, SessionOpened, Stage, StageReached, TurnEnded, TurnTimings
from main_server.logs import LogEvents, configure_logging
from main_server.metrics import Metrics
from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.recorder import Recorder

DEVICES = 150
STEADY_PER_S = 30
PATIENCE_S = 120.0


def opened(device: int) -> SessionOpened:
    return SessionOpened(
        at_s=0.0, device_id=f"aa:bb:{device:04}", session_id=f"s{device}", opened_at=datetime.now(UTC), board="bench"
    )


def turn(number: int) -> TurnEnded:
    device = number % DEVICES
    return TurnEnded(
        at_s=0.0,
        device_id=f"aa:bb:{device:04}",
        session_id=f"s{device}",
        turn_id=f"s{device}-{number}",
        started_at=datetime.now(UTC),
        user_text="今天天气怎么样，我要带伞吗？",
        reply_text="今天多云，傍晚可能有小雨，带上伞吧。" * 4,
        heard_text="今天多云，傍晚可能有小雨，带上伞吧。" * 4,
        outcome=Outcome.COMPLETED,
        trigger="speech",
        model="openai",
        timings=TurnTimings(*(float(number % 500) for _ in range(11))),
    )


async def one_at_a_time(recorder: Recorder, turns: int) -> list[float]:
    """Milliseconds from each event to its commit, nothing else waiting."""
    taken_ms = []
    for number in range(turns):
        began = time.perf_counter()
        recorder.on_event(turn(number))
        while recorder.depth:
            await asyncio.sleep(0.001)
        taken_ms.append((time.perf_counter() - began) * 1000)
    return taken_ms


async def steady(recorder: Recorder, turns: int) -> float:
    """CPU milliseconds per turn at STEADY_PER_S."""
    cpu_s, began_s = time.process_time(), time.perf_counter()
    for number in range(turns):
        recorder.on_event(turn(number))
        await asyncio.sleep(max(0.0, began_s + (number + 1) / STEADY_PER_S - time.perf_counter()))
    await recorder.drain(PATIENCE_S)
    return (time.process_time() - cpu_s) * 1000 / turns


async def all_at_once(recorder: Recorder, turns: int) -> tuple[float, float]:
    """CPU milliseconds per turn, and turns per second."""
    cpu_s, began_s = time.process_time(), time.perf_counter()
    for number in range(turns):
        recorder.on_event(turn(number))
    await recorder.drain(PATIENCE_S)
    return (time.process_time() - cpu_s) * 1000 / turns, turns / (time.perf_counter() - began_s)


def per_event_us(listener: Callable[[Event], None], event: Event, times: int = 5_000) -> float:
    """CPU microseconds of one call, the log's thread included."""
    cpu_s = time.process_time()
    for _ in range(times):
        listener(event)
    return (time.process_time() - cpu_s) * 1e6 / times


async def measure(turns: int, url: str) -> None:
    began_s = time.perf_counter()
    await migrate(url)
    migrated_ms = (time.perf_counter() - began_s) * 1000
    database = open_database(url)
    recorder = Recorder(database)
    await recorder.start()
    for device in range(DEVICES):
        recorder.on_event(opened(device))
    await recorder.drain(PATIENCE_S)

    alone_ms = await one_at_a_time(recorder, min(turns, 200))
    steady_ms = await steady(recorder, min(turns, 300))
    burst_ms, per_s = await all_at_once(recorder, min(turns, 2_000))
    await recorder.close()
    await database.close()

    heard = StageReached(at_s=0.0, device_id="aa", session_id="s1", turn_id="s1-1", stage=Stage.HEARD)
    metrics = Metrics()
    writer = configure_logging("json", stream=io.StringIO())
    print(f"migrate an empty database     {migrated_ms:8.1f} ms")
    print(f"turn to commit, alone   p50   {statistics.median(alone_ms):8.1f} ms")
    print(f"                        p95   {statistics.quantiles(alone_ms, n=20)[-1]:8.1f} ms")
    print(f"{STEADY_PER_S} turns a second           {steady_ms:8.2f} ms CPU per turn")
    print(f"all at once                   {burst_ms:8.2f} ms CPU per turn, {per_s:.0f} turns/s")
    print(f"metrics, TurnEnded            {per_event_us(metrics.on_event, turn(1)):8.1f} us")
    print(f"metrics, StageReached         {per_event_us(metrics.on_event, heard):8.1f} us")
    print(f"log, TurnEnded                {per_event_us(LogEvents().on_event, turn(1)):8.1f} us")
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=2_000, help="most turns per load")
    parser.add_argument("--url", default="", help="an empty database; SQLite in a temporary folder unless named")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(arguments.turns, arguments.url or default_url(Path(folder))))


if __name__ == "__main__":
    main()
