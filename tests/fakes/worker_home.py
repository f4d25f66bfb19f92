"""asr-worker in this process, on a real socket, to be stopped and started again on the same port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asr_worker.app import AsrWorker
from asr_worker.client import WorkerDeadlines
from asr_worker.engines.worker import LinkedTranscriber
from contracts.transcription import Transcriber

LOOPBACK = "127.0.0.1"
TOKEN = "the worker's token"


class WorkerHome:
    """`stop` lets jobs under way be answered; `cut` does not."""

    def __init__(self, transcriber: Transcriber, token: str = TOKEN) -> None:
        self.port = 0
        self._transcriber = transcriber
        self._token = token
        self._stopping = asyncio.Event()
        self._working: asyncio.Task[None] | None = None
        self.worker: AsrWorker | None = None

    async def start(self) -> None:
        listening = socket.create_server((LOOPBACK, self.port))
        self.port = listening.getsockname()[1]
        self._stopping.clear()
        self.worker = AsrWorker(self._transcriber, self._token)
        begun = asyncio.Event()

        async def work(worker: AsrWorker) -> None:
            async with worker.at_work(listening):
                begun.set()
                await self._stopping.wait()

        self._working = asyncio.create_task(work(self.worker))
        await begun.wait()

    async def stop(self) -> None:
        working, self._working = self._working, None
        if working is not None:
            self._stopping.set()
            await working

    async def cut(self) -> None:
        assert self.worker is not None
        await self.worker.jobs.close()
        await self.stop()


@asynccontextmanager
async def worker_home(transcriber: Transcriber) -> AsyncIterator[WorkerHome]:
    home = WorkerHome(transcriber)
    await home.start()
    try:
        yield home
    finally:
        await home.stop()


def linked(
    home: WorkerHome, engine: str = "", *, token: str = TOKEN, deadlines: WorkerDeadlines | None = None
) -> LinkedTranscriber:
    """A client of its own; close it."""
    return LinkedTranscriber(LOOPBACK, home.port, token, engine, deadlines=deadlines)
