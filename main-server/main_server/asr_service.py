"""`zhiyin asr-server`: settings in, the ears as a program of their own out."""

from __future__ import annotations

import os
from importlib.metadata import version

from asr_server.app import AsrServer, run
from contracts.model_files import MODELS_DIR
from main_server import engine_lists, engines
from main_server.internal_token import internal_token
from main_server.settings import Settings
from sound.opus import backend_name


def run_asr_server(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM. Raises ZhiyinError, OSError (port taken)."""
    if settings.opus != "auto":
        os.environ["ZHIYIN_OPUS"] = settings.opus  # sound reads it itself
    os.environ[MODELS_DIR] = str(engines.models_dir(settings))  # for the recogniser's process
    chosen = engine_lists.recogniser(settings)
    server = AsrServer(chosen.engine, internal_token(settings), turn_model=engines.turn_model(settings))
    banner = f"Zhiyin 知音 {version('zhiyin')} asr-server\n  recogniser   {chosen.why}\n  opus         {backend_name()}"
    run(server, settings.asr_server_host, settings.asr_server_port, banner)
