"""The program asr-worker: speech jobs over TCP, and an HTTP port that tells how it is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI

from asr_worker.metrics import Metrics
from asr_worker.working import Workbench
from contracts.errors import EngineError
from contracts.loopback import LoopbackServer
from contracts.transcription import Transcriber
from serving import server
from serving.access import Access
from serving.readiness import Readiness
from serving.routes import service_router
from serving.warming import Warming

DRAIN_S = 12.0
"""For jobs under way when it is asked to stop; no job's caller waits longer (asr_worker.client.WorkerDeadlines)."""

CLOSE_S = 5.0
HTTP_STOP_S = 1
SETTINGS = "ZHIYIN_ASR_WORKER_"


class AsrWorker:
    """One recogniser for many callers. Callers show `token`; "" lets nobody in."""

    def __init__(self, transcriber: Transcriber, token: str) -> None:
        self.metrics = Metrics(lambda: self.jobs.connections)
        self.jobs = LoopbackServer(Workbench(transcriber, version("zhiyin"), self.metrics).handle, token)
        self.readiness = Readiness("asr-worker", fresh_for_s=0.0)  # its one check costs nothing
        self._transcriber = transcriber
        self._warming = Warming("recogniser", transcriber.warm)
        self.readiness.add("recogniser", self._warming.check, vital=True)

    @asynccontextmanager
    async def at_work(self, listening: socket.socket) -> AsyncIterator[None]:
        """Takes jobs inside; answers those under way, for DRAIN_S at most, and lets the engine go on the way out."""
        await self.jobs.start(listening)
        warming = asyncio.create_task(self._warming.keep(), name="warming")
        try:
            yield
            await self.jobs.drain(DRAIN_S)
        finally:
            warming.cancel()
            await asyncio.wait((warming,))
            await self.jobs.close()
            with suppress(EngineError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._transcriber.close()

    def app(self, access: Access) -> FastAPI:
        """/health, /ready, /metrics."""
        app = FastAPI(title="Zhiyin asr-worker", docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(service_router(self.readiness, self.metrics.render, access))
        return app


async def serve(worker: AsrWorker, access: Access, host: str, port: int, http_port: int, rows: dict[str, str]) -> None:
    """Works until SIGINT or SIGTERM. Raises CannotListen. `rows` are for the banner."""
    with server.listen(host, port, SETTINGS) as listening, server.listen(host, http_port, f"{SETTINGS}HTTP_") as http:
        rows = {
            **rows,
            "jobs": server.url(host, listening.getsockname()[1], "tcp"),
            "health": f"{server.url(host, http.getsockname()[1])}/ready",
        }
        told = server.banner(f"Zhiyin 知音 asr-worker {version('zhiyin')}", rows)
        async with worker.at_work(listening):
            config = server.server_config(worker.app(access), stop_s=HTTP_STOP_S)
            await server.Server(config, worker.readiness, told).serve(sockets=[http])


def run(worker: AsrWorker, access: Access, host: str, port: int, http_port: int, rows: dict[str, str]) -> None:
    """Serves to its end. Raises CannotListen."""
    server.run(serve(worker, access, host, port, http_port, rows))
