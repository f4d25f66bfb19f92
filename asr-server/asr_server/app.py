"""The program asr-server: the hearing contract on a WebSocket at /hearing, and how it is doing."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import suppress

import uvicorn
from fastapi import FastAPI, Response, WebSocket

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.hearing_socket import HearingSocket, SocketCounters
from asr_server.metrics import Metrics
from asr_server.voice_activity import SileroModel
from contracts.errors import EngineError
from contracts.hearing_wire import MAX_FRAME_BYTES
from contracts.transcription import Transcriber
from serving import server
from serving.access import TOKEN_IS_WANTED, Access
from serving.readiness import Readiness
from serving.routes import service_router

log = logging.getLogger(__name__)

WARM_S = 60.0
REWARM_S = 20.0
CLOSE_S = 5.0
STOP_S = 3
PING_S = 10.0


class AsrServer:
    """The ears of one process and their HTTP side, for those whom `access` admits."""

    def __init__(self, transcriber: Transcriber, access: Access) -> None:
        self.transcriber = transcriber
        self.counters = SocketCounters()
        self.readiness = Readiness("asr-server", fresh_for_s=0.0)  # its one check costs nothing
        self.readiness.add("recogniser", self._check, vital=True)
        self._hearing = LocalHearing(Dispatch(transcriber), SileroModel())
        self._access = access
        self._problem = "The recogniser is being loaded."

    async def keep_warm(self) -> None:
        """Loads the recogniser, as often as it takes."""
        while True:
            try:
                async with asyncio.timeout(WARM_S):
                    await self.transcriber.warm()
            except (EngineError, TimeoutError) as error:
                self._problem = str(error) or "The recogniser took too long to load."
                log.warning("the recogniser is not there yet", extra={"why": self._problem})
                await asyncio.sleep(REWARM_S)
            else:
                self._problem = ""
                return

    def app(self) -> FastAPI:
        """/hearing, /health, /ready, /metrics."""
        app = FastAPI(title="Zhiyin asr-server", docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(service_router(self.readiness, Metrics(self.counters).render, self._access))

        @app.websocket("/hearing")
        async def hearing(connection: WebSocket) -> None:
            if not self._access.admits(connection):
                await connection.send_denial_response(Response(f"{TOKEN_IS_WANTED}\n", status_code=401))
                return
            await connection.accept()
            await HearingSocket(connection, self._hearing, self.transcriber.name, self.counters).serve()

        return app

    async def _check(self) -> str | None:
        return self._problem or None


def config(app: FastAPI) -> uvicorn.Config:
    """How the program serves it; tests do alike."""
    return server.server_config(
        app,
        stop_s=STOP_S,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
    )


async def serve(asr: AsrServer, host: str, port: int, banner: str) -> None:
    """Listens until SIGINT or SIGTERM. Raises CannotListen."""
    with server.listen(host, port, "ZHIYIN_ASR_SERVER_") as listening:
        warming = asyncio.create_task(asr.keep_warm())
        gc.collect()
        gc.freeze()
        ears = f"{banner}\n  ears         {server.url(host, listening.getsockname()[1], 'ws')}/hearing"
        try:
            await server.Server(config(asr.app()), asr.readiness, ears).serve(sockets=[listening])
        finally:
            warming.cancel()
            await asyncio.wait((warming,))
            with suppress(EngineError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await asr.transcriber.close()


def run(asr: AsrServer, host: str, port: int, banner: str) -> None:
    """Serves to its end. Raises CannotListen."""
    server.run(serve(asr, host, port, banner))
