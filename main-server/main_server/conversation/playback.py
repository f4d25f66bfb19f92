"""Playback: one reply's Opus packets on an absolute clock, and the ledger of what the person has heard of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from main_server.conversation.heard import expected_ms, heard_part, joined
from main_server.conversation.ports import Channel

AHEAD_FRAMES = 40
"""Packets made ahead of the clock before the voice engine has to wait: 2.4 s at 60 ms, some 10 kB."""

CONGESTED_RETRY_S = 0.02

ECHO_MS = 4_000
"""What was said within this time may still come back as an echo while its words are being recognised."""

OnClause = Callable[[str, float], None]
"""The words that begin to be said, and about how long from now they will last, in ms."""


def _unheeded(text: str, until_ms: float) -> None:
    pass


@dataclass(slots=True)
class Clause:
    """One piece of the reply as it is spoken. `made` packets exist so far, `sent` of them have left."""

    text: str
    emotion: str | None = None
    ends_sentence: bool = True
    made: int = 0
    sent: int = 0
    complete: bool = False  # the voice has made all of it
    announced: bool = False  # subtitle and face were sent
    ours: bool = False  # said ahead of the words of the model
    filler: bool = False  # said while there was nothing to say: no part of the reply


@dataclass(slots=True)
class Pacer:
    """When the next packet is due. Pure: times in, times out (seconds).

    The device plays one frame per `frame_s`. A packet may leave when no more than `lead_frames` frames would then be
    waiting on the device, so `send(i) = t0 + max(0, i - lead) * frame` (PROTOCOL 2.6) as long as packets are there in
    time. When they are not, the clock holds: what comes late is never sent as a burst beyond the lead.
    """

    frame_s: float
    lead_frames: int
    plays_until_s: float = 0.0

    def due_s(self) -> float:
        """The earliest moment for the next packet."""
        return self.plays_until_s - self.lead_frames * self.frame_s

    def restart(self, now_s: float) -> None:
        """The stream goes on after a hold: what the device had not played by then it still has, and no more."""
        self.plays_until_s = max(self.plays_until_s, now_s)

    def stalled(self, now_s: float, untaken_frames: int) -> None:
        """The network took nothing until now: so many frames reach the device only now, and are still to be played."""
        self.plays_until_s = max(self.plays_until_s, now_s + untaken_frames * self.frame_s)

    def sent(self, now_s: float) -> None:
        """Counts one packet as sent at `now_s`.

        Less than a frame late is jitter of this machine: the clock keeps its grid. Later than that, it starts anew.
        """
        dry = now_s >= self.plays_until_s + self.frame_s
        self.plays_until_s = (now_s if dry else self.plays_until_s) + self.frame_s


@dataclass(slots=True)
class Playback:
    """Sends one reply to the device: `put` from the voice's side, `run` as the one task that paces.

    `on_first_frame` is called at the moment the first packet of a clause leaves; `on_clause` as each clause begins.
    """

    channel: Channel
    on_first_frame: Callable[[Clause], None]
    not_before_s: float  # PROTOCOL 2.6: frames right behind `tts start` are lost
    first_number: int = 1  # of this playback's frames within the turn
    on_clause: OnClause = _unheeded
    on_sent: Callable[[bytes], None] | None = None  # each packet that has left
    clauses: list[Clause] = field(default_factory=list)
    last_sent_s: float = 0.0
    _pacer: Pacer = field(init=False)
    _waiting: deque[tuple[Clause, bytes]] = field(default_factory=deque)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _free: asyncio.Event = field(default_factory=asyncio.Event)  # not held
    _ended: bool = False
    _muted: bool = False
    _frames: int = 0
    _untaken_frames: int = 0  # when the socket took no more

    def __post_init__(self) -> None:
        traits = self.channel.traits
        self._pacer = Pacer(traits.downlink.frame_ms / 1000, traits.lead_frames)
        self._room.set()
        self._free.set()

    @property
    def started(self) -> bool:
        """Whether any packet has left."""
        return self._frames > 0

    @property
    def next_number(self) -> int:
        """The number of the next frame within its turn."""
        return self.first_number + self._frames

    @property
    def plays_until_s(self) -> float:
        """Loop time at which the device will have played all that was sent."""
        return self._pacer.plays_until_s

    @property
    def waiting_ms(self) -> float:
        """Sound that is made and has not left."""
        return len(self._waiting) * self._pacer.frame_s * 1000

    def begin(self, clause: Clause) -> None:
        """The packets put from now on belong to this clause."""
        self.clauses.append(clause)

    async def put(self, packet: bytes) -> None:
        """Adds a packet of the newest clause; waits while AHEAD_FRAMES are ahead of the clock."""
        while len(self._waiting) >= AHEAD_FRAMES:
            self._room.clear()
            await self._room.wait()
        clause = self.clauses[-1]
        clause.made += 1
        self._waiting.append((clause, packet))
        self._changed.set()

    def hold(self) -> None:
        """Not one more frame leaves until `resume`. Nothing is lost: the device plays what it has, the rest waits."""
        self._free.clear()

    def resume(self) -> None:
        """Goes on with the frame behind the last one sent. The clock starts from what the device still has to play."""
        if not self._free.is_set():
            self._pacer.restart(asyncio.get_running_loop().time())
            self._free.set()

    def mute(self) -> None:
        """Not one more frame leaves. What was sent stays in the ledger."""
        self._muted = True

    def end(self) -> None:
        """No more packets will come: `run` returns when all have been sent."""
        self._ended = True
        self._changed.set()

    async def run(self) -> None:
        """Paces until `end` was called and everything has left. Cancelling it stops within the frame."""
        loop = asyncio.get_running_loop()
        while await self._something_waits():
            await self._until_due()
            clause, packet = self._waiting[0]
            if self._muted:
                return
            if not clause.announced:
                self._announce(clause)
            if not self.channel.send_audio(packet, self._timestamp_ms()):
                self._untaken_frames = max(self._untaken_frames, self.channel.untaken_frames)
                await asyncio.sleep(CONGESTED_RETRY_S)
                continue
            if self._untaken_frames:
                self._pacer.stalled(loop.time(), self._untaken_frames)
                self._untaken_frames = 0
            self._waiting.popleft()
            self._room.set()
            self._count_sent(clause, loop.time())
            if self.on_sent is not None:
                self.on_sent(packet)

    def heard_text(self) -> str:
        """What the person has heard, or will when the device has played out the frames it holds."""
        frame_ms = self._pacer.frame_s * 1000
        return joined(
            heard_part(clause.text, clause.sent, clause.made if clause.complete else None, frame_ms)
            for clause in self.clauses
            if not clause.filler
        )

    def recent_text(self) -> str:
        """What is being said now and was within ECHO_MS, in whole clauses."""
        recent: list[str] = []
        since_ms = 0.0
        for clause in reversed([clause for clause in self.clauses if clause.announced]):
            recent.append(clause.text)
            since_ms += clause.sent * self._pacer.frame_s * 1000
            if since_ms >= ECHO_MS:
                break
        return joined(reversed(recent))

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._free.wait()
            delay_s = max(self._pacer.due_s(), self.not_before_s) - loop.time()
            if delay_s <= 0:
                return
            await asyncio.sleep(delay_s)

    async def _something_waits(self) -> bool:
        while not self._waiting:
            if self._ended:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def _announce(self, clause: Clause) -> None:
        if clause.emotion is not None:
            self.channel.emotion(clause.emotion)
        self.channel.sentence_start(clause.text.strip())
        clause.announced = True
        waits_ms = max(0.0, self.plays_until_s - asyncio.get_running_loop().time()) * 1000
        self.on_clause(clause.text, waits_ms + expected_ms(clause.text))

    def _count_sent(self, clause: Clause, now_s: float) -> None:
        self._pacer.sent(now_s)
        clause.sent += 1
        self._frames += 1
        self.last_sent_s = now_s
        if clause.sent == 1:
            self.on_first_frame(clause)

    def _timestamp_ms(self) -> int:
        """Unique and non-zero for each packet of a turn (PROTOCOL 2.7, 3.3), on the downlink's own clock."""
        return (self.channel.traits.downlink.frame_ms * self.next_number) & 0xFFFFFFFF
