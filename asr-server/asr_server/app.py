"""The program asr-server: the hearing contract on a WebSocket at /hearing, and how it is doing."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from asr_server.access import from_this_machine, knows_token
from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.hearing_socket import HearingSocket, SocketCounters
from asr_server.turn_model import TurnModel
from asr_server.voice_activity import SileroModel
from contracts.errors import EngineError
from contracts.hearing_wire import MAX_FRAME_BYTES
from contracts.transcription import Transcriber

log = logging.getLogger(__name__)

WARM_S = 60.0
REWARM_S = 20.0
CLOSE_S = 5.0
STOP_S = 3
PING_S = 10.0


class AsrServer:
    """The ears of one process and their HTTP side. `token` is asked of whoever is not on this machine."""

    def __init__(
        self,
        transcriber: Transcriber,
        token: str,
        *,
        trust_this_machine: bool = True,
        turn_model: TurnModel | None = None,
    ) -> None:
        self.transcriber = transcriber
        self.counters = SocketCounters()
        self._hearing = LocalHearing(Dispatch(transcriber), SileroModel(), turn_model=turn_model)
        self._token = token
        self._trust_this_machine = trust_this_machine
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
        registry = CollectorRegistry()
        registry.register(_Figures(self.counters))

        @app.websocket("/hearing")
        async def hearing(connection: WebSocket) -> None:
            if not self._may_enter(connection):
                await connection.send_denial_response(
                    Response("The internal token is missing or wrong: ZHIYIN_INTERNAL_TOKEN.\n", status_code=401)
                )
                return
            await connection.accept()
            await HearingSocket(connection, self._hearing, self.transcriber.name, self.counters).serve()

        @app.get("/health")
        async def health() -> dict[str, str]:
            return {"status": "ok", "version": version("zhiyin")}

        @app.get("/ready")
        async def ready(response: Response) -> dict[str, object]:
            response.status_code = 503 if self._problem else 200
            return {"ready": not self._problem, "reason": self._problem}

        @app.get("/metrics")
        async def metrics(request: Request) -> Response:
            if not from_this_machine(request):
                return Response("Metrics are open to this machine only.\n", status_code=403, media_type="text/plain")
            return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

        return app

    def _may_enter(self, connection: WebSocket) -> bool:
        return (self._trust_this_machine and from_this_machine(connection)) or knows_token(connection, self._token)


class _Figures(Collector):
    def __init__(self, counters: SocketCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        counters = self._counters
        yield GaugeMetricFamily("zhiyin_hearing_connections", "Connected clients", counters.connections)
        yield GaugeMetricFamily("zhiyin_hearing_sessions", "Sessions with open ears", counters.sessions)
        yield CounterMetricFamily("zhiyin_hearing_packets", "Opus packets taken", counters.packets)
        yield CounterMetricFamily("zhiyin_hearing_junk", "Connections ended for junk", counters.junk)
        events = CounterMetricFamily("zhiyin_hearing_events", "Events told", labels=["kind"])
        for kind, count in counters.events.items():
            events.add_metric([kind], count)
        yield events


class Server(uvicorn.Server):
    """uvicorn that returns after SIGINT and SIGTERM instead of raising them again, so that engines are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def config(app: FastAPI) -> uvicorn.Config:
    """How the program serves it; tests do alike."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_S,
        proxy_headers=False,
    )


async def serve(server: AsrServer, host: str, port: int, banner: str) -> None:
    """Listens until SIGINT or SIGTERM. Raises OSError (port taken)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=128) as listening:
        listening.setblocking(False)
        # Inherited by every connection: asyncio, unlike uvloop, would leave a report waiting for an acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        warming = asyncio.create_task(server.keep_warm())
        print(f"{banner}\n  ears         ws://{host}:{listening.getsockname()[1]}/hearing", flush=True)  # noqa: T201  # for people
        gc.collect()
        gc.freeze()
        try:
            await Server(config(server.app())).serve(sockets=[listening])
        finally:
            warming.cancel()
            await asyncio.wait((warming,))
            with suppress(EngineError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await server.transcriber.close()


def run(server: AsrServer, host: str, port: int, banner: str) -> None:
    """Serves on uvloop where it is there."""
    try:
        from uvloop import new_event_loop  # absent on Windows
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(server, host, port, banner))
