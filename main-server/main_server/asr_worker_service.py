"""`zhiyin asr-worker`: settings in, the recogniser as a program of its own out."""

from __future__ import annotations

import os

from asr_worker.app import AsrWorker, run
from contracts.model_files import MODELS_DIR
from main_server import engine_lists
from main_server.model_files import models_dir
from main_server.settings import LOCAL, Settings
from serving.access import access_to
from serving.internal_token import internal_token


def run_asr_worker(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM. Raises ZhiyinError."""
    os.environ[MODELS_DIR] = str(models_dir(settings))  # for the recogniser's process
    # One .env may serve all programs: here is where the others' ZHIYIN_FABRIC_URL leads.
    chosen = engine_lists.recogniser(settings.model_copy(update={"fabric_url": LOCAL}))
    given = settings.internal_token.get_secret_value()
    host = settings.asr_worker_host
    worker = AsrWorker(chosen.engine, internal_token(given, settings.token_path))
    engine_lists.watch(chosen, worker.readiness)
    access = access_to(host, given, settings.token_path)
    run(worker, access, host, settings.asr_worker_port, settings.asr_worker_http_port, {"recogniser": chosen.why})
