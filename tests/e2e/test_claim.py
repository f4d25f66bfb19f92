"""From a box to a talk: a board nobody knows speaks its code, its owner types it, and it talks from then on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx

from fakes.api_people import PASSWORD
from fakes.whole_server import WholeServer, whole_server


def say(server: WholeServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`zhiyin toy say`, whatever becomes of it."""
    command = [sys.executable, "-m", "main_server", "toy", "say", "--text", "what time is it", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=server.folder)


def test_a_board_talks_once_its_owner_has_typed_the_code(tmp_path: Path) -> None:
    with whole_server(tmp_path, claim="code") as server, httpx.Client(headers={"x-zhiyin": "1"}) as web:
        api, ota = f"{server.url}/api", ("--ota", f"{server.url}/xiaozhi/ota/")
        assert say(server, "--url", server.device_url).returncode != 0  # without a token the door stays closed
        refused = say(server, *ota)
        [code] = re.findall(r"enter the code (\d{6})", refused.stderr + refused.stdout)
        [link] = re.findall(r"invitation=(\S+)", server.log)
        founder = {"name": "olga", "password": PASSWORD, "invitation": link}
        assert web.post(f"{api}/accounts", json=founder).status_code == 201
        assert web.post(f"{api}/claims", json={"code": code}).status_code == 201
        talked = say(server, *ota)
        assert talked.returncode == 0, talked.stdout + talked.stderr + server.log
        [conversation] = web.get(f"{api}/conversations").json()["items"]
        [turn] = web.get(f"{api}/conversations/{conversation['id']}/turns").json()["items"]
        assert turn["user_text"] == "what time is it"
        assert say(server, "--url", server.device_url).returncode != 0
        assert code not in server.log
