"""What ears in another process add to a turn: `python bench/hearing_home_cost.py [--turns N] [--toys N]`

Measured from the packet that ends an utterance being given to the ears until the Utterance is told, with a recogniser
that answers at once, in this process and through asr-server's WebSocket in a process of its own; `--toys` more sessions
stream a packet every 60 ms meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np

from asr_server.app import AsrServer, run
from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat, OpusPacket
from contracts.hearing import Hearing, HearingEvent, HearingSession, ListenMode, OpenHearing, Utterance
from hearing_client.hearing import RemoteHearing
from serving.access import Access

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes.device_sound import packets
from fakes.spoken import say, silence
from fakes.transcriber import ScriptedTranscriber

REQUEST = OpenHearing("bench", OpusFormat(), endpointing="fixed:240")
SERVE = "--serve"
SETTLE_S = 0.05
FRAME_S = 0.06


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--toys", type=int, default=0)
    args = parser.parse_args()
    local = LocalHearing(Dispatch(ScriptedTranscriber(shared=True)), SileroModel())
    sound = packets(np.concatenate([silence(300), say("what time is it"), silence(600)]))
    last = await committing_packet(local, sound)
    medians = {}
    async with asr_server() as url:
        remote = RemoteHearing(url)
        print(f"{args.turns} turns each, {args.toys} other toys; ms from the last packet to the utterance")
        for name, hearing in (("in process", local), ("socket", remote)):
            times_ms = sorted(await measure(hearing, sound[: last + 1], args.turns, args.toys))
            medians[name] = statistics.median(times_ms)
            p99 = times_ms[int(len(times_ms) * 0.99)]
            print(f"  {name:12s} p50 {medians[name]:6.2f}   p99 {p99:6.2f}")
        await remote.close()
    print(f"  added        p50 {medians['socket'] - medians['in process']:6.2f}")


async def measure(hearing: Hearing, sound: list[OpusPacket], turns: int, toys: int) -> list[float]:
    loop = asyncio.get_running_loop()
    times_ms = []
    async with AsyncExitStack() as stack:
        for number in range(toys):
            await stack.enter_async_context(streaming(hearing, sound, FRAME_S * number / toys))
        told: asyncio.Queue[HearingEvent] = asyncio.Queue()
        session = await hearing.open(REQUEST, told.put_nowait)
        for _ in range(turns):
            session.listen(ListenMode.AUTO)
            session.packets(sound[:-1])
            await asyncio.sleep(SETTLE_S)
            began_s = loop.time()
            session.packets(sound[-1:])
            await utterance(told)
            times_ms.append((loop.time() - began_s) * 1000)
        await session.close()
    return times_ms


async def utterance(told: asyncio.Queue[HearingEvent]) -> None:
    async with asyncio.timeout(10):
        while not isinstance(await told.get(), Utterance):
            pass


async def committing_packet(hearing: Hearing, sound: list[OpusPacket]) -> int:
    """The packet after which nothing more is needed."""
    told: list[HearingEvent] = []
    session = await hearing.open(REQUEST, told.append)
    session.listen(ListenMode.AUTO)
    for number, packet in enumerate(sound):
        session.packets([packet])
        await asyncio.sleep(0.01)
        if any(isinstance(event, Utterance) for event in told):
            await session.close()
            return number
    raise SystemExit("The ears heard no utterance in the sound of the bench.")


@asynccontextmanager
async def streaming(hearing: Hearing, sound: list[OpusPacket], after_s: float) -> AsyncIterator[None]:
    """Another toy that talks all the time."""
    session = await hearing.open(REQUEST, lambda event: None)
    task = asyncio.create_task(stream(session, sound, after_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await session.close()


async def stream(session: HearingSession, sound: list[OpusPacket], after_s: float) -> None:
    await asyncio.sleep(after_s)
    session.listen(ListenMode.REALTIME)
    while True:
        for packet in sound:
            session.packets([packet])
            await asyncio.sleep(FRAME_S)


@asynccontextmanager
async def asr_server() -> AsyncIterator[str]:
    command = (sys.executable, __file__, SERVE)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            await process.stdout.readline()
            url = (await process.stdout.readline()).decode().split()[-1]
        yield url
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    if SERVE in sys.argv:
        run(AsrServer(ScriptedTranscriber(shared=True), Access(trust_this_machine=True)), "127.0.0.1", 0, "bench")
    else:
        asyncio.run(main())
