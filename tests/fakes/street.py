"""What boards meet of a server that lets claimed ones in only: its configuration address and its door."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.datastructures import Headers

from fakes.api_people import KEY, ApiHouse, Person, api_house
from main_server.claim_desk import StoreClaimDesk
from main_server.device.gate import Admitted, Credentials, TokenGate
from main_server.device.handshake import read_credentials
from main_server.device.ota import ota_router
from main_server.store.sealing import Seal

MAC = "24:6f:28:ab:cd:ef"
HERS, ANOTHERS = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
AT_HOME = "192.168.1.50"
TOY_TOKEN = "what-only-the-owner-of-this-machine-can-read"
SERIAL, BURNED = "SN0123456789ABCDEF0123456789ABCD", bytes(range(32, 64))

Json = dict[str, Any]


class Street:
    """The configuration address and the door of a server that lets claimed boards in only."""

    def __init__(self, house: ApiHouse) -> None:
        self.house = house
        self.desk = StoreClaimDesk(house.parts.database, Seal([KEY]), house.parts.live.forget)
        self.gate = TokenGate(self.desk, toy_token=TOY_TOKEN)
        proxies = house.parts.proxies
        house.app.include_router(
            ota_router(lan_address=lambda: "192.168.1.10", desk=self.desk, client_address=proxies.client_address)
        )

    async def ask(
        self,
        path: str,
        mac: str,
        client: str,
        address: str,
        language: str = "en-US",
        json: Json | None = None,
        **more: str,
    ) -> httpx.Response:
        headers = {"Device-Id": mac, "Client-Id": client, "User-Agent": "box-3/2.4.2", "Accept-Language": language}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        transport = httpx.ASGITransport(self.house.app, client=(address, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://192.168.1.10:8000") as board:
            return await board.post(path, headers=headers, json=json or {})

    async def boot(self, mac: str = MAC, client: str = HERS, address: str = AT_HOME, **more: str) -> Json:
        answer = await self.ask("/xiaozhi/ota/", mac, client, address, **more)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        assert ("websocket" in told) is not ("activation" in told)
        return told

    async def code(self, **board: str) -> str:
        return str((await self.boot(**board))["activation"]["code"])

    async def token(self, **board: str) -> str:
        return str((await self.boot(**board))["websocket"]["token"])

    async def enters(self, token: str, mac: str = MAC, client: str = HERS) -> bool:
        verdict = await self.gate.authorise(Credentials(mac, client, f"Bearer {token}", AT_HOME))
        return isinstance(verdict, Admitted)

    async def toy_enters(self, token: str, mac: str, peer: str = "127.0.0.1", target: str = "", **headers: str) -> bool:
        """A toy in software at the door, as its upgrade request has it."""
        sent = Headers({"Device-Id": mac, "Client-Id": HERS, "Authorization": f"Bearer {token}"} | headers)
        credentials = read_credentials(target or "/xiaozhi/v1/", sent, peer)
        return isinstance(await self.gate.authorise(credentials), Admitted)


@dataclass
class KeyedBoard:
    """A board with a serial number and a key in its eFuse, which boots as the firmware does."""

    street: Street
    mac: str = MAC
    client: str = HERS
    serial: str = SERIAL
    key: bytes = BURNED
    address: str = AT_HOME

    async def check(self) -> Json:
        return await self.street.boot(
            self.mac, self.client, self.address, activation_version="2", serial_number=self.serial
        )

    async def activate(self, challenge: str, *, made: str | None = None, wrapped: bool = False) -> int:
        """The status. `made` stands in for what the chip makes of the challenge."""
        answer = hmac.new(self.key, challenge.encode(), hashlib.sha256).hexdigest() if made is None else made
        body = {"algorithm": "hmac-sha256", "serial_number": self.serial, "challenge": challenge, "hmac": answer}
        said = await self.street.ask(
            "/xiaozhi/ota/activate",
            self.mac,
            self.client,
            self.address,
            json={"Payload": body} if wrapped else body,
            activation_version="2",
            serial_number=self.serial,
        )
        return said.status_code

    async def boot(self, rounds: int = 3) -> Json:
        """Checks and activates until it is told where to talk, or has to speak, or gave up; the last answer."""
        for _ in range(rounds):
            told = await self.check()
            if "activation" not in told or await self.activate(told["activation"]["challenge"]) != 200:
                break
        return told


async def claimed(street: Street) -> Person:
    """An owner who has typed the code of the board."""
    owner = await street.house.founder()
    await owner.ask("POST", "/claims", 201, json={"code": await street.code()})
    return owner


@asynccontextmanager
async def street_on(url: str, **parts: Any) -> AsyncIterator[Street]:
    async with api_house(url, **parts) as house:
        yield Street(house)
