"""The speech service as a program: finds its engine, warms it, listens until it is told to stop."""

from __future__ import annotations

import os
from importlib.metadata import entry_points, version

from contracts.errors import EngineUnavailable
from contracts.speech import Synthesizer
from serving import server
from serving.access import Access, access_to
from serving.readiness import Readiness
from tts_server.app import create_app
from tts_server.metrics import Metrics
from tts_server.settings import TtsServerSettings
from tts_server.speaking import Mouth

STOP_S = 12
"""Seconds for texts under way when the service is asked to stop."""

_ENGINES = "zhiyin.synthesizers"
_ELSEWHERE = {"openai"}
_BUILT_IN = "espeak"


def load_engine(address: str) -> Synthesizer:
    """The engine of `auto` or `local:NAME`, found by entry point. Raises EngineUnavailable."""
    name = _BUILT_IN if address == "auto" else address.removeprefix("local:")
    points = {point.name: point for point in entry_points(group=_ENGINES) if point.name not in _ELSEWHERE}
    if name not in points:
        known = ", ".join(f"local:{each}" for each in sorted(points)) or "none"
        raise EngineUnavailable(
            f"ZHIYIN_TTS_SERVER_ENGINE: there is no engine local:{name} here; there are: {known}.", engine=name
        )
    try:
        engine: Synthesizer = points[name].load()()
    except ImportError as error:
        raise EngineUnavailable(
            f"The engine {name} cannot be loaded: {error}: run `make setup`.", engine=name
        ) from error
    return engine


async def serve(settings: TtsServerSettings) -> None:
    """Listens until SIGINT or SIGTERM, then lets texts under way be spoken. Raises ZhiyinError."""
    if settings.opus != "auto":
        os.environ["ZHIYIN_OPUS"] = settings.opus  # sound reads it itself: the toy has no settings
    with server.listen(settings.tts_server_host, settings.tts_server_port, "ZHIYIN_TTS_SERVER_") as listening:
        given = settings.internal_token.get_secret_value()
        access = access_to(settings.tts_server_host, given, settings.token_path)
        engine = load_engine(settings.tts_server_engine)
        await engine.warm()
        readiness = Readiness("The speech service")
        config = server.server_config(create_app(Mouth(engine, Metrics()), access, readiness), stop_s=STOP_S)
        told = _banner(settings, engine, access, listening.getsockname()[1])
        await server.Server(config, readiness, told).serve(sockets=[listening])
        await engine.close()


def run(settings: TtsServerSettings) -> None:
    """`zhiyin tts-server`, to its end. Raises ZhiyinError."""
    server.run(serve(settings))


def _banner(settings: TtsServerSettings, engine: Synthesizer, access: Access, port: int) -> str:
    rows = {"address": f"{server.url(settings.tts_server_host, port)}/v1", "engine": engine.name}
    if access.token:
        given = settings.internal_token.get_secret_value()
        rows["token"] = "ZHIYIN_INTERNAL_TOKEN" if given else f"in {settings.token_path.resolve()}"
    return server.banner(f"Zhiyin 知音 tts-server {version('zhiyin')}", rows)
