"""What the console's lists cost on a full database: 10 000 devices, a million turns, 100 000 memories of 20 accounts.

    python -m bench.list_cost [--turns 1000000] [--accounts 20] [--postgres | --url postgresql://USER:PASSWORD@HOST/DB]

SQLite in a temporary folder; `--postgres` starts a PostgreSQL of its own where its programs are on the machine, and
`--url` names an empty database. Each list is asked through `/api` in this process, without a socket, by one account:
first page, a page from the middle by its cursor, and a search. Milliseconds per request, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import String, cast, func, insert, literal, select, text, true, union_all

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes.postgres_server import PostgresServer, programs
from main_server.api.application import create_api
from main_server.api.live import LiveEvents
from main_server.api.parts import ApiParts
from main_server.store.audio.folder import FolderFiles
from main_server.store.engine import Database, default_url, open_database
from main_server.store.logins import ApiTokens
from main_server.store.migrate import migrate
from main_server.store.models import Account, Conversation, Device, Memory, Role, Speaker, Turn, Voice, new_id
from main_server.store.sealing import Seal, new_key

DEVICES = 10_000
MEMORIES = 100_000
ROLES = 2_000
SPEAKERS = 2_000
VOICES = 2_000
TURNS_OF_CONVERSATION = 10
ROWS_AT_ONCE = 5_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

TIMES = ("speech_ms", "silence_ms", "first_sound_ms", "total_ms")

Row = dict[str, Any]


async def fill(database: Database, turns: int, accounts_count: int) -> str:
    """Makes the rows; the secret of a token of the first account, which has its share of everything."""
    accounts = [
        Account(id=new_id(), name=f"account {n}", rank="owner", password_hash="-") for n in range(accounts_count)
    ]
    async with database.writing() as session:
        session.add_all(accounts)
        await session.flush()
        _, secret = await ApiTokens(session).add(
            accounts[0].id, name="bench", scopes=["read", "admin"], expires_at=None
        )
    owners = [account.id for account in accounts]
    voices = [_voice(number, owners[number % accounts_count]) for number in range(VOICES)]
    await write(database, insert(Voice), iter(voices))
    roles = [_role(number, owners[number % accounts_count], voices[number]["id"]) for number in range(ROLES)]
    await write(database, insert(Role), iter(roles))
    speakers = [_speaker(number, owners[number % accounts_count]) for number in range(SPEAKERS)]
    await write(database, insert(Speaker), iter(speakers))
    memories = (_memory(n, roles[n % ROLES], speakers[n % SPEAKERS]) for n in range(MEMORIES))
    await write(database, insert(Memory), memories)
    devices = [_device(number, owners[number % accounts_count], roles[number % ROLES]) for number in range(DEVICES)]
    await write(database, insert(Device), iter(devices))
    conversations = [_conversation(n, devices[n % DEVICES]) for n in range(turns // TURNS_OF_CONVERSATION)]
    await write(database, insert(Conversation), iter(conversations))
    await database.write(lambda connection: connection.execute(_turns(TURNS_OF_CONVERSATION)))
    if database.writer is None:
        async with database.writing() as session:
            await session.execute(text("ANALYZE"))  # what autovacuum does in its own time
    return secret


async def write(database: Database, statement: Any, rows: Iterator[Row]) -> None:
    while batch := [row for _, row in zip(range(ROWS_AT_ONCE), rows, strict=False)]:
        await database.write(lambda connection, batch=batch: connection.execute(statement, batch))  # type: ignore[misc]


def _voice(number: int, owner: str) -> Row:
    return {"id": new_id(), "account_id": owner, "name": f"voice {number}", "engine_voice": "nova", "created_at": BEGAN}


def _role(number: int, owner: str, voice_id: str) -> Row:
    return {
        "id": new_id(),
        "account_id": owner,
        "name": f"role {number}",
        "language": "zh-CN",
        "persona": "你是一个住在玩具里的朋友，说话短，心里暖。" * 40,
        "voice_id": voice_id,
        "updated_at": BEGAN + timedelta(minutes=number),
    }


def _speaker(number: int, owner: str) -> Row:
    return {"id": new_id(), "account_id": owner, "name": f"person {number}", "note": "喜欢听故事。"}


def _memory(number: int, role: Row, speaker: Row) -> Row:
    return {
        "id": new_id(),
        "account_id": role["account_id"],
        "role_id": role["id"],
        "speaker_id": speaker["id"],
        "kind": "fact" if number % 3 else "summary",
        "text": f"周末想去公园放风筝，还记得上次摔了一跤，说下次要带创可贴。{number}",
        "pinned": number % 50 == 0,
        "updated_at": BEGAN + timedelta(minutes=number),
    }


def _device(number: int, owner: str, role: Row) -> Row:
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
        "role_id": role["id"],
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


def _turns(per_conversation: int) -> Any:
    """Made by the database itself, out of its conversations: a million rows would take us minutes."""
    numbers = union_all(*(select(literal(n).label("n")) for n in range(per_conversation))).subquery()
    number = cast(numbers.c.n, String)
    row: dict[str, Any] = {
        "id": number + func.substr(Conversation.id, 2),  # a key in random order, as ours are
        "conversation_id": Conversation.id,
        "account_id": Conversation.account_id,
        "turn_id": number,
        "started_at": Conversation.started_at,
        "trigger": literal("speech"),
        "user_text": literal("今天天气怎么样，我要带伞吗？"),
        "reply_text": literal("今天多云，傍晚可能有小雨，带上伞吧。") + Conversation.session_id,
        "heard_text": literal("今天多云，傍晚可能有小雨，带上伞吧。"),
        "outcome": literal("completed"),
        **{name: literal(100.0) for name in TIMES},
    }
    return insert(Turn).from_select(list(row), select(*row.values()).select_from(Conversation).join(numbers, true()))


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
        _, roles = await ask(client, "/roles?templates=false", 1)
        _, speakers = await ask(client, "/speakers", 1)
        _, memories = await ask(client, "/memories?limit=100", 1)
        of_device = devices["items"][0]["id"]
        turns_of = talks["items"][0]["id"]
        of_role = roles["items"][0]["id"]
        print(f"{'list':<44} {'p50 ms':>8} {'p95 ms':>8}")
        for path in (
            "/devices",
            f"/devices?after={devices['next']}",
            "/devices?q=toy 99",
            "/devices?q=nowhere",
            f"/devices?role={of_role}",
            "/conversations",
            f"/conversations?after={talks['next']}",
            f"/conversations?device={of_device}",
            f"/conversations/{turns_of}/turns",
            "/conversations?q=带上伞",
            "/conversations?q=nowhere",
            "/roles",
            f"/roles?after={roles['next']}",
            "/roles?q=role 99",
            f"/roles/{of_role}",
            "/voices",
            "/speakers",
            f"/speakers?after={speakers['next']}",
            "/speakers?q=person 99",
            "/memories",
            f"/memories?after={memories['next']}",
            f"/memories?role={of_role}",
            f"/memories?speaker={speakers['items'][0]['id']}",
            "/memories?pinned=true",
            "/memories?q=放风筝",
            "/memories?q=nowhere",
            "/audit",
        ):
            taken_ms, _ = await ask(client, path, times if path != "/conversations?q=nowhere" else 5)
            ordered = sorted(taken_ms)
            p95 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
            print(f"{path.split('after=')[0][:44]:<44} {statistics.median(ordered):8.1f} {p95:8.1f}", flush=True)


@contextmanager
def place(asked: argparse.Namespace) -> Iterator[str]:
    """The URL of an empty database."""
    if asked.url:
        yield asked.url
    elif asked.postgres:
        found = programs()
        if found is None:
            raise SystemExit("PostgreSQL's programs are not on this machine; name a database with --url.")
        server = PostgresServer(found)
        try:
            yield server.new_database()
        finally:
            server.stop()
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield default_url(Path(folder))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--url")
    parser.add_argument("--postgres", action="store_true")
    asked = parser.parse_args()
    with place(asked) as url:
        await migrate(url)
        database = open_database(url)
        began = time.monotonic()
        secret = await fill(database, asked.turns, asked.accounts)
        print(f"{asked.turns} turns written in {time.monotonic() - began:.0f} s")
        await measure(database, secret, asked.times)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
