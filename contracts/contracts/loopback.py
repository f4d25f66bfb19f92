"""Requests and answers between our processes over TCP: a child process on loopback, or a worker on another machine.

A frame is: u32 big-endian header length, u32 body length, header (JSON object, UTF-8), body (raw bytes).
The first frame from the client carries `{"token": ...}`; a wrong one is answered with `{"id": 0, "ok": false, "code":
"token_refused", ...}`, and anything else closes the connection. Then requests
`{"id": n, "kind": "...", ...}` and answers `{"id": n, "ok": true, ...}` or `{"id": n, "ok": false, "code", "message"}`.
An answer may be a stream: frames that say `"more": true`, and one without it at the end.
A request of kind "cancel" names a running request by its `id`, stops it, and has no answer of its own.
A peer that breaks the format is disconnected; a lost connection fails every request that was waiting on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import itertools
import json
import logging
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineTimeout,
    EngineUnavailable,
    ZhiyinError,
    place_of,
)

log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 8 * 1024 * 1024
"""Header and body together. A minute of speech, the longest utterance, is 1.9 MB."""

MAX_UNREAD_FRAMES = 128
"""Of one streamed answer, kept for a caller that is slow to take them; one more breaks the stream off."""

MAX_REQUESTS = 64
"""Requests one connection may have open; one more is answered with `engine_busy`."""

MAX_CONNECTIONS = 256
"""One more is closed at once."""

MAX_STRANGERS = 64
"""Of those, callers that have shown no token yet; one more closes the oldest, so that nobody can keep others out."""

HELLO_TIMEOUT_S = 5.0
MAX_HELLO_BYTES = 4 * 1024
"""Of a caller's first frame: nobody who has shown no token may fill the memory."""

LOOPBACK = "127.0.0.1"
TOKEN_REFUSED = "token_refused"

_LENGTHS = struct.Struct(">II")
_ERRORS: dict[str, type[EngineError]] = {
    error.code: error for error in (EngineUnavailable, EngineTimeout, EngineBusy, EngineFailed)
}


class BrokenFrame(Exception):
    """The peer sent what is not a frame; there is no way to go on reading."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`fields` is the header without `id`, `kind` and `ok`, which belong to the transport."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""


Answer = Frame | AsyncGenerator[Frame, None]
"""Of a streamed one, the caller must be the kind that reads streams (LoopbackClient.stream)."""

Handler = Callable[[str, Frame], Awaitable[Answer]]
"""Answers a request of a kind. It is cancelled with its request. A ZhiyinError becomes the caller's error."""


class LoopbackServer:
    """Runs one task per request. `token` "" lets nobody in."""

    def __init__(self, handler: Handler, token: str) -> None:
        self._handler = handler
        self._token = token
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._strangers: dict[asyncio.StreamWriter, None] = {}  # in the order they came
        self._answering: set[asyncio.Task[None]] = set()
        self._draining = False

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def start(self, listening: socket.socket | None = None) -> int:
        """Listens there, or on a free port of 127.0.0.1. Returns the port."""
        listening = listening or socket.create_server((LOOPBACK, 0))
        self._server = await asyncio.start_server(self._accept, sock=listening)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def drain(self, timeout_s: float) -> None:
        """Takes on nothing new and returns when what is under way is answered, or after `timeout_s`."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        if self._answering:
            await asyncio.wait(tuple(self._answering), timeout=timeout_s)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._strangers[writer] = None
        if len(self._strangers) > MAX_STRANGERS:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.transport.abort()
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running: dict[int, asyncio.Task[None]] = {}
        try:
            if not await self._knows_token(reader):
                writer.write(_refusal(0, ZhiyinError("The token is not the right one.", code=TOKEN_REFUSED)))
                writer.close()
                async with asyncio.timeout(HELLO_TIMEOUT_S):
                    await writer.wait_closed()
                return
            self._strangers.pop(writer, None)
            while True:
                header, body = await _read(reader)
                self._dispatch(header, body, running, writer)
                await writer.drain()  # who takes no answers is not read from either
        except (BrokenFrame, ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            for task in running.values():
                task.cancel()
            self._strangers.pop(writer, None)
            writer.transport.abort()

    async def _knows_token(self, reader: asyncio.StreamReader) -> bool:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                header, _ = await _read(reader, MAX_HELLO_BYTES)
        except TimeoutError:
            return False
        return bool(self._token) and hmac.compare_digest(str(header.get("token", "")).encode(), self._token.encode())

    def _dispatch(
        self, header: dict[str, Any], body: bytes, running: dict[int, asyncio.Task[None]], writer: asyncio.StreamWriter
    ) -> None:
        number, kind = header.pop("id", None), header.pop("kind", None)
        if not isinstance(number, int) or not isinstance(kind, str):
            raise BrokenFrame("a request without id or kind")
        if kind == "cancel":
            if number in running:
                running[number].cancel()
        elif number in running:
            raise BrokenFrame("an id used twice")
        elif len(running) >= MAX_REQUESTS:
            writer.write(_refusal(number, EngineBusy("Too many requests at once.", engine="")))
        elif self._draining:
            writer.write(_refusal(number, EngineUnavailable("It is being stopped.", engine="")))
        else:
            task = asyncio.create_task(self._answer(number, kind, Frame(header, body), writer))
            running[number] = task
            self._answering.add(task)
            task.add_done_callback(lambda _: running.pop(number, None))
            task.add_done_callback(self._answering.discard)

    async def _answer(self, number: int, kind: str, request: Frame, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._handler(kind, request)
            if not isinstance(answer, Frame):
                answer = await _stream(answer, number, writer)
            reply = encode({**answer.fields, "id": number, "ok": True}, answer.body)
        except ZhiyinError as error:
            reply = _refusal(number, error)
        except Exception as error:  # the outermost loop of a request: a bug must not leave a caller waiting
            log.error("Request %r failed unexpectedly: %s at %s", kind, type(error).__name__, place_of(error))
            reply = _refusal(number, EngineFailed(f"The engine stopped with {type(error).__name__}.", engine=""))
        with contextlib.suppress(ConnectionError):
            writer.write(reply)
            await writer.drain()


class LoopbackClient:
    """One connection with any number of requests under way. Made by `connect`; dead once the connection is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, engine: str, lost: str = "") -> None:
        self._reader = reader
        self._writer = writer
        self._engine = engine
        self._lost_sentence = lost or f"The {engine} process is gone; it is started again."
        self.token_refused = False
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._streams: dict[int, asyncio.Queue[Frame | None]] = {}
        self._lost_event = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def connect(
        cls, port: int, token: str, *, engine: str, host: str = LOOPBACK, lost: str = "", timeout_s: float = 5.0
    ) -> LoopbackClient:
        """`engine` names the peer in errors; `lost` is the sentence for its loss. Raises EngineUnavailable."""
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError, UnicodeError) as error:  # the last: a name that can be no host's
            raise EngineUnavailable(f"The {engine} process does not answer.", engine=engine) from error
        writer.write(encode({"token": token}))
        return cls(reader, writer, engine, lost)

    @property
    def lost(self) -> bool:
        """The connection is gone, and with it every request."""
        return self._lost_event.is_set()

    async def wait_lost(self) -> None:
        await self._lost_event.wait()

    async def request(self, kind: str, fields: Mapping[str, Any] | None = None, body: bytes = b"") -> Frame:
        """Sends and waits; the deadline is the caller's. Cancelling it cancels the work on the other side.

        Raises the peer's EngineError, and EngineUnavailable when the connection is or gets lost.
        """
        if self.lost:
            raise self._lost()
        number = next(self._numbers)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(encode({**(fields or {}), "id": number, "kind": kind}, body))
            await self._writer.drain()
            return await answer
        except ConnectionError as error:
            raise self._lost() from error
        finally:
            if self._waiting.pop(number, None) is not None and not self.lost:
                self._writer.write(encode({"id": number, "kind": "cancel"}))

    async def stream(
        self, kind: str, fields: Mapping[str, Any] | None = None, body: bytes = b""
    ) -> AsyncGenerator[Frame, None]:
        """The frames of a streamed answer as they come. Closing it cancels the work on the other side.

        Raises what `request` raises, and EngineFailed when more than MAX_UNREAD_FRAMES wait to be taken.
        """
        if self.lost:
            raise self._lost()
        number = next(self._numbers)
        end: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        frames: asyncio.Queue[Frame | None] = asyncio.Queue(MAX_UNREAD_FRAMES)
        self._waiting[number], self._streams[number] = end, frames
        end.add_done_callback(lambda _: _wake(frames))
        try:
            self._writer.write(encode({**(fields or {}), "id": number, "kind": kind}, body))
            await self._writer.drain()
            while not (end.done() and frames.empty()):
                if (frame := await frames.get()) is not None:
                    yield frame
            end.result()
        except ConnectionError as error:
            raise self._lost() from error
        finally:
            del self._streams[number]
            if end.done():
                end.exception()  # seen, also where the caller left before the end
            if self._waiting.pop(number, None) is not None and not self.lost:
                self._writer.write(encode({"id": number, "kind": "cancel"}))

    def abort(self) -> None:
        """Cuts the connection: it is `lost` at once, and what waits on it fails in a moment."""
        self._lost_event.set()
        self._writer.transport.abort()

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            while True:
                header, body = await _read(self._reader)
                self._deliver(header, body)
        except (BrokenFrame, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._lost_event.set()
            self._writer.transport.abort()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(self._lost())
            self._waiting.clear()

    def _deliver(self, header: dict[str, Any], body: bytes) -> None:
        number = header.pop("id", 0)
        if number == 0 and header.get("code") == TOKEN_REFUSED:
            self.token_refused = True
        if header.pop("more", False) is True:
            header.pop("ok", None)
            self._deliver_part(number, Frame(header, body))
            return
        answer = self._waiting.pop(number, None)
        if answer is None or answer.done():
            return  # answered after it was cancelled
        if header.pop("ok", False) is True:
            answer.set_result(Frame(header, body))
        else:
            answer.set_exception(self._error(str(header.get("code", "")), str(header.get("message", ""))))

    def _deliver_part(self, number: int, frame: Frame) -> None:
        frames = self._streams.get(number)
        if frames is None:
            return  # it came after its stream was closed
        try:
            frames.put_nowait(frame)
        except asyncio.QueueFull:
            answer = self._waiting.get(number)
            if answer is not None and not answer.done():
                answer.set_exception(EngineFailed("Nobody takes what is made.", engine=self._engine))

    def _error(self, code: str, message: str) -> EngineError:
        known = _ERRORS.get(code)
        return known(message, engine=self._engine) if known else EngineFailed(message, engine=self._engine, code=code)

    def _lost(self) -> EngineUnavailable:
        return EngineUnavailable(self._lost_sentence, engine=self._engine)


def encode(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One frame. Raises EngineFailed when it is over MAX_FRAME_BYTES."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) + len(body) > MAX_FRAME_BYTES:
        raise EngineFailed(f"A message of {len(text) + len(body)} bytes is too long for another process.", engine="")
    return _LENGTHS.pack(len(text), len(body)) + text + body


async def _stream(frames: AsyncGenerator[Frame, None], number: int, writer: asyncio.StreamWriter) -> Frame:
    """Sends each frame as it comes, as fast as the peer takes them; the end is an empty one."""
    async with aclosing(frames):
        async for frame in frames:
            writer.write(encode({**frame.fields, "id": number, "ok": True, "more": True}, frame.body))
            await writer.drain()
    return Frame()


def _wake(frames: asyncio.Queue[Frame | None]) -> None:
    with contextlib.suppress(asyncio.QueueFull):  # then whoever waits has something to take, and sees the end after it
        frames.put_nowait(None)


async def _read(reader: asyncio.StreamReader, most_bytes: int = MAX_FRAME_BYTES) -> tuple[dict[str, Any], bytes]:
    header_bytes, body_bytes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if header_bytes + body_bytes > most_bytes:
        raise BrokenFrame("too long")
    text = await reader.readexactly(header_bytes)
    body = await reader.readexactly(body_bytes)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenFrame("the header is not JSON") from error
    if not isinstance(header, dict):
        raise BrokenFrame("the header is not an object")
    return header, body


def _refusal(number: int, error: ZhiyinError) -> bytes:
    return encode({"id": number, "ok": False, "code": error.code, "message": str(error)})
