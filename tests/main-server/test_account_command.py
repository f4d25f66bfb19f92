"""Somebody at the machine gets back into an account."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from fakes.api_people import PASSWORD
from fakes.whole_server import WholeServer, whole_server


def command(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
    environment |= {"ZHIYIN_DATA_DIR": str(folder / "data")}
    line = [sys.executable, "-m", "main_server", "account", *arguments]
    return subprocess.run(line, env=environment, cwd=folder, input=typed, capture_output=True, text=True, timeout=60)


def founding_of(server: WholeServer) -> str:
    """The secret of the link that the server printed."""
    [secret] = re.findall(r"first owner\s+\S+/register\?invitation=(\S+)", server.log)
    return str(secret)


def test_the_printed_link_founds_the_server_and_a_forgotten_password_is_set_at_the_machine(tmp_path: Path) -> None:
    with (
        whole_server(tmp_path, claim="code") as server,
        httpx.Client(base_url=f"{server.url}/api", headers={"x-zhiyin": "1"}) as web,
    ):
        body = {"name": "olga", "password": PASSWORD, "invitation": founding_of(server)}
        assert web.post("/accounts", json=body).status_code == 201
        assert web.get("/account").json()["rank"] == "owner"
        done = command(tmp_path, "reset-password", "Olga", typed="another horse\n")  # beside the running server
        assert done.returncode == 0, done.stderr
        assert "logged out everywhere" in done.stdout
        assert web.get("/account").status_code == 401
        assert web.post("/logins", json={"name": "olga", "password": PASSWORD}).status_code == 401
        assert web.post("/logins", json={"name": "olga", "password": "another horse"}).status_code == 201
        with web.stream("GET", "/live") as live:
            assert live.headers["content-type"].startswith("text/event-stream")
            assert server.stop() == 0  # an open stream keeps no server from stopping
        assert PASSWORD not in server.log
    (tmp_path / "log.txt").unlink()
    with whole_server(tmp_path, claim="code") as server:
        assert "first owner" not in server.log


def test_a_reset_that_cannot_be_done_says_why(tmp_path: Path) -> None:
    nobody = command(tmp_path, "reset-password", "nobody", typed="another horse\n")
    assert (nobody.returncode, nobody.stderr) == (1, "There is no account 'nobody'.\n")
    short = command(tmp_path, "reset-password", "nobody", typed="horse\n")
    assert (short.returncode, "too short" in short.stderr) == (1, True)
