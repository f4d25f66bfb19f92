"""`zhiyin secrets ...`: new keys for what is sealed in the database."""

from __future__ import annotations

import argparse
import asyncio

from main_server.secret_keys import secret_keys, write_keys
from main_server.settings import Settings
from main_server.store.audio.data_keys import add_data_key
from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.sealing import Seal, new_key, reseal


def add_secrets_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    secrets = commands.add_parser("secrets", help="change the keys that seal secrets in the database")
    doing = secrets.add_subparsers(dest="doing", required=True, metavar="WHAT")
    doing.add_parser("rotate", help="seal everything with a new key; old ones still open")
    doing.add_parser("forget-old", help="let old keys go, once every server runs with the new one")


def run(arguments: argparse.Namespace, settings: Settings) -> str:
    """What was done, in a sentence. Raises ZhiyinError."""
    if arguments.doing == "rotate":
        return asyncio.run(rotate(settings))
    return asyncio.run(forget_old(settings))


async def rotate(settings: Settings) -> str:
    """Puts a new key first, keeps the others, and seals everything with it. With ZHIYIN_SECRET_KEY its first key is
    the new one. Raises ZhiyinError."""
    keys = secret_keys(settings)
    if not settings.secret_key.get_secret_value():
        keys = [new_key(), *keys]
        write_keys(settings, keys)  # before anything is sealed with it
    resealed = await _reseal(settings, keys, new_data_key=True)
    return f"{resealed} secrets were sealed with the new key. Restart every server, then run: zhiyin secrets forget-old"


async def forget_old(settings: Settings) -> str:
    """Seals what servers sealed with an old key meanwhile, and keeps the newest key alone. Raises ZhiyinError."""
    keys = secret_keys(settings)
    await _reseal(settings, keys)
    if settings.secret_key.get_secret_value():
        return "Everything is sealed with the first key of ZHIYIN_SECRET_KEY: the others can be taken out."
    write_keys(settings, keys[:1])
    return "Only the newest key is left."


async def _reseal(settings: Settings, keys: list[bytes], *, new_data_key: bool = False) -> int:
    url = settings.database_url or default_url(settings.data_dir)
    await migrate(url)
    database = open_database(url)
    try:
        async with database.writing() as session:
            resealed = await reseal(session, Seal(keys))
            if new_data_key:  # recordings are encrypted with a new key from now on, too
                await add_data_key(session, Seal(keys))
            return resealed
    finally:
        await database.close()
