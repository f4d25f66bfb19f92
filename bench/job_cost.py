"""What a recogniser behind asr-worker's socket adds to a turn: `python bench/job_cost.py [--jobs N]`

The time of a job with two seconds of sound to a recogniser that answers at once, called directly and through an
asr-worker in a process of its own, one job at a time; and the time of a refusal when the worker is full.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from asr_worker.app import AsrWorker, run
from asr_worker.client import WorkerDeadlines
from asr_worker.engines.worker import LinkedTranscriber
from asr_worker.working import MAX_JOBS
from contracts.audio import Pcm
from contracts.errors import EngineBusy
from contracts.transcription import Transcriber, TranscriptionRequest
from fakes.transcriber import Line, ScriptedTranscriber
from serving.access import Access

TOKEN = "bench"
SOUND = Pcm(bytes(64_000), 16_000)
QUICK, HELD = "--serve", "--serve-held"


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    jobs = parser.parse_args().jobs
    print(f"{jobs} jobs of {SOUND.duration_ms / 1000:g} s of sound; ms")
    direct = await measure("direct", jobs, lambda: job(ScriptedTranscriber(shared=True)))
    async with worker(QUICK) as linked:
        socket = await measure("asr-worker", jobs, lambda: job(linked))
    print(f"  added         p50 {socket - direct:6.2f}")
    async with worker(HELD) as linked:
        taken = [asyncio.create_task(job(linked)) for _ in range(MAX_JOBS)]
        await asyncio.sleep(0.5)
        await measure("refusal", jobs, lambda: refused(linked))
        for each in taken:
            each.cancel()
        await asyncio.gather(*taken, return_exceptions=True)


async def measure(name: str, jobs: int, one: Callable[[], Awaitable[None]]) -> float:
    """Prints and returns the median in milliseconds."""
    times_ms = []
    for _ in range(jobs + 20):
        began_s = time.perf_counter()
        await one()
        times_ms.append((time.perf_counter() - began_s) * 1000)
    times_ms = sorted(times_ms[20:])
    print(f"  {name:12s}  p50 {statistics.median(times_ms):6.2f}   p99 {times_ms[int(len(times_ms) * 0.99)]:6.2f}")
    return statistics.median(times_ms)


async def job(transcriber: Transcriber) -> None:
    work = transcriber.open(TranscriptionRequest())
    work.feed(SOUND.data)
    await work.finish()
    await work.close()


async def refused(transcriber: Transcriber) -> None:
    try:
        await job(transcriber)
    except EngineBusy:
        return
    raise SystemExit("the worker took a job too many")


@asynccontextmanager
async def worker(kind: str) -> AsyncIterator[LinkedTranscriber]:
    """A caller of one in a process of its own."""
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, kind, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    while b"jobs" not in (line := await process.stdout.readline()):
        assert line, "the worker stopped"
    port = int(line.rsplit(b":", 1)[1])
    transcriber = LinkedTranscriber("127.0.0.1", port, TOKEN, deadlines=WorkerDeadlines(transcribe_s=120))
    try:
        await transcriber.warm()
        yield transcriber
    finally:
        await transcriber.close()
        process.kill()
        await process.wait()


def serve(line: Line) -> None:
    run(AsrWorker(ScriptedTranscriber(line, shared=True), TOKEN), Access(), "127.0.0.1", 0, 0, {})


if __name__ == "__main__":
    if QUICK in sys.argv:
        serve(Line())
    elif HELD in sys.argv:
        serve(Line(hold=asyncio.Event()))
    else:
        import uvloop

        uvloop.run(main())
