"""The talk with the ears in a process of their own, as `zhiyin serve` and `zhiyin asr-server`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from fakes.whole_server import START_S, free_port, whole_server


class Ears:
    """`zhiyin asr-server` on a port of its own; it may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/hearing"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
        environment |= {"ZHIYIN_ASR_SERVER_PORT": str(self.port), "ZHIYIN_DATA_DIR": str(self.folder / "ears")}
        with (self.folder / "ears.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "main_server", "asr-server"],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        give_up_s = time.monotonic() + START_S
        while time.monotonic() < give_up_s:
            assert self.process.poll() is None, (self.folder / "ears.txt").read_text()
            try:
                if self.get("/ready")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError("the ears did not become ready")

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)


def test_a_talk_goes_through_ears_in_another_process_and_survives_their_death(tmp_path: Path, a_question: str) -> None:
    ears = Ears(tmp_path)
    ears.start()
    try:
        with whole_server(tmp_path, hearing_url=ears.url) as server:
            [turn] = server.toy(a_question)
            assert turn["stt"] and turn["reply"]
            assert 'zhiyin_hearing_events_total{kind="Utterance"} 1.0' in ears.get("/metrics")[1]
            assert server.rows("SELECT recogniser FROM turns")[-1]["recogniser"] == "pocketsphinx"

            ears.end(signal.SIGKILL)
            [turn] = server.toy(a_question)
            assert turn["reply"]
            assert server.rows("SELECT * FROM turns ORDER BY started_at")[-1]["error_code"] == "engine_unavailable"
            assert "cannot be reached" in server.get("/ready")[1]

            ears.start()
            [turn] = server.toy(a_question)
            assert server.rows("SELECT * FROM turns ORDER BY started_at")[-1]["outcome"] == "completed"
    finally:
        assert ears.end(signal.SIGTERM) == 0
