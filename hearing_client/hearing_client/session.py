"""One session's ears elsewhere: it outlives the connection, and asks again for what it has not been told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from contracts.audio import OpusPacket
from contracts.errors import EngineBusy, EngineUnavailable
from contracts.hearing import Deliver, HearingFailed, ListenMode, OpenHearing
from contracts.hearing_wire import (
    Close,
    Command,
    Expect,
    Listen,
    Open,
    Refused,
    Reset,
    Speaking,
    Stop,
    Told,
    command_text,
    event_of,
    packet_frames,
)
from hearing_client.open_listen import OpenListen

ENGINE = "hearing"
RECONNECT_S = 5.0
"""A listen that is without a connection for this long has failed."""

PLAYED_KEPT = 64
"""Packets of the loudspeaker that another connection is told of: more than a device can have waiting."""

_MOST_DOUBLINGS = 4
_MOST_CHARACTERS = 4096

Frame = str | bytes


class RemoteSession:
    """Implements contracts.hearing.HearingSession. `send` takes a frame, or drops it while there is no connection."""

    def __init__(
        self,
        number: int,
        request: OpenHearing,
        deliver: Deliver,
        send: Callable[[Frame], None],
        left: Callable[[int], None],
        problem: Callable[[], str],
    ) -> None:
        self._number = number
        self._request = request
        self._deliver = deliver
        self._send = send
        self._left = left
        self._problem = problem
        self._answer: asyncio.Future[Refused | None] = asyncio.get_running_loop().create_future()
        self._connected = False
        self._refused = False
        self._closed = False
        self._open: OpenListen | None = None
        self._listens = 0
        self._sample = 0
        self._expecting = ""
        self._played: deque[OpusPacket] = deque(maxlen=PLAYED_KEPT)
        self._failures = 0
        self._giving_up: asyncio.TimerHandle | None = None

    @property
    def sample(self) -> int:
        """The offset of the next sample: we count, the server goes by it."""
        return self._open.end if self._open is not None else self._sample

    # Commands

    def listen(self, mode: ListenMode) -> None:
        """Begins afresh."""
        if self._closed:
            return
        self._forget()
        self._listens += 1
        self._open = OpenListen(self._listens, mode, self._sample, self._request.audio.frame_ms)
        if not self._connected:
            self._wait_for_connection()
            return
        if self._refused:
            self._refused = False
            self._command(Open(self._number, self._request))
        self._command(Listen(self._number, self._listens, mode, self._sample))

    def packets(self, packets: Sequence[OpusPacket]) -> None:
        """Sends them on and keeps them for the case that the connection is lost."""
        listen = self._open
        if listen is None or listen.stopped:
            return
        for packet in packets:
            listen.add(packet)
        if self._connected:
            for frame in packet_frames(self._number, packets):
                self._send(frame)

    def played(self, packets: Sequence[OpusPacket]) -> None:
        """What the loudspeaker plays; the last of it is kept for the case that the connection is lost."""
        self._played.extend(packets)
        if self._connected:
            for frame in packet_frames(self._number, packets, played=True):
                self._send(frame)

    def stop(self) -> None:
        """The button was released."""
        if self._open is not None:
            self._open.stopped = True
            self._command(Stop(self._number))

    def reset(self) -> None:
        """Deaf until the next listen."""
        self._forget()
        self._command(Reset(self._number))

    def expect(self, kind: str) -> None:
        self._expecting = kind[:_MOST_CHARACTERS]
        self._command(Expect(self._number, self._expecting))

    def speaking(self, text: str, until_ms: float) -> None:
        self._command(Speaking(self._number, text[:_MOST_CHARACTERS], until_ms))

    async def close(self) -> None:
        """No event follows; the server frees its side when it hears of it."""
        if self._closed:
            return
        self._forget()
        self._command(Close(self._number))
        self._closed = True
        self._left(self._number)

    async def opened(self, deadline_s: float) -> None:
        """Waits for the server's answer; a lost connection counts as one. Raises EngineUnavailable, EngineBusy."""
        try:
            async with asyncio.timeout(deadline_s):
                refused = await asyncio.shield(self._answer)
        except TimeoutError:
            return
        if refused is not None:
            error = EngineBusy if refused.code == EngineBusy.code else EngineUnavailable
            raise error(refused.message, engine=ENGINE)

    # Told by the link

    def connected(self) -> Iterator[Frame]:
        """There is a new connection: what it must be told of this session."""
        self._connected = True
        self._refused = False
        self._failures = 0
        self._stop_waiting()
        yield command_text(Open(self._number, self._request))
        if self._expecting:
            yield command_text(Expect(self._number, self._expecting))
        yield from packet_frames(self._number, tuple(self._played), played=True)
        listen = self._open
        if listen is not None:
            yield command_text(Listen(self._number, listen.number, listen.mode, listen.base))
            yield from packet_frames(self._number, tuple(listen.packets()))
            if listen.stopped:
                yield command_text(Stop(self._number))

    def lost(self) -> None:
        """The connection is gone."""
        self._connected = False
        self.answered(None)
        if self._open is not None:
            self._wait_for_connection()

    def answered(self, refused: Refused | None) -> None:
        """The server opened the session, or refused to."""
        if not self._answer.done():
            self._answer.set_result(refused)
        elif refused is not None:
            self._refused = True
            self._fail(HearingFailed(refused.code, refused.message, ENGINE))

    def told(self, report: Told) -> None:
        """An event; of a listen that is over it is nobody's business. Raises WireError."""
        listen = self._open
        if listen is None or report.listen != listen.number:
            return
        event = event_of(report)
        if not listen.is_news(event):
            return
        if listen.ends_with(event):
            self._forget()
        self._deliver(event)

    # Waiting for a connection

    def _wait_for_connection(self) -> None:
        """A pressed button gets its answer in RECONNECT_S. A listen that goes on by itself would be answered with
        apologies for ever, so each waits twice as long as the one before."""
        self._stop_waiting()
        by_itself = self._open is not None and self._open.mode is not ListenMode.MANUAL
        wait_s = RECONNECT_S * 2 ** (min(self._failures, _MOST_DOUBLINGS) if by_itself else 0)
        self._giving_up = asyncio.get_running_loop().call_later(wait_s, self._give_up)

    def _give_up(self) -> None:
        self._failures += 1
        self._fail(HearingFailed(EngineUnavailable.code, self._problem(), ENGINE))

    def _fail(self, failed: HearingFailed) -> None:
        if self._open is not None:
            self._forget()
            self._deliver(failed)

    def _stop_waiting(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _forget(self) -> None:
        self._stop_waiting()
        if self._open is not None:
            self._sample = self._open.end
            self._open = None

    def _command(self, command: Command) -> None:
        if self._connected and not self._closed:
            self._send(command_text(command))
