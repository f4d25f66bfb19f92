"""People with browsers at a real `/api` on a real database, without a socket in between."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from main_server.api.access.attempts import Attempts, Limit
from main_server.api.access.passwords import Passwords
from main_server.api.application import create_api
from main_server.api.live import LiveEvents
from main_server.api.parts import ApiParts
from main_server.founding import founding_secret
from main_server.store.audio.folder import FolderFiles
from main_server.store.devices import Devices
from main_server.store.engine import open_database
from main_server.store.migrate import migrate
from main_server.store.sealing import Seal

KEY = bytes(range(32))
PASSWORD = "correct horse"
HOST = "http://zhiyin.test:8000"
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
KINDS_OF_TRIES = ("name at address", "address", "name", "registration", "password", "claim", "provider test")
PLENTY = {kind: Limit(10_000, 60) for kind in KINDS_OF_TRIES}


@dataclass
class Person:
    """A browser. Its requests carry what the console's pages add."""

    http: httpx.AsyncClient
    id: str = ""

    async def ask(self, method: str, path: str, expect: int = 200, **arguments: Any) -> Any:
        """The JSON of the answer (None without one), after its status was checked."""
        answer = await self.http.request(method, "/api" + path, **arguments)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        if expect >= 400:
            assert set(answer.json()) == {"code", "message"}, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, status: int, **arguments: Any) -> str:
        """The code with which the request is refused."""
        return str((await self.ask(method, path, status, **arguments))["code"])

    async def etag(self, path: str) -> str:
        return str((await self.http.get("/api" + path)).headers["etag"])


@dataclass
class ApiHouse:
    """The running API, and ways into it."""

    app: FastAPI
    parts: ApiParts
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def stranger(self, *, address: str = "192.168.1.20", ours: bool = True, **headers: str) -> Person:
        """Somebody whom the server does not know. `ours` = a page of the console asks."""
        transport = httpx.ASGITransport(self.app, client=(address, 50_000))
        own = {"x-zhiyin": "1", "origin": HOST} if ours else {}
        client = httpx.AsyncClient(transport=transport, base_url=HOST, headers=own | headers)
        self.clients.append(client)
        return Person(client)

    async def register(self, name: str, invitation: str | None = None, **more: Any) -> Person:
        person = self.stranger()
        body = {"name": name, "password": PASSWORD, "invitation": invitation} | more
        person.id = (await person.ask("POST", "/accounts", 201, json=body))["id"]
        return person

    async def founder(self, name: str = "olga") -> Person:
        return await self.register(name, await founding_secret(self.parts.database))

    async def invited(self, by: Person, name: str, rank: str = "member") -> Person:
        made = await by.ask("POST", "/invitations", 201, json={"rank": rank})
        return await self.register(name, made["secret"])

    async def with_token(self, person: Person, *scopes: str) -> Person:
        """A program of the person's, which has a token and no cookie."""
        made = await person.ask("POST", "/tokens", 201, json={"name": "program", "scopes": list(scopes)})
        program = self.stranger(ours=False, authorization=f"Bearer {made['secret']}")
        program.id = made["token"]["id"]
        return program


_free: list[FastAPI] = []
"""Those that no house uses now. A route is built at its first request, which costs more than most tests: it is kept."""


@asynccontextmanager
async def api_house(url: str, **parts: Any) -> AsyncIterator[ApiHouse]:
    """An API on the database at `url`, migrated; `parts` replaces fields of ApiParts."""
    await migrate(url)
    database = open_database(url)

    async def whose(device_id: str) -> str | None:
        async with database.reading() as session:
            return await Devices(session).owner_of(device_id)

    live = LiveEvents(whose)
    folder = tempfile.TemporaryDirectory(prefix="zhiyin-audio-")
    defaults = {"audio": FolderFiles(Path(folder.name)), "passwords": Passwords(FAST), "attempts": Attempts(PLENTY)}
    made = ApiParts(database=database, live=live, seal=Seal([KEY]), version="0.0", **(defaults | parts))
    api = _free.pop() if _free else create_api(made)
    api.state.parts = made
    app = FastAPI()  # to which a test may add what else the main port serves
    app.mount("/api", api)
    house = ApiHouse(app, made)
    live.start()
    try:
        yield house
    finally:
        _free.append(api)
        for client in house.clients:
            await client.aclose()
        await live.close()
        made.passwords.close()
        await database.close()
        await made.audio.close()
        folder.cleanup()
