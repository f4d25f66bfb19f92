"""What a talk waits for its memories on a full database: 10 000 devices, 100 000 memories, a million turns.

    python -m bench.recall_cost [--turns 1000000] [--url postgresql://USER:PASSWORD@HOST/EMPTY_DATABASE]

Each recall is of another device, in whose last conversation something was said a moment ago: whose it is, the
conversation that goes on, its turns, and memories of its role. Milliseconds, one after the other and many at a time.
A crowded role has as many memories as seventy speakers may leave in it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, insert, select, update

from bench.list_cost import BEGAN, Row, fill, write
from contracts.roles import MemoryPolicy
from main_server.store.engine import Database, default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.models import Conversation, Device, Memory, Role, new_id
from main_server.store.recall import Recall

ACCOUNTS = 20
MEMORIES = 100_000
CROWDED = 5_000
AT_ONCE = 16


class Toy(NamedTuple):
    """A device, whose it is, and its role."""

    key: str
    device_id: str
    account_id: str
    role_id: str


async def give_roles(database: Database) -> list[Toy]:
    """Each device and all its talks get a role of their own, with ten memories; the first one's is crowded."""
    async with database.reading() as session:
        devices = (await session.execute(select(Device.id, Device.device_id, Device.account_id))).all()
    toys = [Toy(*device, new_id()) for device in devices]
    await write(database, insert(Role), (_role(toy) for toy in toys))
    for table, key in ((Device, Device.id), (Conversation, Conversation.device_key)):
        statement = update(table).where(key == bindparam("of")).values(role_id=bindparam("role"))
        await write(database, statement, ({"of": toy.key, "role": toy.role_id} for toy in toys))
    await write(database, insert(Memory), _memories(toys))
    return toys


def _role(toy: Toy) -> Row:
    given = {"replacements": [], "exit_phrases": []}
    return {"id": toy.role_id, "account_id": toy.account_id, "name": "role", **given}


def _memories(toys: Sequence[Toy]) -> Iterator[Row]:
    for number in range(MEMORIES):
        toy = toys[0] if number < CROWDED else toys[number % len(toys)]
        at = BEGAN + timedelta(minutes=number)
        yield {
            "id": new_id(),
            "account_id": toy.account_id,
            "role_id": toy.role_id,
            "kind": "fact" if number % 3 else "summary",
            "text": f"They talked about whales and about the weather, number {number}. " * 2,
            "created_at": at,
            "updated_at": at,
        }


async def recall(database: Database, toy: Toy) -> float:
    """Milliseconds of one recall, five minutes after the toy's last conversation began."""
    async with database.reading() as session:
        newest = select(func.max(Conversation.started_at)).where(Conversation.device_key == toy.key)
        at = await session.scalar(newest)
    assert at is not None
    began = time.perf_counter()
    async with database.reading() as session:
        recalled = await Recall(session).of(toy.device_id, toy.role_id, MemoryPolicy.FULL, at + timedelta(minutes=5))
    taken_ms = (time.perf_counter() - began) * 1e3
    assert recalled.turns and recalled.memories
    return taken_ms


def show(what: str, taken_ms: Sequence[float]) -> None:
    ordered = sorted(taken_ms)
    p95 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    print(f"{what:<44} {statistics.median(ordered):8.1f} {p95:8.1f} {ordered[-1]:8.1f}", flush=True)


async def measure(database: Database, toys: Sequence[Toy], times: int) -> None:
    chosen = random.Random(1).sample(toys[1:], times)
    print(f"{'recall':<44} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    show("one after the other", [await recall(database, toy) for toy in chosen])
    show("of a crowded role", [await recall(database, toys[0]) for _ in range(100)])
    together: list[Any] = []
    for start in range(0, len(chosen), AT_ONCE):
        together += await asyncio.gather(*(recall(database, toy) for toy in chosen[start : start + AT_ONCE]))
    show(f"{AT_ONCE} at a time", together)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = asked.url or default_url(Path(folder))
        await migrate(url)
        database = open_database(url)
        began = time.monotonic()
        await fill(database, asked.turns, ACCOUNTS)
        toys = await give_roles(database)
        print(f"{asked.turns} turns and {MEMORIES} memories written in {time.monotonic() - began:.0f} s")
        await measure(database, toys, asked.times)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
