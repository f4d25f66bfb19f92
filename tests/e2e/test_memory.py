"""A toy that comes back is remembered, by the whole product: in the same talk, in the next one, and after a crash."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from fakes.api_people import PASSWORD
from fakes.chat_server import Answer, ChatServer
from fakes.whole_server import WholeServer, whole_server


async def aside(scene: Callable[[], Any]) -> Any:
    """In a thread, so that the scripted vendor of this process goes on answering."""
    return await asyncio.to_thread(scene)


def found(server: WholeServer) -> httpx.Client:
    """A browser of the server's owner, whose all devices are that have talked so far."""
    web = httpx.Client(headers={"x-zhiyin": "1"}, base_url=f"{server.url}/api", timeout=20)
    [link] = re.findall(r"invitation=(\S+)", server.log)
    assert web.post("/accounts", json={"name": "olga", "password": PASSWORD, "invitation": link}).status_code == 201
    return web


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
