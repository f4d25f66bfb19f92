"""What it costs to know who a toy is: at its hello, at each turn, and for the watch over all that talk.

    python -m bench.casting_cost [--devices 10000] [--live 150] [--url postgresql://USER:PASSWORD@HOST/EMPTY_DATABASE]

Every tenth device has an account of its own with the nine beside it, a role, a voice and three providers.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from contracts.audio import OpusFormat
from main_server.casting.company import Company, HouseEngines
from main_server.casting.making import EngineMaker, LocalEngines
from main_server.casting.pool import EnginePool
from main_server.conversation.role import DEFAULT_PERSONA, Role
from main_server.device.speech import OpusCache, OpusVoice
from main_server.store import models
from main_server.store.engine import Database, default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.models import new_id, utc_now
from main_server.store.providers import opener
from main_server.store.sealing import Seal, new_key, place_of
from tts_server.engines.espeak import EspeakSynthesizer

DOWNLINK = OpusFormat(24_000, 60)
TOYS_OF_ACCOUNT = 10
URL = {"url": "https://api.example.com/v1", "model": "m"}


class House:
    """An engine that nobody asks."""

    name = "house"


def account_rows(number: int, seal: Seal) -> dict[type[Any], list[dict[str, Any]]]:
    """An account with its toys, as rows by table."""
    account, role, voice = new_id(), new_id(), new_id()
    llm, second, tts = new_id(), new_id(), new_id()
    now = utc_now()
    providers = [
        {"id": key, "account_id": account, "kind": kind, "engine": "openai", "name": kind, "options": URL,
         "secret": seal.seal("sk-bench", place_of("providers", "secret", key)), "is_default": key != second}
        for key, kind in ((llm, "llm"), (second, "llm"), (tts, "tts"))
    ]  # fmt: skip
    device = {"account_id": account, "role_id": role, "first_seen_at": now, "last_seen_at": now}
    return {
        models.Account: [{"id": account, "name": f"account {number}", "rank": "member", "password_hash": "-"}],
        models.Provider: providers,
        models.Voice: [{"id": voice, "account_id": account, "name": "v", "provider_id": tts, "engine_voice": "v"}],
        models.Role: [
            {"id": role, "account_id": account, "name": "Lulu", "persona": DEFAULT_PERSONA * 3, "model_id": llm,
             "second_model_id": second, "voice_id": voice}
        ],
        models.Device: [
            device | {"device_id": f"toy {number * TOYS_OF_ACCOUNT + each}"} for each in range(TOYS_OF_ACCOUNT)
        ],
    }  # fmt: skip


async def fill(database: Database, seal: Seal, devices: int) -> None:
    for start in range(0, devices // TOYS_OF_ACCOUNT, 100):
        made = [account_rows(start + number, seal) for number in range(100)]
        async with database.writing() as session:
            for table in made[0]:
                await session.execute(insert(table), [row for rows in made for row in rows[table]])


def company(database: Database, seal: Seal, pool: EnginePool, local: LocalEngines) -> Company:
    any_engine: Any = House()
    house = HouseEngines(any_engine, EspeakSynthesizer(), "", EspeakSynthesizer(), any_engine, Role())
    cache = OpusCache(2**20)

    def voice_at(synthesizer: Any, choice: Any, downlink: OpusFormat, *, cache_as: str = "") -> OpusVoice:
        return OpusVoice(synthesizer, choice, downlink, cache, cache_as=cache_as)

    return Company(database, house, pool, local, voice_at, opener(seal))


def told(name: str, taken_ms: list[float]) -> None:
    worst = statistics.quantiles(taken_ms, n=20)[-1]
    print(f"{name:34} p50 {statistics.median(taken_ms):8.3f} ms   p95 {worst:8.3f} ms")


async def measure(devices: int, live: int, url: str) -> None:
    await migrate(url)
    database, seal = open_database(url), Seal([new_key()])
    await fill(database, seal, devices)
    nobody: Any = None
    local = LocalEngines(nobody, nobody)
    pool = EnginePool(EngineMaker(local), most=10_000)
    shared = company(database, seal, pool, local)

    castings, begin_ms = [], []
    for number in range(live):
        casting = shared.casting(f"toy {number * devices // live}", DOWNLINK)
        began_s = time.perf_counter()
        await casting.begin()
        begin_ms.append((time.perf_counter() - began_s) * 1000)
        castings.append(casting)
        assert casting.now().role.name == "Lulu"
    told("begin: query, decrypt, make engines", begin_ms)
    again = [shared.casting(casting.device_id, DOWNLINK) for casting in castings]
    again_ms = []
    for casting in again:
        began_s = time.perf_counter()
        await casting.begin()
        again_ms.append((time.perf_counter() - began_s) * 1000)
        await casting.close()
    told("begin: the engines are there", again_ms)

    times, began_s = 200_000, time.perf_counter()
    for _ in range(times):
        castings[0].now()
    print(f"{'now: at each turn':34}     {(time.perf_counter() - began_s) / times * 1e6:8.3f} us   no query")

    look_ms, cpu_s = [], time.process_time()
    for _ in range(30):
        began_s = time.perf_counter()
        await shared.watch.look()
        look_ms.append((time.perf_counter() - began_s) * 1000)
    told(f"look: {live} live toys, every 2 s", look_ms)
    print(f"{'':34} CPU {(time.process_time() - cpu_s) / 30 * 1000:8.3f} ms")
    for casting in castings:
        await casting.close()
    await shared.close()
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--live", type=int, default=150)
    parser.add_argument("--url", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.url or default_url(Path(folder))
        asyncio.run(measure(arguments.devices, arguments.live, url))


if __name__ == "__main__":
    main()
