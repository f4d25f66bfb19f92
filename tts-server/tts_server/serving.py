"""The speech service as a program: finds its engine, warms it, listens until it is told to stop."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from pathlib import Path

from contracts.speech import Synthesizer
from engine_choice.local import Chosen, first_local_voice
from serving import server
from serving.access import Access, access_to
from serving.readiness import Readiness
from tts_server.app import create_app
from tts_server.metrics import Metrics
from tts_server.settings import TtsServerSettings
from tts_server.speaking import Mouth

STOP_S = 12
"""Seconds for texts under way when the service is asked to stop."""


def models_dir(settings: TtsServerSettings) -> Path:
    """Where voices lie: ZHIYIN_MODELS_DIR, else `models` in the data folder, as for main-server."""
    return (settings.models_dir or settings.data_dir / "models").resolve()


async def serve(settings: TtsServerSettings) -> None:
    """Listens until SIGINT or SIGTERM, then lets texts under way be spoken. Raises ZhiyinError."""
    if settings.opus != "auto":
        os.environ["ZHIYIN_OPUS"] = settings.opus  # sound reads it itself: the toy has no settings
    with server.listen(settings.tts_server_host, settings.tts_server_port, "ZHIYIN_TTS_SERVER_") as listening:
        given = settings.internal_token.get_secret_value()
        access = access_to(settings.tts_server_host, given, settings.token_path)
        chosen = await asyncio.to_thread(
            first_local_voice, settings.tts_server_engine, models_dir(settings), "ZHIYIN_TTS_SERVER_ENGINE"
        )
        engine = chosen.engine
        await engine.warm()
        readiness = Readiness("The speech service")
        readiness.note("voice files", chosen.problem)
        config = server.server_config(create_app(Mouth(engine, Metrics()), access, readiness), stop_s=STOP_S)
        told = _banner(settings, chosen, access, listening.getsockname()[1])
        await server.Server(config, readiness, told).serve(sockets=[listening])
        await engine.close()


def run(settings: TtsServerSettings) -> None:
    """`zhiyin tts-server`, to its end. Raises ZhiyinError."""
    server.run(serve(settings))


def _banner(settings: TtsServerSettings, chosen: Chosen[Synthesizer], access: Access, port: int) -> str:
    rows = {
        "address": f"{server.url(settings.tts_server_host, port)}/v1",
        "engine": f"{chosen.engine.name}: {chosen.why}",
    }
    if access.token:
        given = settings.internal_token.get_secret_value()
        rows["token"] = "ZHIYIN_INTERNAL_TOKEN" if given else f"in {settings.token_path.resolve()}"
    return server.banner(f"Zhiyin 知音 tts-server {version('zhiyin')}", rows)
