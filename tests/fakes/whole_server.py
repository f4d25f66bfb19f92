"""The product as its owner starts it: `zhiyin serve` in a process of its own, on a free port, in an empty folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 60.0


@dataclass
class WholeServer:
    """A running server. `log` is what it printed so far."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def device_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/xiaozhi/v1/"

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body, whatever the status."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What the database holds, read beside the running server."""
        with sqlite3.connect(self.folder / "data" / "zhiyin.db", timeout=10) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def toy(self, *arguments: str, expect: int = 0, timeout_s: float = 120) -> list[dict[str, Any]]:
        """`zhiyin toy say ... --json` in a process of its own; one object per turn."""
        command = [sys.executable, "-m", "main_server", "toy", "say", *arguments, "--url", self.device_url, "--json"]
        environment = toy_environment(self.folder)
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment)
        assert done.returncode == expect, f"{done.stdout}\n{done.stderr}\n{self.log}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def stop(self) -> int:
        """SIGTERM, as a service manager would; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def whole_server(folder: Path, **settings: str) -> Iterator[WholeServer]:
    """Starts the server with `ZHIYIN_<NAME>` settings and waits until /ready says 200."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
    environment |= {"ZHIYIN_PORT": str(port), "ZHIYIN_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
    environment["ZHIYIN_TLS_PORT"] = "0"  # the default is one port, and many servers of tests run at once
    environment["ZHIYIN_LLM_READ_AHEAD"] = "off"  # scripted vendors count what they are asked
    environment |= {f"ZHIYIN_{name.upper()}": value for name, value in settings.items()}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "main_server", "serve"], env=environment, cwd=folder, stdout=log, stderr=log
        )
    server = WholeServer(port, folder, process)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            server.stop()


def toy_environment(folder: Path) -> dict[str, str]:
    """For a toy on the machine, and of the user, of the server whose folder this is."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
    return others | {"ZHIYIN_DATA_DIR": str(folder / "data"), "XDG_STATE_HOME": str(folder / "state")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: WholeServer) -> None:
    give_up_s = time.monotonic() + START_S
    while time.monotonic() < give_up_s:
        assert server.process.poll() is None, f"the server stopped:\n{server.log}"
        try:
            if server.get("/ready")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not become ready:\n{server.log}")
