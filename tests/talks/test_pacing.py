"""Pacing over minutes, jitter and stalls: what leaves when, and whether the ledger knows what the device plays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from contracts.audio import OpusFormat
from fakes.conversation_actors import ToyChannel
from fakes.virtual_time import VirtualLoop, run_virtual
from main_server.conversation.playback import Clause, Playback
from main_server.conversation.ports import DeviceTraits
from toy.playback import DECODE_QUEUE_PACKETS
from toy.playback import Playback as Loudspeaker

FRAME_S = 0.06


def nothing_late() -> float:
    return 0.0


@dataclass
class Network(ToyChannel):
    """A channel with a device at its end. Packets arrive in order, each `late_s()` after it was sent; while the network
    stalls they pile up, and at `pipe_frames` the socket takes no more."""

    late_s: Callable[[], float] = nothing_late
    pipe_frames: int = 16
    stalled: bool = False
    loudspeaker: Loudspeaker = field(default_factory=Loudspeaker)
    arrived_s: float = 0.0

    def send_audio(self, payload: bytes, timestamp_ms: int) -> bool:
        if self.stalled and self.untaken_frames >= self.pipe_frames:
            return False
        super().send_audio(payload, timestamp_ms)
        if self.stalled:
            self.untaken_frames += 1
        else:
            self._arrive()
        return True

    def recover(self) -> None:
        self.stalled = False
        while self.untaken_frames:
            self.untaken_frames -= 1
            self._arrive()

    def _arrive(self) -> None:
        self.arrived_s = max(self.arrived_s, asyncio.get_running_loop().time() + self.late_s())
        self.loudspeaker.arrive(self.arrived_s)


def toy_with(lead_frames: int, late_s: Callable[[], float] = nothing_late) -> Network:
    return Network(traits=DeviceTraits(downlink=OpusFormat(24_000, 60), lead_frames=lead_frames), late_s=late_s)


async def say(toy: ToyChannel, frames: int) -> Playback:
    """One reply of so many packets, to its end."""
    playback = Playback(toy, lambda clause: None, asyncio.get_running_loop().time())
    playback.begin(Clause("a long story"))
    running = asyncio.create_task(playback.run())
    for _ in range(frames):
        await playback.put(b"packet")
    playback.end()
    await running
    return playback


@pytest.mark.parametrize("lead_frames", [0, 3])
def test_ten_minutes_end_when_ten_minutes_are_over(lead_frames: int) -> None:
    frames = 10_000

    async def talk() -> list[float]:
        toy = toy_with(lead_frames)
        await say(toy, frames)
        return toy.times("audio")

    times = run_virtual(talk())
    wanted = [times[0] + max(0, number - lead_frames) * FRAME_S for number in range(frames)]
    assert max(abs(at_s - due_s) for at_s, due_s in zip(times, wanted, strict=True)) < 0.001


def test_a_machine_that_is_always_a_little_late_does_not_fall_behind() -> None:
    late = random.Random(1)

    async def talk() -> list[float]:
        loop = cast(VirtualLoop, asyncio.get_running_loop())

        class Slow(Network):
            def send_audio(self, payload: bytes, timestamp_ms: int) -> bool:
                loop._jumping.now_s += late.uniform(0, 0.03)
                return super().send_audio(payload, timestamp_ms)

        toy = Slow(traits=DeviceTraits(lead_frames=3))
        await say(toy, 10_000)
        return toy.times("audio")

    times = run_virtual(talk())
    assert abs(times[-1] - times[0] - (10_000 - 1 - 3) * FRAME_S) < FRAME_S


@pytest.mark.parametrize(("lead_frames", "jitter_s"), [(0, 0.055), (2, 0.17), (3, 0.23)])
def test_jitter_within_lead_and_buffer_makes_no_hole_and_the_ledger_knows_the_end(
    lead_frames: int, jitter_s: float
) -> None:
    jitter = random.Random(2)

    def late_s() -> float:
        sent = len(toy.timestamps_ms)
        if sent == 1:
            return 0.0
        return jitter.uniform(0, jitter_s if sent > lead_frames + 1 else 0.05)  # the lead has to arrive first

    async def talk() -> Playback:
        return await say(toy, 2_000)

    toy = toy_with(lead_frames, late_s)
    playback = run_virtual(talk())
    assert (toy.loudspeaker.underruns, toy.loudspeaker.dropped) == (0, 0)
    assert playback.clauses[0].sent == 2_000
    assert abs(toy.loudspeaker.ends_s - playback.plays_until_s) <= FRAME_S + 0.001


@pytest.mark.parametrize("stall_s", [1.5, 4.0, 20.0])
def test_after_a_stall_the_clock_goes_on_from_what_the_device_still_has_to_play(stall_s: float) -> None:
    async def talk() -> tuple[Network, Playback]:
        toy = toy_with(3)
        loop = asyncio.get_running_loop()

        def stall() -> None:
            toy.stalled = True

        loop.call_later(3, stall)
        loop.call_later(3 + stall_s, toy.recover)
        return toy, await say(toy, 500)

    toy, playback = run_virtual(talk())
    assert toy.loudspeaker.underruns == 1  # the stall itself, and no other
    assert toy.loudspeaker.dropped == 0
    assert len(toy.times("audio")) == 500
    assert abs(toy.loudspeaker.ends_s - playback.plays_until_s) <= FRAME_S + 0.001


def test_after_a_stall_no_more_than_the_lead_leaves_at_once() -> None:
    async def talk() -> tuple[Network, float]:
        toy = toy_with(3)
        loop = asyncio.get_running_loop()
        recovers_s = loop.time() + 6
        loop.call_later(2, setattr, toy, "stalled", True)
        loop.call_at(recovers_s, toy.recover)
        await say(toy, 300)
        return toy, recovers_s

    toy, recovers_s = run_virtual(talk())
    soon = [at_s for at_s in toy.times("audio") if recovers_s <= at_s < recovers_s + 0.5]
    assert len(soon) <= 3 + 1
    assert toy.loudspeaker.waiting(recovers_s + 0.1) <= DECODE_QUEUE_PACKETS / 2
