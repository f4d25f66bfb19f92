"""From a box to a talk: a board nobody knows speaks its code, its owner types it, and it talks from then on.

And the newcomer's first talk, with the toy in software of this machine, which needs no code.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import websockets.sync.client
from websockets.exceptions import InvalidStatus

from contracts.house_toy import NAMES, TOKEN_FILE
from fakes.api_people import PASSWORD
from fakes.whole_server import WholeServer, free_port, toy_environment, whole_server
from main_server.network import lan_address
from serving.access import is_loopback

BOARD = ("--device-id", "02:00:00:00:00:09")


def zhiyin(server: WholeServer, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command of the person who started the server, typed in the same folder, whatever becomes of it."""
    environment = toy_environment(server.folder)
    del environment["ZHIYIN_DATA_DIR"]
    command = [sys.executable, "-m", "main_server", *arguments]
    where = folder or server.folder
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=where, env=environment)


def say(server: WholeServer, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return zhiyin(server, "toy", "say", "--text", "what time is it", *arguments, folder=folder)


def founder(server: WholeServer, web: httpx.Client) -> None:
    [link] = re.findall(r"invitation=(\S+)", server.log)
    account = {"name": "olga", "password": PASSWORD, "invitation": link}
    assert web.post(f"{server.url}/api/accounts", json=account).status_code == 201


def what_was_said(server: WholeServer, web: httpx.Client) -> list[str]:
    conversations = web.get(f"{server.url}/api/conversations").json()["items"]
    pages = [web.get(f"{server.url}/api/conversations/{each['id']}/turns").json()["items"] for each in conversations]
    return [turn["user_text"] for page in pages for turn in page]


def test_a_board_talks_once_its_owner_has_typed_the_code(tmp_path: Path) -> None:
    with whole_server(tmp_path) as server, httpx.Client(headers={"x-zhiyin": "1"}) as web:
        api, ota = f"{server.url}/api", (*BOARD, "--ota", f"{server.url}/xiaozhi/ota/")
        assert say(server, *BOARD, "--url", server.device_url).returncode != 0  # without a token the door stays closed
        refused = say(server, *ota)
        [code] = re.findall(r"enter the code (\d{6})", refused.stderr + refused.stdout)
        founder(server, web)
        assert web.post(f"{api}/claims", json={"code": code}).status_code == 201
        talked = say(server, *ota)
        assert talked.returncode == 0, talked.stdout + talked.stderr + server.log
        assert what_was_said(server, web) == ["what time is it"]
        assert say(server, *BOARD, "--url", server.device_url).returncode != 0
        assert code not in server.log


def test_the_first_talk_takes_two_commands_and_is_the_first_owners(tmp_path: Path) -> None:
    with whole_server(tmp_path, host="0.0.0.0") as server, httpx.Client(headers={"x-zhiyin": "1"}) as web:
        token = (tmp_path / "data" / TOKEN_FILE).read_text().strip()
        assert (tmp_path / "data" / TOKEN_FILE).stat().st_mode & 0o777 == 0o600
        talked = say(server, "--url", server.device_url)
        assert talked.returncode == 0, talked.stdout + talked.stderr + server.log
        founder(server, web)
        assert say(server, "--url", server.device_url).returncode == 0
        assert what_was_said(server, web) == ["what time is it"] * 2
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        lost = say(server, "--url", server.device_url, folder=elsewhere)  # cannot read the file
        assert (lost.returncode, lost.stdout) == (1, "")
        assert re.search(r"toy_token cannot be read here.* six digits", lost.stderr)
        assert lost.stderr.count("\n") == 1
        for address, headers in ((lan_address(), {}), ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"})):
            if not (is_loopback(address) and not headers):  # a machine without a network
                assert door(server, address, token, headers) == 401
        assert door(server, "127.0.0.1", token, {}) == 101
        assert token not in server.log + talked.stdout + talked.stderr


def door(server: WholeServer, address: str, token: str, headers: dict[str, str]) -> int:
    """The status with which a toy that shows the token is answered."""
    shown = {"Device-Id": f"{NAMES}01", "Client-Id": "c", "Authorization": f"Bearer {token}"} | headers
    try:
        url = f"ws://{address}:{server.port}/xiaozhi/v1/"
        with websockets.sync.client.connect(url, additional_headers=shown, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_a_code_typed_at_the_machine_lets_a_board_in_and_no_token_is_in_the_log(tmp_path: Path) -> None:
    with whole_server(tmp_path) as server, httpx.Client(headers={"x-zhiyin": "1"}) as web:
        founder(server, web)
        board = {"Device-Id": "24:6f:28:ab:cd:ef", "Client-Id": "11111111-1111-4111-8111-111111111111"}
        told = web.post(f"{server.url}/xiaozhi/ota/", headers=board, json={}).json()["activation"]
        done = zhiyin(server, "device", "claim", told["code"])
        assert done.returncode == 0, done.stderr
        assert web.post(f"{server.url}/xiaozhi/ota/activate", headers=board, json={}).status_code == 200
        token = web.post(f"{server.url}/xiaozhi/ota/", headers=board, json={}).json()["websocket"]["token"]
        listed = zhiyin(server, "device", "list").stdout
        assert "24:6f:28:ab:cd:ef" in listed and "olga" in listed
        again = zhiyin(server, "device", "claim", told["code"])
        assert (again.returncode, "Listen again" in again.stderr) == (1, True)
        refused = f"{server.device_url}?device-id=24:6f:28:ab:cd:ef&client-id=x&authorization=Bearer%20{token}"
        with pytest.raises(InvalidStatus):
            websockets.sync.client.connect(refused, proxy=None)
        assert token not in server.log and told["code"] not in server.log


def test_a_server_that_is_open_to_the_network_does_not_start(tmp_path: Path) -> None:
    environment = toy_environment(tmp_path) | {"ZHIYIN_CLAIM": "open", "ZHIYIN_HOST": "0.0.0.0"}
    environment["ZHIYIN_PORT"] = str(free_port())
    command = [sys.executable, "-m", "main_server", "serve"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert "leave ZHIYIN_CLAIM out" in done.stderr and "ZHIYIN_HOST=127.0.0.1" in done.stderr
    assert list(tmp_path.iterdir()) == []
