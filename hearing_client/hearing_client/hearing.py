"""Hearing on a WebSocket, the `ws://` home: one connection for all sessions of this process, kept by one task."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from contracts.errors import EngineUnavailable
from contracts.hearing import Deliver, OpenHearing
from contracts.hearing_wire import (
    MAX_FRAME_BYTES,
    Hello,
    Opened,
    Refused,
    Report,
    Told,
    WireError,
    read_report,
)
from hearing_client.session import ENGINE, RECONNECT_S, Frame, RemoteSession

log = logging.getLogger(__name__)

CONNECT_S = 2.0
SEND_S = 3.0
PING_S = 2.0
PONG_S = 5.0
"""A server that answers no ping for this long hangs; its sessions are opened anew."""

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0
MAX_WAITING_BYTES = 32 * 2**20
"""Frames that a slow server has not taken. Beyond this the connection is given up; sessions keep what they need."""


class RemoteHearing:
    """Ears at `url` (ws:// or wss://). `token` may be empty where the server is on this machine."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._recogniser = ""
        self._sessions: dict[int, RemoteSession] = {}
        self._numbers = itertools.count(1)
        self._keeping: asyncio.Task[None] | None = None
        self._connection: ClientConnection | None = None
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._tried = asyncio.Event()
        self._there = asyncio.Event()
        self._problem = "it has not been called yet"
        self._closed = False

    @property
    def name(self) -> str:
        """The recogniser that serves there, once it is known."""
        return self._recogniser or ENGINE

    @property
    def problem(self) -> str:
        """A sentence for the owner; "" while there is a connection."""
        return "" if self._there.is_set() else f"The ears at {self._url} cannot be reached: {self._problem}."

    async def open(self, request: OpenHearing, deliver: Deliver) -> RemoteSession:
        """Raises EngineUnavailable or EngineBusy when the server refuses. Without a connection the session opens all
        the same, so that the person is told: its listens fail until there is one."""
        self._start()
        number = next(self._numbers)
        session = RemoteSession(number, request, deliver, self._send, self._left, lambda: self.problem)
        with suppress(TimeoutError):
            async with asyncio.timeout(RECONNECT_S):
                await self._tried.wait()
        self._sessions[number] = session
        if self._there.is_set():
            self._introduce(session)
            try:
                await session.opened(RECONNECT_S)
            except BaseException:
                await session.close()
                raise
        return session

    async def warm(self) -> None:
        """Connects, and waits a little for it; whether it could is told by `problem`, now and later."""
        self._start()
        with suppress(TimeoutError):
            async with asyncio.timeout(RECONNECT_S):
                await self._there.wait()

    async def close(self) -> None:
        """Ends the connection and with it all sessions at the server."""
        self._closed = True
        for session in tuple(self._sessions.values()):
            await session.close()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait((self._keeping,))

    # The connection

    def _start(self) -> None:
        if self._closed:
            raise EngineUnavailable("These ears have been closed.", engine=ENGINE)
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep(), name="hearing connection")

    async def _keep(self) -> None:
        retry_s = FIRST_RETRY_S
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._connect_and_serve()
            except InvalidStatus as error:
                status = error.response.status_code
                said = "it refused the internal token (ZHIYIN_INTERNAL_TOKEN)" if status == 401 else f"status {status}"
                self._trouble(said)
            except WireError as error:
                self._trouble(f"it does not speak as we do ({error})")
            except TimeoutError:
                self._trouble("it does not answer")
            except UnicodeError:
                self._trouble("its host's name cannot be one")
            except (OSError, WebSocketException) as error:
                self._trouble(str(error).rstrip(".") or type(error).__name__)
            if loop.time() - began_s > LONGEST_RETRY_S:
                retry_s = FIRST_RETRY_S
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    def _trouble(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("no connection to the ears", extra={"url": self._url, "why": problem})
        self._problem = problem
        self._tried.set()

    async def _connect_and_serve(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            connection = await connect(
                self._url,
                additional_headers=self._headers,
                compression=None,
                proxy=None,
                max_size=MAX_FRAME_BYTES,
                ping_interval=PING_S,
                ping_timeout=PONG_S,
                close_timeout=1,
            )
        try:
            async with asyncio.timeout(CONNECT_S):
                hello = _report(await connection.recv())
            if not isinstance(hello, Hello):
                raise WireError("it did not say hello")
            self._recogniser = hello.recogniser
            self._begin(connection)
            await self._serve(connection)
        finally:
            self._end()
            with suppress(OSError, WebSocketException):
                await connection.close()

    def _begin(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._waiting.clear()
        self._waiting_bytes = 0
        self._problem = ""
        self._there.set()
        self._tried.set()
        for session in tuple(self._sessions.values()):
            self._introduce(session)

    def _end(self) -> None:
        if self._connection is not None:
            self._connection = None
            self._there.clear()
            self._problem = "the connection was lost"
            for session in tuple(self._sessions.values()):
                session.lost()

    async def _serve(self, connection: ClientConnection) -> None:
        """Until the connection ends."""
        sending = asyncio.create_task(self._send_waiting(connection), name="hearing sender")
        try:
            async for message in connection:
                self._receive(_report(message))
        finally:
            sending.cancel()
            await asyncio.wait((sending,))

    async def _send_waiting(self, connection: ClientConnection) -> None:
        try:
            while True:
                await self._more.wait()
                while self._waiting:
                    frame = self._waiting.popleft()
                    self._waiting_bytes -= len(frame)
                    async with asyncio.timeout(SEND_S):
                        await connection.send(frame)
                self._more.clear()
        except (OSError, TimeoutError, WebSocketException):
            connection.transport.abort()  # the receiving side notices and connects again

    def _introduce(self, session: RemoteSession) -> None:
        for frame in session.connected():
            self._send(frame)

    def _send(self, frame: Frame) -> None:
        if self._connection is None:
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        self._more.set()
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self._connection.transport.abort()

    def _receive(self, report: Report) -> None:
        match report:
            case Hello():
                raise WireError("a second hello")
            case Opened(session=number):
                if session := self._sessions.get(number):
                    session.answered(None)
            case Refused(session=number):
                if session := self._sessions.get(number):
                    session.answered(report)
            case Told(session=number):
                if session := self._sessions.get(number):
                    session.told(report)

    def _left(self, number: int) -> None:
        self._sessions.pop(number, None)


def _report(message: str | bytes) -> Report:
    if isinstance(message, bytes):
        raise WireError("a binary frame")
    return read_report(message)
