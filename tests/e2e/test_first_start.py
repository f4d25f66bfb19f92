"""The first `zhiyin serve` at a terminal: it asks about models once, and serves whatever the answer is."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from fakes.whole_server import free_port

START_S = 60.0
QUESTION = "[y/n]"


class Terminal:
    """`zhiyin serve` on a terminal of its own, in `folder`."""

    def __init__(self, folder: Path, mirror: Path) -> None:
        ours, theirs = pty.openpty()
        self.port = free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
        environment |= {"ZHIYIN_PORT": str(self.port), "ZHIYIN_TLS_PORT": "0", "ZHIYIN_MODELS_MIRROR": str(mirror)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "main_server", "serve"],
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._screen = ours
        self.shown = ""

    def until(self, text: str) -> None:
        """Reads the screen until `text` is on it."""
        give_up_s = time.monotonic() + START_S
        while text not in self.shown:
            assert time.monotonic() < give_up_s, self.shown
            if select.select([self._screen], [], [], 0.2)[0]:
                self.shown += os.read(self._screen, 4096).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def serves(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as answer:
            return bool(answer.status == 200)
        return False

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        os.close(self._screen)


def test_a_person_is_asked_once_and_the_server_serves(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    first = Terminal(tmp_path, mirror)
    try:
        first.until(QUESTION)
        assert "sensevoice" in first.shown and "voice-zh" in first.shown and "licence" in first.shown
        first.type("n\n")
        first.until("OTA URL")
        assert first.serves()
    finally:
        first.close()
    second = Terminal(tmp_path, mirror)
    try:
        second.until("OTA URL")
        assert QUESTION not in second.shown and second.serves()
    finally:
        second.close()
