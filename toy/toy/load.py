"""Many boards in one process, each talking for itself: `zhiyin toy load`. For measuring, `make bench` is cheaper."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from contracts.audio import Pcm
from contracts.errors import ZhiyinError
from toy.board import Board, Mode
from toy.channel import Address
from toy.talk import say, type_text
from toy.timing import BROKE_OFF, TurnRecord, percentile

RETRY_AFTER_S = 3.0
START_SPREAD_S = 5.0


@dataclass(slots=True)
class Summary:
    """What N boards saw together."""

    turns: int = 0
    silences_ms: list[float] = field(default_factory=list)
    underruns: int = 0
    lost_packets: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, record: TurnRecord) -> None:
        if not record.whole:
            self.failures[BROKE_OFF] += 1
            return
        self.turns += 1
        self.underruns += record.underruns
        self.lost_packets += record.lost_packets
        silence_ms = record.since_voice_ms(record.first_sound_s)
        if silence_ms is not None:
            self.silences_ms.append(silence_ms)

    def lines(self) -> list[str]:
        p50, p95 = percentile(self.silences_ms, 50), percentile(self.silences_ms, 95)
        silence = "no turn was measured" if p50 is None or p95 is None else f"p50 {p50:.0f} ms, p95 {p95:.0f} ms"
        lines = [
            f"{self.turns} turns answered; end of the voice to the first sound: {silence}",
            f"{self.underruns} underruns, {self.lost_packets} packets lost to a full queue, "
            f"{self.failures.total()} failures",
        ]
        return lines + [f"  {count} x {sentence}" for sentence, count in self.failures.most_common(5)]


def nth_device_id(first: str, number: int) -> str:
    """The Device-Id `number` places after `first`, which is a MAC address in lower case with colons."""
    value = (int(first.replace(":", ""), 16) + number) % (1 << 48)
    return ":".join(f"{value:012x}"[index : index + 2] for index in range(0, 12, 2))


async def load(
    address: Address,
    things_to_say: Sequence[Pcm | str],
    *,
    toys: int,
    minutes: float,
    mode: Mode,
    nth_client_id: Callable[[str], str],
) -> Summary:
    """Lets `toys` boards say these things again and again for `minutes`; a failing one tries again 3 s later."""
    summary = Summary()
    addresses = []
    for number in range(toys):
        device_id = nth_device_id(address.device_id, number)
        addresses.append(replace(address, device_id=device_id, client_id=nth_client_id(device_id)))
    loop = asyncio.get_running_loop()
    tasks = [
        loop.create_task(_talk_on(one, things_to_say, mode, summary, START_SPREAD_S * number / toys))
        for number, one in enumerate(addresses)
    ]
    try:
        await asyncio.sleep(minutes * 60)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return summary


async def _talk_on(
    address: Address, things_to_say: Sequence[Pcm | str], mode: Mode, summary: Summary, start_after_s: float
) -> None:
    await asyncio.sleep(start_after_s)
    async with Board(address, mode=mode) as board:
        while True:
            for thing in things_to_say:
                try:
                    turn = type_text(board, thing) if isinstance(thing, str) else say(board, thing)
                    summary.add(await turn)
                except ZhiyinError as error:
                    summary.failures[str(error)] += 1
                    await board.drop()
                    await asyncio.sleep(RETRY_AFTER_S)
