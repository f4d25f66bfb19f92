"""The speech service as a program: finds its engine, warms it, listens until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import uvicorn

from contracts.speech import Synthesizer
from engine_choice.local import Chosen, first_local_voice
from tts_server.access import TOKEN_FILE, is_loopback, kept_token
from tts_server.app import Readiness, create_app
from tts_server.metrics import Metrics
from tts_server.settings import TtsServerSettings
from tts_server.speaking import Mouth

STOP_S = 12
"""Seconds for texts under way when the service is asked to stop."""


def models_dir(settings: TtsServerSettings) -> Path:
    """Where voices lie: ZHIYIN_MODELS_DIR, else `models` in the data folder, as for main-server."""
    return (settings.models_dir or settings.data_dir / "models").resolve()


def needed_token(settings: TtsServerSettings) -> str:
    """What callers must show: the setting, off loopback else the kept one, "" for nothing. Raises OSError."""
    given = settings.internal_token.get_secret_value()
    if given or is_loopback(settings.tts_server_host):
        return given
    return kept_token(settings.data_dir)


async def serve(settings: TtsServerSettings) -> None:
    """Listens until SIGINT or SIGTERM, then lets texts under way be spoken. Raises ZhiyinError, OSError."""
    if settings.opus != "auto":
        os.environ["ZHIYIN_OPUS"] = settings.opus  # sound reads it itself: the toy has no settings
    listening = _listen(settings.tts_server_host, settings.tts_server_port)
    try:
        token = needed_token(settings)
        chosen = await asyncio.to_thread(
            first_local_voice, settings.tts_server_engine, models_dir(settings), "ZHIYIN_TTS_SERVER_ENGINE"
        )
        engine = chosen.engine
        await engine.warm()
        readiness = Readiness()
        config = uvicorn.Config(
            create_app(Mouth(engine, Metrics()), token, readiness),
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_S,
            proxy_headers=False,
        )
        await _Server(config, readiness, _banner(settings, chosen, token, listening)).serve(sockets=[listening])
        await engine.close()
    finally:
        listening.close()


class _Server(uvicorn.Server):
    """uvicorn, telling when it serves and when it stops."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, banner: str) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._banner = banner

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops on SIGINT and SIGTERM and returns; uvicorn's own version would raise them again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._readiness.serving()
        print(self._banner, flush=True)  # noqa: T201  # what its owner needs, once, at start

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._readiness.draining()
        await super().shutdown(sockets)


def listening_problem(error: OSError, settings: TtsServerSettings) -> str:
    """A sentence for a port that cannot be had."""
    where = f"{settings.tts_server_host}:{settings.tts_server_port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken by another program. Choose another port: ZHIYIN_TTS_SERVER_PORT=8013."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{where} is not an address of this machine. ZHIYIN_TTS_SERVER_HOST=0.0.0.0 listens on all of them."
    return f"{error}"


def run(settings: TtsServerSettings) -> None:
    """Serves on uvloop where it is there."""
    try:
        from uvloop import new_event_loop  # absent on Windows
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings))


def _banner(settings: TtsServerSettings, chosen: Chosen[Synthesizer], token: str, listening: socket.socket) -> str:
    host = settings.tts_server_host
    where = f"[{host}]" if ":" in host else host
    rows = {
        "address": f"http://{where}:{listening.getsockname()[1]}/v1",
        "engine": f"{chosen.engine.name}: {chosen.why}",
    }
    if token and settings.internal_token.get_secret_value():
        rows["token"] = "ZHIYIN_INTERNAL_TOKEN"
    elif token:
        rows["token"] = f"in {(settings.data_dir / TOKEN_FILE).resolve()}"
    lines = [f"Zhiyin 知音 tts-server {version('zhiyin')}", *(f"  {name:<12} {what}" for name, what in rows.items())]
    return "\n".join(lines)


def _listen(host: str, port: int) -> socket.socket:
    """The port, taken before anything slow happens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
