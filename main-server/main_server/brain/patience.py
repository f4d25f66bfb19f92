"""How long we wait for a model's answer, and what it is called when the wait is over.

One timer watches a whole answer: a timeout around every read of every token cost a third of what an answer costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from contracts.errors import EngineFailed, EngineTimeout, EngineUnavailable
from engine_http.guard import refused
from engine_http.knobs import LLM, Knobs

_TAIL_WAIT_S = 1.0  # after the finish reason, for the usage and the [DONE] that some servers never send
_EOF_WAIT_S = 0.05  # after [DONE]: the end of the body normally comes with it, and frees the connection for reuse


@dataclass(frozen=True, slots=True)
class ModelDeadlines:
    """How long each step of an answer may take: seconds spent waiting for the server, not for our own listener.

    `idle_s` is between two pieces that carry something; thinking counts, comments and empty pieces do not.
    """

    connect_s: float = 3.0
    first_token_s: float = 15.0
    idle_s: float = 8.0
    total_s: float = 120.0


class Patience:
    """The deadlines of one answer."""

    def __init__(self, deadlines: ModelDeadlines, where: str, engine: str, knobs: Knobs = LLM) -> None:
        self._deadlines = deadlines
        self._where = where
        self._engine = engine
        self._knobs = knobs
        self._loop = asyncio.get_running_loop()
        self._total_left_s = deadlines.total_s
        self._piece_left_s = deadlines.first_token_s
        self._begun = False
        self._reading_since_s: float | None = None
        self._expired = False
        self._timer: asyncio.TimerHandle | None = None
        self._response: aiohttp.ClientResponse | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around a request until its status is known: counts the time, and names what breaks it off."""
        began_s = self._loop.time()
        try:
            yield
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise EngineUnavailable(
                f"The language model server at {self._where} cannot be reached. "
                + (refused(error) or f"Is it running, and is {self._knobs.address} right?"),
                engine=self._engine,
            ) from error
        except TimeoutError as error:
            raise self._too_slow() from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._cut_off() from error
        finally:
            self._count(self._loop.time() - began_s)

    @property
    def left_s(self) -> float:
        """Until the next piece that carries something must be here."""
        return min(self._piece_left_s, self._total_left_s)

    def watch(self, response: aiohttp.ClientResponse) -> None:
        """From here on reads of this body are bounded; `stop` when done."""
        self._response = response
        self._set_timer()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end. Raises EngineTimeout, or EngineFailed when it is cut off."""
        assert self._response is not None
        self._reading_since_s = self._loop.time()
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise (self._too_slow() if self._expired else self._cut_off()) from error
        finally:
            self._count(self._loop.time() - self._reading_since_s)
            self._reading_since_s = None

    async def read_tail(self) -> bytes:
        """The same once the answer is complete: what has not come soon will not be missed."""
        assert self._response is not None
        try:
            async with asyncio.timeout(_TAIL_WAIT_S):
                return await self._response.content.readany()
        except (TimeoutError, aiohttp.ClientError, OSError):
            return b""

    async def read_end(self) -> None:
        """Reads to the end of the body if it is all but here; else the connection is worth less than the wait."""
        assert self._response is not None
        try:
            async with asyncio.timeout(_EOF_WAIT_S):
                while not self._response.content.at_eof():
                    await self._response.content.readany()
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass

    def progressed(self) -> None:
        """A piece that carried something came: the wait for the next one begins."""
        self._piece_left_s = self._deadlines.idle_s
        if not self._begun:
            self._begun = True
            self._set_timer()  # idle_s is shorter than first_token_s; later ones only ever move away

    def _count(self, waited_s: float) -> None:
        self._total_left_s -= waited_s
        self._piece_left_s -= waited_s

    def _set_timer(self) -> None:
        self.stop()
        since_s = self._loop.time() if self._reading_since_s is None else self._reading_since_s
        self._timer = self._loop.call_at(since_s + self.left_s, self._check)

    def _check(self) -> None:
        """The timer rang; nothing is due while nobody reads, or when pieces came since it was set."""
        reading_since_s = self._reading_since_s
        if reading_since_s is None or self._loop.time() < reading_since_s + self.left_s:
            self._set_timer()
            return
        self._expired = True
        assert self._response is not None
        self._response.close()  # which wakes the reader with an error

    def _too_slow(self) -> EngineTimeout:
        when = "fell silent in the middle of its answer." if self._begun else "did not begin to answer in time."
        if self._total_left_s <= 0:
            when = "did not come to the end of its answer."
        return EngineTimeout(f"The language model server at {self._where} {when}", engine=self._engine)

    def _cut_off(self) -> EngineFailed:
        sentence = f"The language model server at {self._where} broke off its answer."
        return EngineFailed(sentence, engine=self._engine, code="engine_cut_off")
