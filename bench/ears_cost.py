"""What the ears cost: CPU per device-second of decoding, Silero, energy and endpointing. `python bench/ears_cost.py`

The device-second is speech at the share of a talk (about half), with a room's noise between, in packets of 60 ms.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from asr_server.dispatch import Dispatch
from asr_server.endpointing import Endpointing
from asr_server.hearing import LocalHearing
from asr_server.loudness import Loudness
from asr_server.patience import Thresholds
from asr_server.voice_activity import SileroModel, VoiceActivity
from contracts.audio import OpusFormat, OpusPacket
from contracts.hearing import ListenMode, OpenHearing
from sound.opus import OpusDecoder, backend_name

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes.device_sound import packets
from fakes.spoken import noise, say, silence
from fakes.transcriber import ScriptedTranscriber

ROUNDS = 5
DTX = OpusPacket(b"\x58")


def main() -> None:
    parts = []
    for text, voice in (("what time is it", "en"), ("set the volume to fifty", "en"), ("今天天气怎么样", "cmn")):
        parts += [silence(1000), say(text, voice)]
    talk = np.concatenate([*parts, silence(1000)])
    talk = talk + noise(len(talk) / 16, -55, pink=True)[: len(talk)]
    sound = packets(talk)
    seconds = len(sound) * 0.06
    print(f"{seconds:.1f} s of talk, {backend_name()}, best of {ROUNDS}; CPU ms per device-second")
    decoder, model = OpusDecoder(16_000), SileroModel()
    pcm = [decoder.decode(packet.payload) for packet in sound]
    activity, loudness = VoiceActivity(model), Loudness()
    levels = [loudness.push(piece) for piece in pcm]
    probabilities = [activity.push(piece) for piece in pcm]
    windows = sum(map(len, probabilities))

    decode = best(lambda: each(decoder.decode, [packet.payload for packet in sound]))
    silero = best(lambda: each(activity.push, pcm))
    energy = best(lambda: each(loudness.push, pcm))
    rules = best(lambda: endpoint(levels, probabilities))
    for name, cost_s in (("opus decode", decode), ("silero", silero), ("energy", energy), ("endpointing", rules)):
        print(f"  {name:24s} {cost_s * 1000 / seconds:6.2f}")
    print(f"  silero per window        {silero / windows * 1e6:6.0f} us")
    for name, stream in (("session, talking", sound), ("session, DTX silence", [DTX] * len(sound))):
        cost_s = min(asyncio.run(session_cost_s(model, stream)) for _ in range(ROUNDS))
        print(f"  {name:24s} {cost_s * 1000 / seconds:6.2f}")


def best(work: Callable[[], None]) -> float:
    """CPU seconds of the fastest round."""
    costs = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        costs.append(time.process_time() - began)
    return min(costs)


def each(work: Callable[[bytes], object], pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        work(piece)


def endpoint(levels: Sequence[list[float]], probabilities: Sequence[list[float]]) -> None:
    rules = Endpointing(Thresholds.parse("fixed:240"))
    rules.begin(ListenMode.REALTIME, 0)
    for packet_levels, packet_probabilities in zip(levels, probabilities, strict=True):
        rules.hear(packet_levels, packet_probabilities)


async def session_cost_s(model: SileroModel, sound: Sequence[OpusPacket]) -> float:
    """CPU seconds of the whole ears in realtime mode, with a recogniser that answers at once."""
    hearing = LocalHearing(Dispatch(ScriptedTranscriber()), model)
    session = await hearing.open(OpenHearing("bench", OpusFormat(), endpointing="fixed:240"), lambda event: None)
    session.listen(ListenMode.REALTIME)
    began = time.process_time()
    for packet in sound:
        session.packets((packet,))
        await asyncio.sleep(0)
    cost_s = time.process_time() - began
    await session.close()
    return cost_s


if __name__ == "__main__":
    main()
