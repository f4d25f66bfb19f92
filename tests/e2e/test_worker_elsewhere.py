"""The talk with the recogniser in a program of its own, as `zhiyin serve` and `zhiyin asr-worker`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from asr_worker.engines.worker import LinkedTranscriber
from contracts.audio import Pcm
from contracts.errors import EngineUnavailable
from contracts.transcription import Transcript, TranscriptionRequest
from fakes.spoken import pcm, say, silence
from fakes.whole_server import START_S, free_port, whole_server
from sound.wav import wav_bytes

SENTENCE = "what time is it"
SOUND = Pcm(pcm(np.concatenate([silence(200), say(SENTENCE) * 0.7, silence(200)])), 16_000)
REQUEST = TranscriptionRequest(language="en")


class Worker:
    """`zhiyin asr-worker` on ports of its own; it may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port, self.http_port = free_port(), free_port()
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "worker.txt").read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
        environment |= {
            "ZHIYIN_ASR_WORKER_PORT": str(self.port),
            "ZHIYIN_ASR_WORKER_HTTP_PORT": str(self.http_port),
            "ZHIYIN_DATA_DIR": str(self.folder / "data"),
            "ZHIYIN_FABRIC_URL": f"tcp://127.0.0.1:{self.port}",  # one .env for all: it does not ask itself
        }
        command = [sys.executable, "-m", "main_server", "asr-worker"]
        with (self.folder / "worker.txt").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)
        give_up_s = time.monotonic() + START_S
        while time.monotonic() < give_up_s:
            assert self.process.poll() is None, self.log
            try:
                if self.get("/ready")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the worker did not become ready:\n{self.log}")

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def worker_in(folder: Path) -> Iterator[Worker]:
    worker = Worker(folder)
    worker.start()
    try:
        yield worker
    finally:
        if worker.process is not None and worker.process.poll() is None:
            worker.end(signal.SIGKILL)


def test_a_toy_is_understood_by_a_worker_in_another_program(tmp_path: Path) -> None:
    with worker_in(tmp_path) as worker:
        address = f"tcp://127.0.0.1:{worker.port}"
        with whole_server(tmp_path, fabric_url=address) as server:
            (tmp_path / "question.wav").write_bytes(wav_bytes(SOUND))
            [turn] = server.toy(str(tmp_path / "question.wav"))
            assert SENTENCE in turn["stt"].lower()
            [row] = server.rows("SELECT * FROM turns")
            assert (row["outcome"], row["recogniser"]) == ("completed", "pocketsphinx")
            assert 'zhiyin_jobs_total{kind="transcribe",outcome="done"}' in worker.get("/metrics")[1]
            assert SENTENCE not in worker.log.lower()
            assert worker.end(signal.SIGTERM) == 0
            while f"The speech worker at 127.0.0.1:{worker.port}" not in server.get("/ready")[1]:
                time.sleep(0.1)


async def test_a_killed_worker_fails_its_job_with_its_code_and_serves_again_once_it_is_back(tmp_path: Path) -> None:
    with worker_in(tmp_path) as worker:
        token = (tmp_path / "data" / "internal_token").read_text().strip()
        transcriber = LinkedTranscriber("127.0.0.1", worker.port, token)
        await transcriber.warm()
        assert worker.process is not None
        worker.process.send_signal(signal.SIGSTOP)  # so that it cannot answer before it dies
        job = asyncio.create_task(transcriber.transcribe(SOUND, REQUEST))
        await asyncio.sleep(0.1)
        worker.end(signal.SIGKILL)
        with pytest.raises(EngineUnavailable, match="gone") as failed:
            await job
        assert failed.value.code == "engine_unavailable"
        await asyncio.to_thread(worker.start)
        assert (await patiently(transcriber)).text == SENTENCE
        await transcriber.close()


async def patiently(transcriber: LinkedTranscriber) -> Transcript:
    """The link may still be waiting before its next try."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await transcriber.transcribe(SOUND, REQUEST)
            except EngineUnavailable:
                continue
