"""What the console's lists cost on a full database: 10 000 devices and a million turns of 20 accounts.

    python -m bench.list_cost [--turns 1000000] [--url postgresql://USER:PASSWORD@HOST/EMPTY_DATABASE]

Each list is asked through `/api` in this process, without a socket: first page, a page from the middle by its cursor,
and a search. Milliseconds per request, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import insert

from main_server.api.application import create_api
from main_server.api.live import LiveEvents
from main_server.api.parts import ApiParts
from main_server.store.audio.folder import FolderFiles
from main_server.store.engine import Database, default_url, open_database
from main_server.store.logins import ApiTokens
from main_server.store.migrate import migrate
from main_server.store.models import Account, Conversation, Device, Turn, new_id
from main_server.store.sealing import Seal, new_key

ACCOUNTS = 20
DEVICES = 10_000
TURNS_OF_CONVERSATION = 10
ROWS_AT_ONCE = 5_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

TIMES = ("speech_ms", "silence_ms", "first_sound_ms", "total_ms")

Row = dict[str, Any]


async def fill(database: Database, turns: int) -> str:
    """Makes the rows; the secret of a token of the busiest account."""
    accounts = [Account(id=new_id(), name=f"account {n}", rank="owner", password_hash="-") for n in range(ACCOUNTS)]
    async with database.writing() as session:
        session.add_all(accounts)
        await session.flush()
        _, secret = await ApiTokens(session).add(
            accounts[0].id, name="bench", scopes=["read", "admin"], expires_at=None
        )
    owners = [account.id for account in accounts]
    devices = [_device(number, owners[number % ACCOUNTS]) for number in range(DEVICES)]
    await write(database, insert(Device), iter(devices))
    conversations = [_conversation(n, devices[n % DEVICES]) for n in range(turns // TURNS_OF_CONVERSATION)]
    await write(database, insert(Conversation), iter(conversations))
    await write(database, insert(Turn), (_turn(n, conversations[n // TURNS_OF_CONVERSATION]) for n in range(turns)))
    return secret


async def write(database: Database, statement: Any, rows: Iterator[Row]) -> None:
    while batch := [row for _, row in zip(range(ROWS_AT_ONCE), rows, strict=False)]:
        await database.write(lambda connection, batch=batch: connection.execute(statement, batch))  # type: ignore[misc]


def _device(number: int, owner: str) -> Row:
    seen = BEGAN + timedelta(minutes=number)
    return {
        "id": new_id(),
        "device_id": f"aa:bb:{number:08}",
        "client_id": "",
        "board": "box-3",
        "chip": "esp32s3",
        "firmware": "2.4.2",
        "language": "zh-CN",
        "server_aec": None,
        "first_seen_at": seen,
        "last_seen_at": seen,
        "last_talk_at": seen,
        "account_id": owner,
        "name": f"toy {number}",
        "tags": [],
    }


def _conversation(number: int, device: Row) -> Row:
    return {
        "id": new_id(),
        "device_key": device["id"],
        "session_id": f"s{number}",
        "started_at": BEGAN + timedelta(minutes=number),
        "ended_at": BEGAN + timedelta(minutes=number + 1),
        "closed_reason": "idle",
        "turn_count": TURNS_OF_CONVERSATION,
        "account_id": device["account_id"],
        "title": "",
    }


def _turn(number: int, conversation: Row) -> Row:
    texts = dict.fromkeys(("error_code", "language", "emotion", "recogniser", "model", "voice"), "")
    return {
        "id": new_id(),
        "conversation_id": conversation["id"],
        "account_id": conversation["account_id"],
        "turn_id": f"t{number}",
        "started_at": conversation["started_at"] + timedelta(seconds=number % 60),
        "trigger": "speech",
        "user_text": "今天天气怎么样，我要带伞吗？",
        "reply_text": f"今天多云，傍晚可能有小雨，带上伞吧。{number}",
        "heard_text": "今天多云，傍晚可能有小雨，带上伞吧。",
        "outcome": "completed",
        "prompt_tokens": 20,
        "completion_tokens": 20,
        "tools": [],
        **texts,
        **dict.fromkeys(TIMES, 100.0),
    }


async def ask(client: httpx.AsyncClient, path: str, times: int) -> tuple[list[float], Row]:
    """Milliseconds of each request, and the last answer."""
    taken_ms = []
    for _ in range(times):
        began = time.perf_counter()
        answer = await client.get(f"/api{path}")
        taken_ms.append((time.perf_counter() - began) * 1e3)
        assert answer.status_code == 200, answer.text
    return taken_ms, answer.json()


async def measure(database: Database, secret: str, times: int) -> None:
    async def whose(device_id: str) -> str | None:
        return None

    app = FastAPI()
    files = FolderFiles(Path(tempfile.gettempdir()))  # nobody asks for sound
    app.mount("/api", create_api(ApiParts(database, LiveEvents(whose), files, Seal([new_key()]), "bench")))
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://bench", headers=headers
    ) as client:
        _, devices = await ask(client, "/devices", 1)
        _, talks = await ask(client, "/conversations?limit=100", 1)
        of_device = devices["items"][0]["id"]
        turns_of = talks["items"][0]["id"]
        print(f"{'list':<44} {'p50 ms':>8} {'p95 ms':>8}")
        for path in (
            "/devices",
            f"/devices?after={devices['next']}",
            "/devices?q=toy 99",
            "/conversations",
            f"/conversations?after={talks['next']}",
            f"/conversations?device={of_device}",
            f"/conversations/{turns_of}/turns",
            "/conversations?q=带上伞",
            "/conversations?q=nowhere",
            "/audit",
        ):
            taken_ms, _ = await ask(client, path, times if "nowhere" not in path else 3)
            ordered = sorted(taken_ms)
            p95 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
            print(f"{path.split('after=')[0][:44]:<44} {statistics.median(ordered):8.1f} {p95:8.1f}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = asked.url or default_url(Path(folder))
        await migrate(url)
        database = open_database(url)
        began = time.monotonic()
        secret = await fill(database, asked.turns)
        print(f"{asked.turns} turns written in {time.monotonic() - began:.0f} s")
        await measure(database, secret, asked.times)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
