"""What a recogniser behind asr-worker's socket adds to a transcription: `python bench/worker_home_cost.py [--turns N]`

Three seconds of sound, given in pieces of 60 ms as an utterance grows, and a recogniser that answers at once: in this
process and in a worker of its own. The two ways take turns. Measured from `finish` to the text.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import uvloop

from asr_worker.app import AsrWorker, run
from asr_worker.engines.worker import LinkedTranscriber
from contracts.transcription import Transcriber, TranscriptionRequest
from serving.access import Access

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes.transcriber import ScriptedTranscriber

SERVE = "--serve"
TOKEN = "bench"
PIECE = b"\1\0" * 960
PIECES = 50
WARM_UP = 20


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=500)
    turns = parser.parse_args().turns
    async with worker() as port:
        linked = LinkedTranscriber("127.0.0.1", port, TOKEN)
        ways: dict[str, Transcriber] = {"in process": ScriptedTranscriber(shared=True), "asr-worker": linked}
        taken_ms: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(WARM_UP + turns):
            for name, transcriber in ways.items():
                taken_ms[name].append(await transcribe_ms(transcriber))
        await linked.close()
    print(f"{turns} utterances of {PIECES * 60 / 1000:.0f} s each way; ms from the last sound to the text")
    for name, each in taken_ms.items():
        *_, p99 = statistics.quantiles(each[WARM_UP:], n=100)
        print(f"  {name:12s} p50 {statistics.median(each[WARM_UP:]):6.2f}   p99 {p99:6.2f}")


async def transcribe_ms(transcriber: Transcriber) -> float:
    work = transcriber.open(TranscriptionRequest("bench"))
    for _ in range(PIECES):
        work.feed(PIECE)
    began_s = perf_counter()
    await work.finish()
    taken_s = perf_counter() - began_s
    await work.close()
    return 1000 * taken_s


@asynccontextmanager
async def worker() -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, SERVE, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while b"tcp://" not in (line := await process.stdout.readline()):
                assert line, "the worker ended"
        yield int(line.decode().rpartition(":")[2])
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    if SERVE in sys.argv:
        recogniser = ScriptedTranscriber(shared=True)
        run(AsrWorker(recogniser, TOKEN), Access(trust_this_machine=True), "127.0.0.1", 0, 0, {})
    else:
        uvloop.run(main())
