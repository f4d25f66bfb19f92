"""The way to an asr-worker on a socket: connected while it is there, connected again when it comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from contracts import jobs
from contracts.errors import EngineBusy, EngineError, EngineUnavailable
from contracts.loopback import Frame, LoopbackClient

log = logging.getLogger(__name__)

NAME = "worker"
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
READY_TIMEOUT_S = 1.0
"""A job waits so long for a worker that is not there: one that was just started again may be in a moment."""

PING_S = 10.0
"""Between two looks whether a silent worker is still there, and the patience with its answer."""


class WorkerLink:
    """Keeps one connection from the first `start` or request to `close`. For asr_worker.client.JobTranscriber."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host = host
        self._port = port
        self._token = token
        self._where = f"The speech worker at {host}:{port}"
        self._problem = "it has not been asked yet"
        self._client: LoopbackClient | None = None
        self._changed = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def problem(self) -> str:
        """A sentence while it cannot be reached, else ""."""
        return "" if self._client is not None and not self._client.lost else f"{self._where}: {self._problem}."

    async def start(self) -> None:
        """Returns when it answers. Raises EngineUnavailable, also after `close`."""
        await self._connected()

    async def request(self, kind: str, fields: Mapping[str, Any] | None = None, body: bytes = b"") -> Frame:
        """See LoopbackClient.request; the deadline is the caller's."""
        return await (await self._connected()).request(kind, fields, body)

    async def close(self) -> None:
        """What waits for an answer fails; cancelled requests are cancelled there too."""
        self._closed = True
        self._problem = "it is not asked any more"
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait((keeping,))
        self._changed.set()

    async def _connected(self) -> LoopbackClient:
        if self._keeping is None and not self._closed:
            self._problem = "it does not answer"
            self._keeping = asyncio.create_task(self._keep(), name=f"link to {self._host}:{self._port}")
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while self._client is None or self._client.lost:
                    if self._closed:
                        raise EngineUnavailable(self.problem, engine=NAME)
                    self._changed.clear()
                    await self._changed.wait()
                return self._client
        except TimeoutError:
            raise EngineUnavailable(self.problem, engine=NAME) from None

    async def _keep(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            if await self._live():
                retry_s = FIRST_RETRY_S
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _live(self) -> bool:
        """One connection, from its start to its loss. False when there was none."""
        client: LoopbackClient | None = None
        try:
            gone = f"{self._where} is gone; it is asked again when it is back."
            client = await LoopbackClient.connect(self._port, self._token, engine=NAME, host=self._host, lost=gone)
            if not await self._answers(client):
                self._became(self._why(client))
                return False
            log.info("the speech worker is there", extra={"host": self._host, "port": self._port})
            self._client = client
            self._changed.set()
            while await self._answers(client):
                lost = asyncio.ensure_future(client.wait_lost())
                await asyncio.wait((lost,), timeout=PING_S)
                lost.cancel()
            self._became("it is gone")
            return True
        except EngineUnavailable:
            self._became("it cannot be reached")
            return False
        finally:
            self._client = None
            if client is not None:
                client.abort()
                await client.close()

    async def _answers(self, client: LoopbackClient) -> bool:
        try:
            async with asyncio.timeout(PING_S):
                await client.request(jobs.HELLO)
        except EngineBusy:
            return True  # it said so
        except EngineError:
            # A worker that is being stopped refuses this, too, and still answers what it has.
            return client is self._client and not client.lost
        except TimeoutError:
            return False
        return True

    def _why(self, client: LoopbackClient) -> str:
        if client.token_refused:
            return "it refused the internal token; set ZHIYIN_INTERNAL_TOKEN to the same on both sides"
        return "what listens there is no asr-worker, or it hangs"

    def _became(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("the speech worker cannot be used", extra={"why": problem, "host": self._host})
        self._problem = problem
