"""A stream read ahead of whoever wants it: a task of its own pulls, the reader takes what is there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from main_server.conversation.closing import closing

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """Pulls `stream` from now on, at most `most` items ahead. For one reader, who closes it (closing.closing).

    `noticed` is told of each item as it arrives, before the reader gets it; it must not block or raise. What breaks
    the stream is raised behind its last item, and is in `failure` from the moment it happened.
    """

    def __init__(
        self, stream: AsyncIterator[Item], most: int, noticed: Callable[[Item], None] | None = None, *, name: str
    ) -> None:
        self.failure: Exception | None = None
        self._stream = stream
        self._most = most
        self._noticed = noticed
        self._made: deque[Item] = deque()
        self._ended = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self.task = asyncio.create_task(self._pull(), name=name)

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        while not self._something_to_tell:
            self._changed.clear()
            await self._changed.wait()
        if not self._made:
            if self.failure is not None:
                raise self.failure
            raise StopAsyncIteration
        self._room.set()
        return self._made.popleft()

    async def or_stalls(self, stall_s: float) -> AsyncIterator[Item | None]:
        """The items, with a None for every `stall_s` that the next one keeps us waiting."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._something_to_tell:
                self._changed.clear()
                timer = loop.call_later(stall_s, self._changed.set)
                try:
                    await self._changed.wait()
                finally:
                    timer.cancel()
                if not self._something_to_tell:
                    yield None
                    continue
            try:
                item = await anext(self)
            except StopAsyncIteration:
                return
            yield item

    def drop(self) -> None:
        """Nobody wants the rest: the stream is closed by its own task, soon."""
        self.task.cancel()

    async def aclose(self) -> None:
        """The same, and waits until the stream is closed."""
        self.drop()
        await asyncio.wait((self.task,))

    @property
    def ended(self) -> bool:
        """Whether nothing more will come than what waits to be read."""
        return self._ended

    @property
    def _something_to_tell(self) -> bool:
        return bool(self._made) or self._ended

    async def _pull(self) -> None:
        try:
            async with closing(self._stream) as items:
                async for item in items:
                    await self._until_room()
                    self._made.append(item)
                    if self._noticed is not None:
                        self._noticed(item)
                    self._changed.set()
        except Exception as error:  # it is the reader's: raised where the stream is read
            self.failure = error
        finally:
            self._ended = True
            self._changed.set()

    async def _until_room(self) -> None:
        while len(self._made) >= self._most:
            self._room.clear()
            await self._room.wait()
