"""The program asr-server: the hearing contract on a WebSocket, recordings to text over HTTP, and how it is doing."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import uvicorn
from fastapi import FastAPI, Response, WebSocket

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.hearing_socket import HearingSocket, SocketCounters
from asr_server.metrics import Metrics
from asr_server.transcriptions import Listener, transcriptions_router
from asr_server.turn_model import TurnModel
from asr_server.voice_activity import SileroModel
from contracts.errors import EngineError
from contracts.hearing_wire import MAX_FRAME_BYTES
from contracts.transcription import Transcriber
from serving import server
from serving.access import TOKEN_IS_WANTED, Access
from serving.problems import answer_problems
from serving.readiness import Readiness
from serving.routes import service_router
from serving.warming import Warming

CLOSE_S = 5.0
STOP_S = 3
PING_S = 10.0


class AsrServer:
    """The ears of one process and their HTTP side, for those whom `access` admits."""

    def __init__(self, transcriber: Transcriber, access: Access, turn_model: TurnModel | None = None) -> None:
        self.transcriber = transcriber
        self.counters = SocketCounters()
        self.readiness = Readiness("asr-server", fresh_for_s=0.0)  # its checks cost nothing
        self.warming = Warming("recogniser", transcriber.warm)
        self.readiness.add("recogniser", self.warming.check, vital=True)
        silero = SileroModel()
        self._hearing = LocalHearing(Dispatch(transcriber), silero, turn_model=turn_model)
        self.readiness.add("ears", self._missing)
        self._listener = Listener(transcriber, silero)
        self._access = access

    async def close(self) -> None:
        """Lets the recogniser go."""
        self._listener.close()
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.transcriber.close()

    def app(self) -> FastAPI:
        """/hearing, /v1/audio/transcriptions, /health, /ready, /metrics."""
        app = FastAPI(title="Zhiyin asr-server", docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(service_router(self.readiness, Metrics(self.counters).render, self._access))
        app.include_router(transcriptions_router(self._listener, self._access))
        answer_problems(app, "docs/wire.md")

        @app.websocket("/hearing")
        async def hearing(connection: WebSocket) -> None:
            if not self._access.admits(connection):
                await connection.send_denial_response(Response(f"{TOKEN_IS_WANTED}\n", status_code=401))
                return
            await connection.accept()
            await HearingSocket(connection, self._hearing, self.transcriber.name, self.counters).serve()

        return app

    async def _missing(self) -> str | None:
        return self._hearing.problem or None


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
        warming = asyncio.create_task(asr.warming.keep(), name="warming")
        gc.collect()
        gc.freeze()
        ears = f"{banner}\n  ears         {server.url(host, listening.getsockname()[1], 'ws')}/hearing"
        try:
            await server.Server(config(asr.app()), asr.readiness, ears).serve(sockets=[listening])
        finally:
            warming.cancel()
            await asyncio.wait((warming,))
            await asr.close()


def run(asr: AsrServer, host: str, port: int, banner: str) -> None:
    """Serves to its end. Raises CannotListen."""
    server.run(serve(asr, host, port, banner))
