"""An owner edits a role while the toy talks: the next turn is the new one's, with its model and its voice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from fakes.account_rows import AccountRows
from fakes.api_people import PASSWORD
from fakes.chat_server import Answer, ChatServer
from fakes.device_client import MAC, DeviceClient, connected
from fakes.speech_server import Speech, SpeechServer
from fakes.transcription_server import Hears, TranscriptionServer
from fakes.whole_server import WholeServer, whole_server
from main_server.founding import founding_secret
from main_server.store.engine import Database, default_url, open_database
from main_server.store.models import Conversation, Device, Turn
from main_server.store.sealing import Seal, key_of
from toy.cli import DEFAULT_DEVICE_ID

ENOUGH_S = 30.0


@asynccontextmanager
async def in_a_process(folder: Path, **settings: str) -> AsyncIterator[tuple[WholeServer, Database]]:
    """A whole server, and its database beside it, as another server would have it open."""
    context = whole_server(folder, **settings)
    server = await asyncio.to_thread(context.__enter__)
    database = open_database(default_url(folder / "data"))
    try:
        yield server, database
    finally:
        await database.close()
        await asyncio.to_thread(context.__exit__, None, None, None)


async def turn(toy: DeviceClient, text: str) -> str:
    """Types something; the sentences that are shown until the toy stops speaking."""
    await toy.send({"type": "listen", "state": "detect", "text": text})
    said: list[str] = []
    async with asyncio.timeout(ENOUGH_S):
        while True:
            frame = await toy.frame(ENOUGH_S)
            assert frame is not None
            if frame.opcode.name != "TEXT":
                continue
            message = json.loads(bytes(frame.data))
            if message.get("state") == "sentence_start":
                said.append(message["text"])
            if (message.get("type"), message.get("state")) == ("tts", "stop"):
                return " ".join(said)


async def owner_of(server: WholeServer, database: Database) -> httpx.AsyncClient:
    http = httpx.AsyncClient(base_url=f"{server.url}/api", headers={"x-zhiyin": "1", "if-match": "*"})
    body = {"name": "olga", "password": PASSWORD, "invitation": await founding_secret(database)}
    answer = await http.post("/accounts", json=body)
    assert answer.status_code == 201, answer.text
    http.headers["x-account"] = answer.json()["id"]
    return http


async def made(http: httpx.AsyncClient, body: dict[str, Any]) -> str:
    answer = await http.post("/providers", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_an_edit_while_the_toy_talks_is_in_its_next_turn(tmp_path: Path) -> None:
    async with (
        ChatServer() as brain,
        SpeechServer() as mouth,
        in_a_process(tmp_path, claim="open") as (server, database),
    ):
        brain.say(Answer(["I am Lulu."]))
        mouth.say(Speech())
        http = await owner_of(server, database)
        seal = Seal([key_of((tmp_path / "data" / "secret_key").read_text().split()[0])])
        mine = AccountRows(database, seal, http.headers["x-account"])
        async with connected(server.port) as toy:
            assert toy.status == 101, (toy.status, toy.body)
            await toy.hello()
            assert "I am Lulu" not in await turn(toy, "tell me a joke")  # nobody's: the house's offline brain
            async with asyncio.timeout(ENOUGH_S):
                while not (found := (await http.get("/devices?nobodys=true")).json()["items"]):
                    await asyncio.sleep(0.05)
            key = found[0]["id"]
            assert (await http.post(f"/devices/{key}/adopt")).status_code == 200

            options = {"url": brain.url, "model": "lulu-1", "price_in_per_million": 1000.0, "currency": "CNY"}
            llm = await made(
                http, {"kind": "llm", "engine": "openai", "name": "B", "options": options, "secret": "sk-b"}
            )
            tts = await made(http, {"kind": "tts", "engine": "openai", "name": "M", "options": {"url": mouth.url}})
            voice = await mine.voice(provider_id=tts, engine_voice="lulu-voice")
            role = await mine.role(persona="You are Lulu.", model_id=llm, voice_id=voice.id)
            async with database.writing() as session:
                row = await session.get(Device, key)
                assert row is not None
                row.role_id = role.id
            async with asyncio.timeout(ENOUGH_S):  # another process has written: it is seen within seconds
                while "I am Lulu" not in await turn(toy, "who are you"):
                    await asyncio.sleep(0.2)
            assert brain.requests[-1]["model"] == "lulu-1"
            assert brain.requests[-1]["messages"][0]["content"] == "You are Lulu."
            assert brain.request_headers[-1]["Authorization"] == "Bearer sk-b"
            assert mouth.requests[-1]["voice"] == "lulu-voice"

            edited = await http.patch(f"/providers/{llm}", json={"options": options | {"model": "lulu-2"}})
            assert edited.status_code == 200, edited.text  # through this very server: at once
            async with asyncio.timeout(ENOUGH_S):
                while brain.requests[-1]["model"] != "lulu-2":
                    await turn(toy, "and now")

        async with asyncio.timeout(ENOUGH_S), database.reading() as session:
            while True:
                query = select(Turn).join(Conversation).order_by(Turn.started_at)
                turns = list(await session.scalars(query))
                if turns[-1].user_text == "and now":
                    break
                await session.rollback()
                await asyncio.sleep(0.05)
        first, last = turns[0], turns[-1]
        assert (first.role_id, first.cost) == (None, None)
        assert (last.role_id, last.cost, last.currency) == (role.id, 11 * 1000 / 1e6, "CNY")
        assert {each.outcome for each in turns} == {"completed"}
        assert "sk-b" not in server.log
        assert MAC in {each["device_id"] for each in found}
        await http.aclose()


async def test_an_account_is_heard_by_its_own_recogniser(tmp_path: Path, a_question: str) -> None:
    async with TranscriptionServer() as ears, in_a_process(tmp_path, claim="open") as (server, database):
        ears.say(Hears("tell me a joke"))
        http = await owner_of(server, database)
        mine = AccountRows(database, Seal([bytes(32)]), http.headers["x-account"])
        await mine.device(DEFAULT_DEVICE_ID)
        options = {"url": ears.url, "model": "my-ears"}
        body = {"kind": "asr", "engine": "openai", "name": "Ears", "options": options, "is_default": True}
        await made(http, body | {"secret": "sk-ears"})
        for _ in range(5):  # on a busy machine the house's own ears may hear the first sentence
            [heard] = await asyncio.to_thread(server.toy, a_question)
            if ears.requests:
                break
        assert heard["stt"] == "tell me a joke" and heard["reply"]
        assert ears.requests and "sk-ears" not in server.log
        await http.aclose()
