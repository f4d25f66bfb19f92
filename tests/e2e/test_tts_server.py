"""`zhiyin tts-server` and `zhiyin serve` as two programs that know each other's address and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes import tiny_models
from fakes.whole_server import free_port, whole_server
from sound.level import rms_dbfs
from sound.wav import read_sound

START_S = 60.0


@dataclass
class WholeVoice:
    """A running speech service."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "voice.txt").read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def whole_voice(folder: Path, **settings: str) -> Iterator[WholeVoice]:
    """Starts the service and waits until /ready says 200."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
    environment |= {"ZHIYIN_TTS_SERVER_PORT": str(port), "ZHIYIN_DATA_DIR": str(folder / "voice-data")}
    environment |= {f"ZHIYIN_{name.upper()}": value for name, value in settings.items()}
    with (folder / "voice.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "main_server", "tts-server"], env=environment, cwd=folder, stdout=log, stderr=log
        )
    voice = WholeVoice(port, folder, process)
    try:
        give_up_s = time.monotonic() + START_S
        while True:
            assert process.poll() is None and time.monotonic() < give_up_s, f"it does not serve:\n{voice.log}"
            with contextlib.suppress(OSError):
                if voice.get("/ready")[0] == 200:
                    break
            time.sleep(0.1)
        yield voice
    finally:
        if process.poll() is None:
            voice.stop()


def test_a_toy_is_answered_in_the_voice_of_another_program(tmp_path: Path) -> None:
    token_file = tmp_path / "secrets" / "token"
    shared = {"internal_token_file": str(token_file)}
    with whole_voice(tmp_path, tts_server_host="0.0.0.0", **shared) as voice:
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        token = token_file.read_text(encoding="ascii").strip()
        assert voice.get("/v1/voices")[0] == 401
        out = tmp_path / "reply.wav"
        with whole_server(tmp_path, tts=voice.url, **shared) as server:
            [turn] = server.toy("--text", "who are you", "--out", str(out))
            [row] = server.rows("SELECT * FROM turns")
            assert turn["reply"] and (row["voice"], row["outcome"]) == ("openai", "completed")
            assert token not in server.log
        reply = read_sound(out)
        assert reply.duration_ms > 500 and rms_dbfs(reply.data) > -40
        assert 'zhiyin_speech_requests_total{outcome="spoken"}' in voice.get("/metrics")[1]
        assert token not in voice.log and str(token_file) in voice.log
        assert voice.stop() == 0


def test_models_in_its_folder_speak_there_too(tmp_path: Path) -> None:
    tiny_models.vits(tmp_path / "voice-data" / "models" / "voice-en", "en")
    with whole_voice(tmp_path) as voice:
        assert "VITS in" in voice.log
        body = b'{"model": "tts-1", "input": "Good evening.", "response_format": "wav"}'
        request = urllib.request.Request(f"{voice.url}/v1/audio/speech", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            (tmp_path / "said.wav").write_bytes(answer.read())
        said = read_sound(tmp_path / "said.wav")
        assert said.sample_rate_hz == tiny_models.VOICE_RATE_HZ and rms_dbfs(said.data) > -40
        assert voice.stop() == 0


def test_a_wrong_token_is_a_spoken_apology_in_the_spare_voice(tmp_path: Path) -> None:
    with (
        whole_voice(tmp_path, internal_token="right") as voice,
        whole_server(tmp_path, tts=f"openai+{voice.url}/v1", tts_key="wrong") as server,
    ):
        out = tmp_path / "reply.wav"
        server.toy("--text", "who are you", "--out", str(out))
        [row] = server.rows("SELECT * FROM turns")
        assert (row["outcome"], row["error_code"]) == ("failed", "engine_unavailable")
        assert rms_dbfs(read_sound(out).data) > -40


def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    def started(**settings: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
        environment |= {f"ZHIYIN_{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "main_server", "tts-server"]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=START_S)

    with whole_voice(tmp_path) as voice:
        taken = started(tts_server_port=str(voice.port))
    assert taken.returncode == 1 and f"{voice.port} is taken" in taken.stderr
    assert "Traceback" not in taken.stderr
    missing = started(tts_server_engine="local:parrot", tts_server_port="0")
    assert missing.returncode == 1 and "there are: " in missing.stderr and "local:espeak" in missing.stderr
    misspelt = started(tts_server_engine="parrot")
    assert misspelt.returncode == 2 and "ZHIYIN_TTS_SERVER_ENGINE" in misspelt.stderr
