"""What is kept of a talk, from a whole server's disk and API: sound that nobody else can read, or not one word."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from contracts.audio import Pcm
from fakes.api_people import PASSWORD
from fakes.s3_server import S3Server
from fakes.spoken import RATE_HZ, at_level, pcm, silence
from fakes.spoken import say as say_it
from fakes.whole_server import WholeServer, whole_server
from main_server.store.audio.address import open_files
from main_server.store.engine import default_url, open_database
from main_server.store.erasing import Erasing
from main_server.store.retention import Retention
from sound.decode import decode
from sound.level import rms_dbfs
from sound.wav import wav_bytes

WAIT_S = 30.0


@contextmanager
def owned_toy(folder: Path, **settings: str) -> Iterator[tuple[WholeServer, httpx.Client]]:
    """A server whose owner has claimed the toy, and the owner's browser."""
    folder.mkdir(exist_ok=True)
    with whole_server(folder, claim="code", **settings) as server, browser(server) as web:
        refused = say(server, "--text", "hello", expect=None)
        [code] = re.findall(r"enter the code (\d{6})", refused)
        [link] = re.findall(r"invitation=(\S+)", server.log)
        founder = {"name": "olga", "password": PASSWORD, "invitation": link}
        assert web.post("/accounts", json=founder).status_code == 201
        assert web.post("/claims", json={"code": code}).status_code == 201
        yield server, web


def browser(server: WholeServer) -> httpx.Client:
    return httpx.Client(headers={"x-zhiyin": "1"}, base_url=f"{server.url}/api", timeout=30)


@pytest.fixture
def a_question(tmp_path: Path) -> str:
    """A wav of a question that the built-in recogniser knows."""
    path = tmp_path / "question.wav"
    sound = np.concatenate([silence(300), at_level(say_it("what time is it", "en-us"), -20), silence(200)])
    path.write_bytes(wav_bytes(Pcm(pcm(sound), RATE_HZ)))
    return str(path)


def say(server: WholeServer, *arguments: str, expect: int | None = 0) -> str:
    command = [sys.executable, "-m", "main_server", "toy", "say", *arguments, "--ota", f"{server.url}/xiaozhi/ota/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=server.folder)
    assert expect is None or done.returncode == expect, f"{done.stdout}\n{done.stderr}\n{server.log}"
    return done.stdout + done.stderr


def last_turn(web: httpx.Client, *, with_sound: bool = True) -> dict[str, Any]:
    """The newest turn; its sound comes a moment after its words."""
    give_up_s = time.monotonic() + WAIT_S
    while True:
        turns = [
            turn
            for conversation in web.get("/conversations").json()["items"][:1]
            for turn in web.get(f"/conversations/{conversation['id']}/turns").json()["items"]
        ]
        if turns and (turns[-1]["heard_audio"] or not with_sound):
            return turns[-1]
        assert time.monotonic() < give_up_s, turns
        time.sleep(0.05)


def on_disk(folder: Path) -> list[Path]:
    return [path for path in (folder / "data" / "audio").rglob("*") if path.is_file()]


def wait_until_erased(folder: Path) -> None:
    give_up_s = time.monotonic() + WAIT_S
    while on_disk(folder):
        assert time.monotonic() < give_up_s, on_disk(folder)
        time.sleep(0.05)


def assert_two_voices(web: httpx.Client, turn: dict[str, Any]) -> None:
    heard, said = (
        decode(web.get(f"/turns/{turn['id']}/audio?side={side}").raise_for_status().content, max_s=60)
        for side in ("heard", "said")
    )
    assert 800 < heard.duration_ms < 3_000 and rms_dbfs(heard.data) > -40
    assert said.duration_ms > 500 and rms_dbfs(said.data) > -40
    assert heard.data != said.data


def test_both_sides_are_kept_encrypted_heard_again_and_erased(tmp_path: Path, a_question: str) -> None:
    with owned_toy(tmp_path, recording="audio") as (server, web):
        say(server, a_question)
        turn = last_turn(web)
        assert_two_voices(web, turn)
        files = on_disk(tmp_path)
        assert len(files) == 2
        for path in files:
            raw = path.read_bytes()
            assert b"OggS" not in raw and b"Opus" not in raw and path.stat().st_mode & 0o777 == 0o600
        assert b"OpusHead" not in (tmp_path / "data" / "zhiyin.db").read_bytes()
        assert 'zhiyin_discarded_total{kind="recordings"} 0.0' in server.get("/metrics")[1]
        assert web.get("/export").content.startswith(b"PK")
        assert web.delete(f"/conversations/{turn['conversation_id']}").status_code == 204
        wait_until_erased(tmp_path)


def test_a_bucket_keeps_them_as_well(tmp_path: Path, a_question: str) -> None:
    s3 = S3Server()
    try:
        url = s3.url()
        with owned_toy(tmp_path, recording="audio", audio_url=url, audio_key="us", audio_secret="ours") as (
            server,
            web,
        ):
            say(server, a_question)
            assert_two_voices(web, last_turn(web))
            assert on_disk(tmp_path) == [] and "ours" not in server.log
    finally:
        s3.stop()


def test_a_role_that_keeps_nothing_leaves_no_word_anywhere(tmp_path: Path, a_question: str) -> None:
    with owned_toy(tmp_path, recording="none") as (server, web):
        lines: list[str] = []
        listening = threading.Thread(target=listen, args=(server, web, lines), daemon=True)
        listening.start()
        while not lines:
            time.sleep(0.02)
        told = say(server, a_question) + say(server, "--text", "what is a marmalade")
        assert "what time is it" in told.lower() and "marmalade" in told  # the toy itself is answered as ever
        turn = last_turn(web, with_sound=False)
        assert (turn["user_text"], turn["reply_text"], turn["heard_text"], turn["heard_audio"]) == ("", "", "", None)
        assert turn["total_ms"] > 0
        deadline_s = time.monotonic() + WAIT_S
        while sum("turn_ended" in line for line in lines) < 2 and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert sum("event: turn_ended" in line for line in lines) == 2
        server.stop()
        listening.join(10)
        stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("zhiyin.db*"))
        for place in (stored, "".join(lines).encode(), server.log.encode()):
            assert b"marmalade" not in place and b"what time" not in place.lower()
        assert on_disk(tmp_path) == []


def listen(server: WholeServer, web: httpx.Client, lines: list[str]) -> None:
    try:
        with httpx.stream("GET", f"{server.url}/api/live", cookies=dict(web.cookies), timeout=120) as stream:
            lines.extend(stream.iter_lines())
    except httpx.HTTPError:
        pass


async def test_what_a_device_keeps_to_know_speakers_by_goes_after_seven_days(tmp_path: Path, a_question: str) -> None:
    with owned_toy(tmp_path) as (server, web):
        say(server, a_question)
        turn = last_turn(web)
        assert turn["said_audio"] is None
        [device] = web.get("/devices").json()["items"]
        [utterance] = web.get(f"/devices/{device['id']}/utterances").json()["items"]
        assert utterance["text"] == turn["user_text"] != "" and utterance["clarity"] > 20
        sound = decode(web.get(f"/utterances/{utterance['id']}/audio").content, max_s=60)
        assert abs(sound.duration_ms - utterance["length_ms"]) < 400 and rms_dbfs(sound.data) > -40
    assert len(on_disk(tmp_path)) == 1
    database, files = open_database(default_url(tmp_path / "data")), open_files("file:", tmp_path / "data")
    for days, left in ((6, 1), (8, 0)):
        moved = datetime.now(UTC) + timedelta(days=days)
        await Retention(database, lambda now=moved: now).run()  # type: ignore[misc]
        await Erasing(database, files).run()
        assert len(on_disk(tmp_path)) == left
    await files.close()
    await database.close()


def test_a_server_killed_between_the_rows_and_the_files_erases_them_when_it_comes_back(
    tmp_path: Path, a_question: str
) -> None:
    with owned_toy(tmp_path, recording="audio") as (server, web):
        say(server, a_question)
        last_turn(web)
        server.process.kill()  # nothing of it runs any more ...
        server.process.wait()
        with sqlite3.connect(tmp_path / "data" / "zhiyin.db") as connection:  # ... as if just behind its commit
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("DELETE FROM conversations")
        assert len(on_disk(tmp_path)) == 2
    with whole_server(tmp_path, claim="code"):
        wait_until_erased(tmp_path)


@pytest.mark.parametrize("missing", ["secret_key"])
def test_a_copy_without_the_key_serves_nothing(tmp_path: Path, a_question: str, missing: str) -> None:
    import shutil

    with owned_toy(tmp_path / "home", recording="audio") as (server, web):
        say(server, a_question)
        last_turn(web)
    (tmp_path / "stolen").mkdir()
    shutil.copytree(tmp_path / "home" / "data", tmp_path / "stolen" / "data")
    (tmp_path / "stolen" / "data" / missing).unlink()
    with pytest.raises(AssertionError, match="sealed with another key"), whole_server(tmp_path / "stolen"):
        pass
