"""A toy that comes back is remembered, by the whole product: in the same talk, in the next one, and after a crash."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from fakes.api_people import PASSWORD
from fakes.chat_server import Answer, ChatServer
from fakes.whole_server import WholeServer, whole_server


async def aside(scene: Callable[[], Any]) -> Any:
    """In a thread, so that the scripted vendor of this process goes on answering."""
    return await asyncio.to_thread(scene)


def said(request: dict[str, Any]) -> list[str]:
    return [message["content"] for message in request["messages"]]


async def test_a_toy_that_reconnects_goes_on_in_one_conversation(tmp_path: Path) -> None:
    async with ChatServer() as brain:
        brain.say(Answer(["Hello ", "Mia."]), Answer(["Your name ", "is Mia."]))

        def scene() -> list[dict[str, Any]]:
            with whole_server(tmp_path, llm_url=brain.url, llm_model="any") as server:
                server.toy("--text", "my name is Mia")
                server.toy("--text", "what is my name")
                return server.rows("SELECT * FROM conversations WHERE turn_count > 0")

        [conversation] = await aside(scene)
    assert conversation["turn_count"] == 2
    first, second = brain.requests
    assert said(second)[:1] == said(first)[:1]
    assert [re.sub(r"^\[.*\]\n", "", text) for text in said(second)[1:]] == [
        "my name is Mia",
        "Hello Mia.",
        "what is my name",
    ]


async def test_what_was_said_survives_a_server_that_is_killed_between_two_turns(tmp_path: Path) -> None:
    async with ChatServer() as brain:
        brain.say(Answer(["Hello ", "Mia."]), Answer(["Your name ", "is Mia."]))

        def scene() -> list[dict[str, Any]]:
            with whole_server(tmp_path, llm_url=brain.url, llm_model="any") as server:
                server.toy("--text", "my name is Mia")
                server.process.kill()
                server.process.wait(30)
            with whole_server(tmp_path, llm_url=brain.url, llm_model="any") as server:
                server.toy("--text", "what is my name")
                return server.rows("SELECT * FROM conversations WHERE turn_count > 0")

        [conversation] = await aside(scene)
    assert conversation["turn_count"] == 2
    assert "Hello Mia." in said(brain.requests[1])


async def test_the_next_talk_begins_with_what_the_last_one_was_about(tmp_path: Path) -> None:
    """The house killed after the talk, started again: it notes the talk down, and the next one knows it."""
    note = json.dumps({"title": "Whales", "summary": "Mia asked about whales.", "facts": ["Mia is six years old."]})
    async with ChatServer() as brain:
        settings = {"claim": "code", "llm_url": brain.url, "llm_model": "any"}

        def before() -> None:
            with whole_server(tmp_path, **settings) as server:
                claim(server)
                brain.say(Answer(["A whale is ", "no fish."]), Answer([note]))
                talk(server, "I am six, are whales fish")
                server.process.kill()
                server.process.wait(30)
            an_hour_passes(server)

        def after() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            with whole_server(tmp_path, **settings) as server:
                give_up_s = time.monotonic() + 30
                while not (noted := server.rows("SELECT * FROM memories ORDER BY kind")):
                    assert time.monotonic() < give_up_s, server.log
                    time.sleep(0.2)
                brain.say(Answer(["Of course ", "I do."]))
                talk(server, "do you remember me")
                assert "whales" not in server.log.lower() and "six" not in server.log.lower()
                return noted, server.rows("SELECT * FROM conversations WHERE turn_count > 0 ORDER BY started_at")

        await asyncio.to_thread(before)
        noted, conversations = await asyncio.to_thread(after)
    assert [(row["kind"], row["text"]) for row in noted] == [
        ("fact", "Mia is six years old."),
        ("summary", "Mia asked about whales."),
    ]
    assert [row["title"] for row in conversations] == ["Whales", ""]
    system, question = said(brain.requests[-1])
    assert "Mia is six years old." in system and "Mia asked about whales." in system
    assert question.endswith("do you remember me")


def talk(server: WholeServer, text: str, expect: int = 0) -> str:
    """A board boots from the OTA address and says something; what it printed."""
    command = [sys.executable, "-m", "main_server", "toy", "say", "--text", text, "--ota", f"{server.url}/xiaozhi/ota/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=server.folder)
    assert (done.returncode == 0) is (expect == 0), done.stdout + done.stderr + server.log
    return done.stdout + done.stderr


def claim(server: WholeServer) -> None:
    """Somebody founds the server and claims the board."""
    [code] = re.findall(r"enter the code (\d{6})", talk(server, "hello", expect=1))
    [link] = re.findall(r"invitation=(\S+)", server.log)
    with httpx.Client(headers={"x-zhiyin": "1"}, base_url=f"{server.url}/api/") as web:
        owner = {"name": "olga", "password": PASSWORD, "invitation": link}
        assert web.post("accounts", json=owner).status_code == 201
        assert web.post("claims", json={"code": code}).status_code == 201


def an_hour_passes(server: WholeServer) -> None:
    """For what is in the database; nobody serves meanwhile."""
    hour_ago = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%d %H:%M:%S.%f}"
    with sqlite3.connect(server.folder / "data" / "zhiyin.db") as database:
        assert database.execute("SELECT count(*) FROM conversations WHERE memory_due_at IS NOT NULL").fetchone() == (1,)
        database.execute("UPDATE turns SET started_at = ?", (hour_ago,))
        database.execute("UPDATE conversations SET memory_due_at = ? WHERE memory_due_at IS NOT NULL", (hour_ago,))
