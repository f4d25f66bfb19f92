"""One client's WebSocket: many sessions of a LocalHearing, commands in, reports out (contracts.hearing_wire)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from asr_server.hearing import LocalHearing, LocalHearingSession
from contracts.errors import EngineError, EngineFailed
from contracts.hearing import HearingEvent
from contracts.hearing_wire import (
    Close,
    Command,
    Expect,
    Hello,
    Listen,
    Open,
    Opened,
    Refused,
    Report,
    Reset,
    Speaking,
    Stop,
    WireError,
    is_played,
    read_command,
    read_packets,
    report_text,
    told,
)

log = logging.getLogger(__name__)

MAX_SESSIONS = 2_000
MAX_WAITING_REPORTS = 10_000
"""Reports that a slow client has not taken; beyond it the connection ends, and a client that lives comes again."""

SEND_S = 5.0
CLOSE_S = 5.0
UNSUPPORTED = 1003
OVERLOADED = 1013
_YIELD_AFTER_PACKETS = 5


@dataclass(slots=True)
class SocketCounters:
    """Of all connections of a process."""

    connections: int = 0
    sessions: int = 0
    packets: int = 0
    junk: int = 0
    events: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Ears:
    """A session here: its listen's number, and how far the client's sample count is ahead of ours."""

    session: LocalHearingSession
    listen: int = 0
    shift: int = 0


class HearingSocket:
    """Serves one accepted WebSocket until it ends."""

    def __init__(self, socket: WebSocket, hearing: LocalHearing, recogniser: str, counters: SocketCounters) -> None:
        self._socket = socket
        self._hearing = hearing
        self._recogniser = recogniser
        self._counters = counters
        self._ears: dict[int, _Ears] = {}
        self._reports: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING_REPORTS)
        self._closing: set[asyncio.Task[None]] = set()
        self._overrun = asyncio.Event()

    async def serve(self) -> None:
        """Returns when the client has left, was too slow, or sent junk; its sessions are closed then."""
        self._counters.connections += 1
        self._report(Hello(self._recogniser))
        tasks = {
            asyncio.create_task(self._send_reports()),
            asyncio.create_task(self._read()),
            asyncio.create_task(self._overrun.wait()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._leave(next((task.exception() for task in done if task.exception()), None))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for number in tuple(self._ears):
                self._close(number)
            if self._closing:
                await asyncio.wait(self._closing, timeout=CLOSE_S)
            self._counters.connections -= 1

    async def _leave(self, why: BaseException | None) -> None:
        if why is not None and not isinstance(why, WireError | WebSocketDisconnect | TimeoutError | OSError):
            raise why
        code = UNSUPPORTED if isinstance(why, WireError) else OVERLOADED
        if isinstance(why, WireError):
            self._counters.junk += 1
            log.warning("a hearing client sent junk", extra={"why": str(why)})
        elif self._overrun.is_set():
            log.warning("a hearing client takes no reports")
        if self._socket.application_state is WebSocketState.CONNECTED and not isinstance(why, WebSocketDisconnect):
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._socket.close(code)
            except (RuntimeError, OSError, TimeoutError, WebSocketDisconnect):
                return  # it has gone already

    # In

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            frame = message.get("bytes")
            if frame is None:
                await self._obey(read_command(message["text"]))
            elif self._hear(frame) > _YIELD_AFTER_PACKETS:
                await asyncio.sleep(0)  # a replay must not hold up the other sessions

    def _hear(self, frame: bytes) -> int:
        number, packets = read_packets(frame)
        self._counters.packets += len(packets)
        if ears := self._ears.get(number):
            if is_played(frame):
                ears.session.played(packets)
            else:
                ears.session.packets(packets)
        return len(packets)

    async def _obey(self, command: Command) -> None:
        if isinstance(command, Open):
            await self._open(command)
            return
        ears = self._ears.get(command.session)
        if ears is None:
            return  # refused, and told so
        match command:
            case Listen():
                ears.session.reset()
                ears.listen = command.listen
                ears.shift = command.at_sample - ears.session.sample
                ears.session.listen(command.mode)
            case Stop():
                ears.session.stop()
            case Reset():
                ears.session.reset()
            case Expect():
                ears.session.expect(command.kind)
            case Speaking():
                ears.session.speaking(command.text, command.until_ms)
            case Close():
                self._close(command.session)

    async def _open(self, command: Open) -> None:
        number = command.session
        if number in self._ears:
            raise WireError("session: opened twice")
        if len(self._ears) >= MAX_SESSIONS:
            self._report(Refused(number, "engine_busy", f"All {MAX_SESSIONS} sessions of the ears are taken."))
            return
        try:
            session = await self._hearing.open(command.request, self._deliver_to(number))
        except EngineError as error:
            self._report(Refused(number, error.code, str(error)))
        except ValueError:
            self._report(Refused(number, EngineFailed.code, "The ears do not know this way of endpointing."))
        else:
            self._ears[number] = _Ears(session)
            self._counters.sessions += 1
            self._report(Opened(number))

    def _close(self, number: int) -> None:
        ears = self._ears.pop(number)
        self._counters.sessions -= 1
        task = asyncio.create_task(ears.session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # Out

    def _deliver_to(self, number: int) -> Callable[[HearingEvent], None]:
        def deliver(event: HearingEvent) -> None:
            if ears := self._ears.get(number):
                report = told(number, ears.listen, event, ears.shift)
                self._counters.events[report.kind] += 1
                self._report(report)

        return deliver

    def _report(self, report: Report) -> None:
        try:
            self._reports.put_nowait(report_text(report))
        except asyncio.QueueFull:
            self._overrun.set()

    async def _send_reports(self) -> None:
        while True:
            text = await self._reports.get()
            async with asyncio.timeout(SEND_S):
                await self._socket.send_text(text)
