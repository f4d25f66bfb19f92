"""`zhiyin asr-server`: settings in, the ears as a program of their own out."""

from __future__ import annotations

import os
from importlib.metadata import version

from asr_server.app import AsrServer, run
from contracts.model_files import MODELS_DIR
from main_server import engine_lists, engines
from main_server.model_files import models_dir
from main_server.settings import Settings
from serving import server
from serving.access import access_to
from sound.opus import backend_name


def run_asr_server(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM. Raises ZhiyinError."""
    if settings.opus != "auto":
        os.environ["ZHIYIN_OPUS"] = settings.opus  # sound reads it itself
    os.environ[MODELS_DIR] = str(models_dir(settings))  # for the recogniser's process
    chosen = engine_lists.recogniser(settings)
    given = settings.internal_token.get_secret_value()
    access = access_to(settings.asr_server_host, given, settings.token_path)
    asr = AsrServer(chosen.engine, access, engines.turn_model(settings))
    engine_lists.watch(chosen, asr.readiness)
    rows = {"recogniser": chosen.why, "opus": backend_name()}
    banner = server.banner(f"Zhiyin 知音 asr-server {version('zhiyin')}", rows)
    run(asr, settings.asr_server_host, settings.asr_server_port, banner)
