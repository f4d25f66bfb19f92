"""What happens right now, for those who may see it: events of their own devices, as they come.

Listeners never slow a talk. An event is put into a bounded queue; one task finds whose device it was and hands it to
that account's listeners, each with a bounded queue of its own. Where one is full, the oldest goes, and the listener is
told how many it missed.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from contracts.events import Event
from main_server.api.problems import Problem

QUEUE_EVENTS = 256
INBOX_EVENTS = 2_000
LISTENERS_OF_ACCOUNT = 10
LISTENERS = 200
OWNER_FOR_S = 5.0
"""How long we remember whose a device is."""
KNOWN_DEVICES = 4_096

log = structlog.get_logger(__name__)

WhoseDevice = Callable[[str], Awaitable[str | None]]
"""From a Device-Id to the account it belongs to. May raise; the event is then nobody's."""


class Listener:
    """One open stream of an account."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.closed = False
        self._events: deque[dict[str, Any]] = deque()
        self._missed = 0
        self._arrived = asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        """Takes an event; never waits."""
        if len(self._events) >= QUEUE_EVENTS:
            self._events.popleft()
            self._missed += 1
        self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        self.closed = True
        self._arrived.set()

    async def take(self, within_s: float) -> list[dict[str, Any]]:
        """What has come; empty when nothing did in time, or when the stream is closed."""
        if not self._events and not self.closed:
            try:
                async with asyncio.timeout(within_s):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        self._arrived.clear()
        taken = list(self._events)
        self._events.clear()
        if self._missed:
            taken.insert(0, {"type": "missed", "count": self._missed})
            self._missed = 0
        return taken


class LiveEvents:
    """An EventSink with listeners. `start` on the event loop, `close` when the process drains."""

    def __init__(self, whose: WhoseDevice) -> None:
        self._whose = whose
        self._inbox: asyncio.Queue[tuple[datetime, Event]] = asyncio.Queue(INBOX_EVENTS)
        self._listeners: set[Listener] = set()
        self._owners: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.dropped = 0
        """Events nobody got because too many came at once."""

    def on_event(self, event: Event) -> None:
        """Notes an event for those who listen. Never blocks, never raises."""
        if not self._listeners:
            return
        try:
            self._inbox.put_nowait((datetime.now(UTC), event))
        except asyncio.QueueFull:
            self.dropped += 1

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="live events")

    async def close(self) -> None:
        """Ends all streams."""
        self.end_streams()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def end_streams(self) -> None:
        """Lets every listener go and takes no new one: a server that stops waits for nobody's stream."""
        self._closed = True
        for listener in self._listeners:
            listener.close()

    def check_room(self, account_id: str) -> None:
        """Raises Problem when the account, or the server, has too many listeners already."""
        mine = sum(listener.account_id == account_id for listener in self._listeners)
        if self._closed or len(self._listeners) >= LISTENERS:
            raise Problem(503, "too_many_listeners", "This server takes no more live streams now.", retry_after_s=5)
        if mine >= LISTENERS_OF_ACCOUNT:
            raise Problem(429, "too_many_listeners", "This account has too many live streams: close some pages.")

    def listen(self, account_id: str) -> Listener:
        """A new listener, to be given back to `leave`."""
        listener = Listener(account_id)
        listener.closed = self._closed
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def forget(self, device_id: str) -> None:
        """The device has changed hands."""
        self._owners.pop(device_id, None)

    async def _run(self) -> None:
        while True:
            at, event = await self._inbox.get()
            owner = await self._owner(event.device_id)
            listening = [each for each in self._listeners if owner is not None and each.account_id == owner]
            if not listening:
                continue
            shown = show(at, event)
            for listener in listening:
                listener.put(shown)

    async def _owner(self, device_id: str) -> str | None:
        known = self._owners.get(device_id)
        if known is not None and time.monotonic() - known[0] < OWNER_FOR_S:
            return known[1]
        try:
            owner = await self._whose(device_id)
        except Exception as error:  # the edge towards the store: a live stream is worth no more than a gap in it
            log.warning("owner of a device could not be found", device_id=device_id, error=type(error).__name__)
            owner = None
        self._owners[device_id] = (time.monotonic(), owner)
        self._owners.move_to_end(device_id)
        if len(self._owners) > KNOWN_DEVICES:
            self._owners.popitem(last=False)
        return owner


def show(at: datetime, event: Event) -> dict[str, Any]:
    """An event as pages see it: its fields, its kind as `type`, and when it came instead of the loop's clock."""
    fields = asdict(event)
    del fields["at_s"]
    return {"type": _snake(type(event).__name__), "at": at, **fields}


async def as_stream(
    listener: Listener, still_good: Callable[[], Awaitable[bool]], beat_s: float
) -> AsyncIterator[bytes]:
    """Server-sent events, with a comment where nothing happened for `beat_s`, and an end when the caller is logged out.

    Whether the caller is still good is asked at least every `beat_s`.
    """
    yield b": welcome\n\n"
    asked_s = time.monotonic()
    while not listener.closed:
        events = await listener.take(beat_s)
        if not events or time.monotonic() - asked_s >= beat_s:
            if not await still_good():
                return
            asked_s = time.monotonic()
        if not events:
            yield b": still here\n\n"
        for event in events:
            yield b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")
