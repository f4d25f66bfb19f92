"""What a toy shows, and to whom."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from contracts.house_toy import NAMES, TOKEN_FILE
from fakes.scripted_server import ScriptedTalk, scripted_server
from toy.cli import add_toy_command, run
from toy.identity import STATE_FILE, client_id, house_token

TOY = f"{NAMES}01"
HERE = "ws://127.0.0.1:8000/xiaozhi/v1/"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / TOKEN_FILE).write_text("s3cret\n")
    return tmp_path


def shown(url: str, device_id: str, data_dir: Path) -> tuple[str, str]:
    return house_token(url, device_id, lambda: data_dir)


@pytest.mark.parametrize("url", [HERE, "ws://localhost:8000/", "ws://[::1]:8000/", "wss://127.0.0.2/"])
def test_a_server_on_this_machine_is_shown_the_token(url: str, data_dir: Path) -> None:
    assert shown(url, TOY, data_dir) == ("s3cret", "")


@pytest.mark.parametrize(
    "url",
    [
        "ws://192.168.1.10:8000/",
        "ws://example.com/",
        "ws://127.0.0.1.example.com/",
        "ws://localhost.example.com/",
        "ws://127.0.0.1@example.com/",
        "ws://example.com/127.0.0.1",
        "ws://0x7f000001/",
        "ws://[::ffff:8.8.8.8]/",
        "ws:///",
        "nonsense",
        "ws://[/",
    ],
)
def test_no_other_machine_is_shown_the_token(url: str, data_dir: Path) -> None:
    assert shown(url, TOY, data_dir) == ("", "")


def test_a_toy_with_a_name_of_its_own_shows_nothing(data_dir: Path) -> None:
    assert shown(HERE, "02:00:00:00:00:09", data_dir) == ("", "")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_token_that_cannot_be_read_is_a_sentence_that_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / TOKEN_FILE).write_bytes(content)
    token, sentence = shown(HERE, TOY, tmp_path)
    assert token == ""
    assert str(tmp_path / TOKEN_FILE) in sentence
    assert "ZHIYIN_DATA_DIR" in sentence and "--ota http://127.0.0.1:8000/xiaozhi/ota/" in sentence


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_toy_command(parser.add_subparsers(required=True))
    return parser.parse_args(["toy", "say", "--text", "hello", *arguments])


async def refuse(talk: ScriptedTalk) -> None:
    await talk.connection.close()


async def test_what_the_toy_was_told_to_show_goes_before_what_it_finds(data_dir: Path) -> None:
    async with scripted_server(refuse) as server:
        for more in ([], ["--token", "given"]):
            await asyncio.to_thread(run, parse("--url", server.url, *more), lambda: data_dir)
    assert [talk.headers["Authorization"] for talk in server.talks] == ["Bearer s3cret", "Bearer given"]


async def test_a_refused_toy_without_its_token_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with scripted_server(refuse, refuse=401) as server:
        assert await asyncio.to_thread(run, parse("--url", server.url), lambda: tmp_path) == 1
    assert "six digits" in capsys.readouterr().err


async def test_a_server_that_sends_the_toy_elsewhere_is_not_followed(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    async def elsewhere(connection: ServerConnection) -> None:
        asked.append(str(connection.request and connection.request.headers.get("Authorization")))

    async with serve(elsewhere, "127.0.0.1", 0) as far:
        target = f"ws://127.0.0.1:{far.sockets[0].getsockname()[1]}/"

        def redirect(connection: ServerConnection, request: Request) -> Response:
            response = connection.respond(302, "over there\n")
            response.headers["Location"] = target
            return response

        async with serve(elsewhere, "127.0.0.1", 0, process_request=redirect) as near:
            url = f"ws://127.0.0.1:{near.sockets[0].getsockname()[1]}/"
            assert await asyncio.to_thread(run, parse("--url", url), lambda: data_dir) == 1
    assert asked == []
    assert "302" in capsys.readouterr().err


def test_a_toy_keeps_its_client_ids_and_no_other_machine_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = client_id(TOY)
    assert client_id(TOY) == ours != client_id(f"{NAMES}02")
    file = tmp_path / "state" / "zhiyin" / STATE_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    assert client_id(TOY) != ours


def test_a_toy_that_can_keep_nothing_is_another_one_at_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert client_id(TOY) == client_id(TOY)  # within one
